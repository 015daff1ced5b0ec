//! From what was seen to sentences that say what to do.

use std::collections::{BTreeMap, BTreeSet};

use identity::Network;

use super::{Diagnosis, Examination, Finding, InterfaceNature, LinkHealth, PortState, Verdict, machine};

const INSTEAD: &str = "give nodes here the address of a bridge instead, with --bridge HOST:PORT";

pub(super) fn findings(seen: &Diagnosis, asked: &Examination, missing: Vec<String>) -> Vec<Finding> {
    let mut findings: Vec<_> = missing.iter().map(|name| no_such_interface(name)).collect();
    findings.extend(port(&seen.port, asked.port));
    findings.extend(seen.links.iter().filter(|link| link.used).flat_map(link));
    findings.extend(overall(seen));
    findings.extend(nobody(seen));
    findings.extend(networks(seen, asked));
    findings
}

fn finding(verdict: Verdict, what: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { verdict, what: what.into(), advice: advice.into() }
}

fn no_such_interface(name: &str) -> Finding {
    finding(
        Verdict::Bad,
        format!("there is no interface `{name}` that is up and has an address"),
        "`ip address` lists the interfaces of this machine; check the name after --interface",
    )
}

fn port(state: &PortState, port: u16) -> Option<Finding> {
    match state {
        PortState::Free => None,
        PortState::Shared(sockets) => {
            let what =
                format!("UDP port {port} is shared by {sockets} sockets of this machine, as it should be");
            Some(finding(Verdict::Good, what, ""))
        }
        PortState::Blocked { by } => {
            let by = by.as_deref().unwrap_or("a program of another user");
            let what = format!(
                "UDP port {port} is held by {by}, which does not share it; nodes on this machine hear nobody"
            );
            let advice = format!("stop that program; `ss -ulpn 'sport = :{port}'`, as root, shows it");
            Some(finding(Verdict::Bad, what, advice))
        }
        PortState::Unknown(error) => {
            let what = format!("UDP port {port} cannot be opened: {error}");
            Some(finding(Verdict::Bad, what, "ask whoever runs this machine; a sandbox may forbid it"))
        }
    }
}

fn link(link: &LinkHealth) -> Option<Finding> {
    let place = format!("{} ({})", link.interface, link.address);
    let loopback_v6 = link.nature == InterfaceNature::Loopback && link.address.is_ipv6();
    match (&link.sent, link.heard_self) {
        _ if loopback_v6 && link.heard_self.is_none() => None,
        (Err(error), _) => {
            let what = format!("multicast cannot be sent on {place}: {error}");
            Some(finding(Verdict::Doubtful, what, format!("check the firewall and routes; or {INSTEAD}")))
        }
        (Ok(()), None) => {
            let what = format!("what is sent to the multicast group on {place} does not even come back here");
            let advice = format!(
                "a firewall on this machine probably drops UDP to the group: allow UDP port 30002 in and out; or \
                 {INSTEAD}"
            );
            Some(finding(Verdict::Doubtful, what, advice))
        }
        (Ok(()), Some(after)) => {
            let what = format!("multicast works on {place} within this machine ({after:.1?})");
            Some(explained(link, what))
        }
    }
}

/// Adds what is special about the interface.
fn explained(link: &LinkHealth, what: String) -> Finding {
    match link.nature {
        InterfaceNature::Overlay if link.others == 0 => finding(
            Verdict::Doubtful,
            format!("{what}, but this is an overlay network, which carries no multicast between machines"),
            INSTEAD,
        ),
        InterfaceNature::Tunnel if link.others == 0 => finding(
            Verdict::Doubtful,
            format!("{what}, but this is a tunnel, and most tunnels carry no multicast"),
            INSTEAD,
        ),
        InterfaceNature::DockerBridge => {
            finding(Verdict::Good, format!("{what}; behind it are this machine's own containers"), "")
        }
        InterfaceNature::Loopback => {
            finding(Verdict::Good, format!("{what}; only nodes of this machine are reached there"), "")
        }
        _ => finding(Verdict::Good, what, ""),
    }
}

/// Bad is only what leaves a node with nothing.
fn overall(seen: &Diagnosis) -> Option<Finding> {
    let mut used = seen.links.iter().filter(|link| link.used).peekable();
    if used.peek().is_none() {
        return Some(finding(
            Verdict::Bad,
            "no interface is left to listen on",
            "connect this machine to a network, or name an interface with --interface",
        ));
    }
    let working: Vec<_> = used.filter(|link| link.heard_self.is_some()).collect();
    if working.is_empty() {
        let what = "multicast works on no interface: nodes here cannot find others by themselves";
        return Some(finding(Verdict::Bad, what, INSTEAD));
    }
    if working.iter().all(|link| link.nature == InterfaceNature::Loopback) {
        let what =
            "only the loopback interface is used: nodes of this machine find each other, and nobody else";
        let advice = "that is right for a demo; else connect to a network, or leave --interface out";
        return Some(finding(Verdict::Doubtful, what, advice));
    }
    None
}

fn nobody(seen: &Diagnosis) -> Option<Finding> {
    if !seen.nodes.is_empty() {
        return None;
    }
    let what = "nobody else was heard";
    if machine::in_container() {
        let advice = format!(
            "this is a container: in Docker's overlay networks multicast never arrives; {INSTEAD}. In a bridge \
             network it arrives from containers of this machine alone"
        );
        return Some(finding(Verdict::Doubtful, what, advice));
    }
    let advice = format!(
        "that is right when no other node runs here. Else: is it the same LAN and not a guest Wi-Fi, does a firewall \
         drop UDP port 30002, does the access point forward multicast (\"IGMP snooping\", \"client isolation\")? Or \
         {INSTEAD}"
    );
    Some(finding(Verdict::Doubtful, what, advice))
}

fn networks(seen: &Diagnosis, asked: &Examination) -> Vec<Finding> {
    let mut heard: BTreeMap<&Network, BTreeSet<_>> = BTreeMap::new();
    for node in &seen.nodes {
        heard.entry(&node.network).or_default().insert(node.id);
    }
    let line = |(network, nodes): (&&Network, &BTreeSet<_>)| {
        let id = network.id.map_or_else(|| "no id yet".to_owned(), |id| format!("id {id}"));
        finding(Verdict::Good, format!("network `{}` ({id}): {} nodes heard", network.name, nodes.len()), "")
    };
    let mut findings: Vec<_> = heard.iter().map(line).collect();
    findings.extend(same_names(heard.keys().copied()));
    if let Some(wanted) = &asked.network
        && !heard.keys().any(|network| network.name == *wanted)
        && !seen.nodes.is_empty()
    {
        let what = format!("other nodes were heard, but none of the network `{wanted}`");
        findings.push(finding(Verdict::Doubtful, what, "check --network: nodes find those of the same name"));
    }
    findings
}

/// Two networks of one name are two networks, which surprises people.
fn same_names<'a>(networks: impl Iterator<Item = &'a Network>) -> Vec<Finding> {
    let mut ids: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for network in networks {
        ids.entry(&network.name).or_default().extend(network.id);
    }
    let twice = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
    twice
        .map(|(name, ids)| {
            let what = format!(
                "there are {} networks named `{name}` on this wire, with different ids; their nodes do not see each \
                 other",
                ids.len()
            );
            let advice = "give one of them another name; or, if they should be one, start the second bridge anew \
                          with an empty data directory while the first one runs";
            finding(Verdict::Doubtful, what, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests;
