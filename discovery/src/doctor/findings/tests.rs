//! Sentences for machines that this one is not.

use std::time::{Duration, SystemTime};

use identity::{NetworkId, NodeId};

use super::*;
use crate::doctor::HeardNode;

fn link(nature: InterfaceNature, works: bool) -> LinkHealth {
    LinkHealth {
        interface: "x0".into(),
        address: [10, 0, 0, 1].into(),
        nature,
        used: true,
        sent: Ok(()),
        heard_self: works.then_some(Duration::from_millis(1)),
        others: 0,
    }
}

fn node(number: u8, network: Network) -> HeardNode {
    let id = NodeId::from_bytes([number; 32]);
    HeardNode { id, network, from: [10, 0, 0, number].into(), interface: "x0".into() }
}

fn seen(links: Vec<LinkHealth>, nodes: Vec<HeardNode>, port: PortState) -> Diagnosis {
    Diagnosis { links, nodes, port, now: SystemTime::now(), findings: Vec::new() }
}

fn verdicts(seen: &Diagnosis) -> Vec<Verdict> {
    findings(seen, &Examination::default(), vec![]).into_iter().map(|finding| finding.verdict).collect()
}

fn home(id: Option<u8>) -> Network {
    Network { id: id.map(|id| NetworkId::from_bytes([id; 16])), ..Network::named("home") }
}

#[test]
fn a_machine_on_which_all_is_well_is_told_so() {
    let seen =
        seen(vec![link(InterfaceNature::Ordinary, true)], vec![node(1, home(None))], PortState::Shared(2));
    assert!(verdicts(&seen).iter().all(|verdict| *verdict == Verdict::Good));
}

#[test]
fn a_blocked_port_and_a_missing_interface_are_bad_and_say_what_to_do() {
    let blocked = PortState::Blocked { by: Some("avahi (process 7)".into()) };
    let seen = seen(vec![link(InterfaceNature::Ordinary, true)], vec![], blocked);
    let found = findings(&seen, &Examination::default(), vec!["eth7".into()]);
    let bad: Vec<_> = found.iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
    assert!(bad[0].what.contains("eth7") && bad[1].what.contains("avahi (process 7)"));
    assert!(bad.iter().all(|finding| !finding.advice.is_empty()));
}

#[test]
fn no_working_interface_is_bad_and_loopback_alone_is_doubtful() {
    let deaf = seen(vec![link(InterfaceNature::Ordinary, false)], vec![], PortState::Free);
    assert!(verdicts(&deaf).contains(&Verdict::Bad));
    assert!(verdicts(&seen(vec![], vec![], PortState::Free)).contains(&Verdict::Bad));
    let alone = seen(vec![link(InterfaceNature::Loopback, true)], vec![node(1, home(None))], PortState::Free);
    let found = verdicts(&alone);
    assert!(found.contains(&Verdict::Doubtful) && !found.contains(&Verdict::Bad));
}

#[test]
fn an_overlay_leads_to_a_bridge() {
    let overlay = seen(vec![link(InterfaceNature::Overlay, true)], vec![], PortState::Free);
    let found = findings(&overlay, &Examination::default(), vec![]);
    assert!(found.iter().any(|finding| finding.what.contains("overlay") && finding.advice == INSTEAD));
}

#[test]
fn two_networks_of_one_name_are_shown() {
    let nodes = vec![node(1, home(Some(1))), node(2, home(Some(2))), node(3, home(None))];
    let twice = seen(vec![link(InterfaceNature::Ordinary, true)], nodes, PortState::Free);
    let found = findings(&twice, &Examination::default(), vec![]);
    assert!(found.iter().any(|finding| finding.what.contains("2 networks named `home`")));
    let asked = Examination { network: Some("work".into()), ..Examination::default() };
    let found = findings(&twice, &asked, vec![]);
    assert!(found.iter().any(|finding| finding.what.contains("none of the network `work`")));
}
