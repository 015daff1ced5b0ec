//! Safety numbers, names under two keys, blocking and deleting.

use super::{choose, open, wait_said, wait_text, write};
use crate::support::Towns;

#[test]
fn both_see_the_same_safety_number_and_a_mark_lasts() {
    let towns = Towns::start();
    let (mut anna, carla) = (towns.at_home_with_a_lasting_page("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let Some(page) = open("safety", &anna) else { return };
    let Some(other) = open("safety", &carla) else { return };
    for (browser, peer) in [(&page, &carla), (&other, &anna)] {
        choose(browser, peer);
        browser.click("#open-safety");
        browser.wait_for("document.querySelector('#safety').open");
        assert!(
            browser
                .script("return document.querySelector('#safety .code path').getAttribute('d').length")
                .as_u64()
                > Some(500)
        );
    }
    assert_eq!(page.text("#safety .digits"), other.text("#safety .digits"));
    assert_eq!(page.text("#safety .digits").split(' ').count(), 12);
    page.click("#verify");
    wait_text(&page, "#open-safety", "Verified");
    anna.kill();
    anna.start_again();
    page.wait_for("document.querySelector('#connection').dataset.state === 'live'");
    wait_text(&page, "#open-safety", "Verified");
}

#[test]
fn a_known_name_under_another_key_cannot_be_overlooked_until_somebody_compares() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    anna.deliver("ben", "it is me");
    let Some(page) = open("impostor", &anna) else { return };
    choose(&page, &ben);
    page.wait_for("document.querySelector('#warning').hidden");
    let impostor = towns.another_at_home("ben");
    page.wait_for("!document.querySelector('#warning').hidden");
    wait_text(&page, "#warning", "used by more than one key");
    choose(&page, &impostor);
    wait_text(&page, "#warning", &impostor.id()[..8]);
    // They are told apart in the list.
    let names = page.texts("#people .lines b");
    assert!(
        names.iter().any(|it| it.contains(&impostor.id()[..8]))
            && names.iter().any(|it| it.contains(&ben.id()[..8])),
        "{names:?}"
    );
    // Whoever is compared with is not doubted any more; the other one is.
    choose(&page, &ben);
    page.click("#open-safety");
    page.wait_for("document.querySelector('#safety').open");
    page.click("#verify");
    page.wait_for("document.querySelector('#warning').hidden");
    choose(&page, &impostor);
    page.wait_for("!document.querySelector('#warning').hidden");
}

#[test]
fn strangers_who_share_a_name_are_merely_told_apart() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    let (one, other) = (towns.at_home("ben"), towns.another_at_home("ben"));
    let Some(page) = open("strangers", &anna) else { return };
    for ben in [&one, &other] {
        choose(&page, ben);
        page.wait_for("document.querySelector('#warning').hidden");
        wait_text(&page, "#people [aria-current=true]", &ben.id()[..8]);
    }
}

#[test]
fn a_blocked_peer_is_told_so_and_what_it_says_comes_once_it_is_not_blocked_any_more() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    ben.deliver("anna", "buy this");
    let Some(page) = open("blocking", &anna) else { return };
    choose(&page, &ben);
    wait_said(&page, &["buy this"]);
    page.script("document.querySelector('#menu').open = true");
    page.click("#block");
    page.wait_for("!document.querySelector('#blocked').hidden && document.querySelector('#composer').hidden");
    let refused = ben.causeway(&["send", "anna", "buy more", "--wait", "2"]);
    assert!(refused.code == 5 && refused.out.contains("takes nothing from you"), "{refused:?}");
    let own = anna.causeway(&["send", "ben", "no"]);
    assert!(own.code != 0 && own.err.contains("you blocked this peer"), "{own:?}");
    assert_eq!(anna.received("ben"), ["buy this"]);
    page.click("#unblock");
    wait_said(&page, &["buy this", "buy more"]);
    write(&page, "no, thank you");
    ben.wait_received("anna", &["no, thank you".into()]);
}

#[test]
fn a_deleted_conversation_is_gone_for_every_face_and_stays_with_the_other_side() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    anna.deliver("ben", "forget this harbour");
    ben.deliver("anna", "which harbour?");
    let Some(page) = open("deleting", &anna) else { return };
    choose(&page, &ben);
    wait_said(&page, &["forget this harbour", "which harbour?"]);
    page.script("document.querySelector('#menu').open = true");
    page.click("#delete");
    page.wait_for("document.querySelector('#sure').open");
    wait_text(&page, "#sure", "The other side keeps its copy");
    page.click("#delete-now");
    wait_said(&page, &[]);
    assert!(anna.json(&["inbox"]).is_empty());
    assert!(anna.json(&["search", "harbour"]).is_empty());
    assert!(anna.causeway(&["export", "-"]).out.is_empty());
    assert_eq!(ben.received("anna"), ["forget this harbour"]);
    write(&page, "anew");
    ben.wait_received("anna", &["forget this harbour".into(), "anew".into()]);
    wait_said(&page, &["anew"]);
}
