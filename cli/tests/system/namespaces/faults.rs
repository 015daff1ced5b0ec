//! A link that is cut and heals, and one that loses packets.

use super::stage::Stage;
use crate::support::{eventually, text};

#[test]
fn a_conversation_goes_on_where_a_cut_link_heals() {
    let Some(stage) = Stage::set("cut") else { return };
    stage.assert_talk("before the cut");
    stage.router.cut();
    eventually("the attic notices", || {
        stage.attic.json(&["links"]).iter().all(|link| link["state"] != "up").then_some(())
    });
    eventually("anna is told that carla is out of reach", || {
        stage.anna.known("carla").is_none_or(|carla| carla["state"] != "online").then_some(())
    });
    let answer = stage.anna.causeway(&["send", "carla", "during the cut", "--json"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let message = crate::support::lines(&answer.out).remove(0);
    assert_eq!(text(&message, "state"), "queued");
    stage.router.heal();
    stage.attic.wait_links(1);
    stage.carla.wait_received("anna", &["before the cut, says Anna".into(), "during the cut".into()]);
    stage.assert_talk("after the cut");
}

#[test]
fn a_pulled_cable_delays_messages_and_loses_none() {
    let Some(stage) = Stage::set("cable") else { return };
    stage.assert_talk("before");
    stage.annas_cable.pull();
    stage.anna.send("carla", "out of the dark");
    stage.carla.send("anna", "into the dark");
    eventually("carla is told that anna is gone", || {
        stage.carla.known("anna").is_none_or(|anna| anna["state"] != "online").then_some(())
    });
    stage.annas_cable.plug_in();
    stage.carla.wait_received("anna", &["before, says Anna".into(), "out of the dark".into()]);
    stage.anna.wait_received("carla", &["before, says Carla".into(), "into the dark".into()]);
}

#[test]
fn every_message_arrives_once_and_in_order_at_ten_percent_loss() {
    let Some(stage) = Stage::set("loss") else { return };
    stage.router.lose(10);
    let sent: Vec<_> = (0..60).map(|number| format!("number {number} {}", "x".repeat(400))).collect();
    for text in &sent {
        stage.anna.send("carla", text);
        stage.carla.send("anna", text);
    }
    stage.carla.wait_received("anna", &sent);
    stage.anna.wait_received("carla", &sent);
    let lost = stage.router.counted("loss");
    println!("{lost} packets were lost");
    assert!(lost > 0, "nothing was lost, so nothing was shown");
}
