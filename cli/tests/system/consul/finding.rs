//! Nodes that cannot hear each other, and find each other by Consul alone.

use std::{fs, net::UdpSocket};

use tempfile::TempDir;

use super::{
    agent::{Agent, exchange},
    read,
};
use crate::support::{Node, eventually, network, text};

/// A node that hears nobody: its port of discovery is its own.
fn deaf(node: Node, agent: &Agent) -> Node {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    node.with(&["--listen", "127.0.0.1", "--discovery-port", &port, "--consul", &agent.url()])
}

fn peer(name: &str, network: &str, folder: &TempDir, agent: &Agent) -> Node {
    deaf(Node::peer(name, network, folder.path()), agent)
}

/// Waits until these are registered and well, and nobody else.
fn wait_listed(agent: &Agent, mut names: Vec<String>) {
    names.sort();
    eventually(&format!("the catalog has {names:?}"), || {
        let found = read(agent, "/v1/health/service/causeway?passing");
        let ids = found.as_array()?.iter().map(|it| text(&it["Service"], "ID").to_owned());
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        (ids == names).then_some(())
    });
}

#[test]
fn two_peers_meet_by_consul_and_talk_on_whatever_becomes_of_it() {
    let Some(mut agent) = Agent::start("two peers and Consul", "") else { return };
    let (folder, network) = (TempDir::new().unwrap(), network("catalog"));
    let anna = peer("anna", &network, &folder, &agent).start();
    let mut ben = peer("ben", &network, &folder, &agent).start();
    anna.wait_online("ben");
    anna.deliver(&ben.id(), "by the catalog");
    let registered = |node: &Node| format!("causeway-peer-{}", node.id());
    wait_listed(&agent, vec![registered(&anna), registered(&ben)]);

    agent.kill();
    eventually("anna says that Consul is away", || anna.written().contains("trying on").then_some(()));
    ben.deliver(&anna.id(), "without it");
    agent.start_again();
    wait_listed(&agent, vec![registered(&anna), registered(&ben)]);
    // By the catalog that was made anew, somebody new is found.
    let carl = peer("carl", &network, &folder, &agent).start();
    for other in [&anna, &ben] {
        other.wait_online("carl");
    }
    carl.deliver(&anna.id(), "who are you?");
    let warnings = anna.written().lines().filter(|line| line.contains("WARN")).count();
    assert!(warnings <= 2, "once for each of registration and catalog: {}", anna.written());

    assert!(ben.terminate().success());
    wait_listed(&agent, vec![registered(&anna), registered(&carl)]);
}

#[test]
fn a_peer_registers_with_a_bridge_that_consul_names_and_bridges_share_their_networks_id() {
    let Some(agent) = Agent::start("a bridge and Consul", "") else { return };
    let (folder, network) = (TempDir::new().unwrap(), network("catalog"));
    let ports = ["--proxy-port", "0", "--control-port", "0", "--greeting-port", "0", "--metrics-port", "0"];
    let bridge = |name| {
        let node = Node::bridge(name, &network, folder.path()).with(&ports);
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        node.with(&["--listen", "127.0.0.1:0", "--discovery-port", &port, "--consul", &agent.url()]).start()
    };
    let first = bridge("first");
    let _anna = peer("anna", &network, &folder, &agent).start();
    let local = |bridge: &Node| {
        eventually("the bridge knows anna", || {
            bridge.json(&["peers"]).into_iter().find(|peer| peer["name"] == "anna")
        })
    };
    local(&first);
    let second = bridge("second");
    local(&second);
    let id = |bridge: &Node| {
        let kept = fs::read_to_string(bridge.data().join("network.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&kept).unwrap()["id"].clone()
    };
    assert_eq!(id(&first), id(&second));
    let found = read(&agent, "/v1/catalog/service/causeway?tag=bridge");
    let mut ports: Vec<_> = found.as_array().unwrap().iter().map(|it| it["ServicePort"].as_u64()).collect();
    let mut expected = [&first, &second].map(|bridge| Some(u64::from(bridge.port("control"))));
    ports.sort();
    expected.sort();
    assert_eq!(ports, expected);
}

#[test]
fn a_token_is_read_from_a_file_and_without_it_the_log_says_what_is_missing() {
    let closed = r#"acl { enabled = true, default_policy = "deny", tokens { master = "the-key" } }"#;
    let Some(agent) = Agent::start_closed("a closed Consul", closed, "the-key") else { return };
    let (folder, network) = (TempDir::new().unwrap(), network("catalog"));
    let file = folder.path().join("token");
    fs::write(&file, "the-key\n").unwrap();
    let token = ["--consul-token-file", file.to_str().unwrap()];
    let anna = peer("anna", &network, &folder, &agent).with(&token).start();
    let ben = peer("ben", &network, &folder, &agent).environment("CONSUL_HTTP_TOKEN", "the-key").start();
    let without = peer("carl", &network, &folder, &agent).start();
    anna.wait_online("ben");
    eventually("carl says why not", || without.written().contains("service_prefix").then_some(()));
    wait_listed(&agent, [&anna, &ben].map(|node| format!("causeway-peer-{}", node.id())).to_vec());
    for node in [&anna, &ben] {
        assert!(!node.written().contains("the-key"), "{}", node.written());
    }
}

#[test]
fn the_doctor_says_whether_consul_works() {
    let Some(mut agent) = Agent::start("doctor and Consul", "") else { return };
    let folder = TempDir::new().unwrap();
    let doctor = |url: &str| {
        let mut command = crate::support::program(folder.path());
        command.args(["doctor", "--interface", "lo", "--consul", url]);
        crate::support::Answer::of(&mut command)
    };
    let well = doctor(&agent.url());
    assert!(well.out.contains("works and has 0 nodes of Causeway"), "{well:?}");
    agent.kill();
    let ill = doctor(&agent.url());
    assert!(ill.code != 0 && ill.out.contains("does not answer"), "{ill:?}");
    let wrong = doctor("https://127.0.0.1:8501");
    assert!(wrong.code == 2 && wrong.err.contains("plain HTTP"), "{wrong:?}");
    assert!(exchange(agent.address(), ("GET", "/"), "", "").is_err());
}
