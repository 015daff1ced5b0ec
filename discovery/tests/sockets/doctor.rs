//! The doctor on this machine.

use std::time::Duration;

use discovery::doctor::{Examination, examine};

use crate::node::{Node, Plan, free_port, loopback};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_hears_itself_and_the_nodes_that_run() {
    let port = free_port();
    let node = Node::start(Plan::new("patient", loopback(port)));
    node.known("its own address", |snapshot| snapshot.own_addresses.first().cloned()).await;
    let examination = Examination {
        port,
        interfaces: vec!["lo".into()],
        network: Some("home".into()),
        listen: Duration::from_secs(3),
    };
    let diagnosis = examine(&examination).await.unwrap();
    for finding in &diagnosis.findings {
        println!("{:?}: {}. {}", finding.verdict, finding.what, finding.advice);
    }
    assert!(diagnosis.is_healthy());
    assert!(diagnosis.nodes.iter().any(|heard| heard.id == node.id()));
    let loopback = diagnosis.links.iter().find(|link| link.used && link.address.is_ipv4()).unwrap();
    assert!(loopback.heard_self.is_some(), "{loopback:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_kept_from_nodes_is_bad() {
    let keeper = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = keeper.local_addr().unwrap().port();
    let listen = Duration::from_millis(100);
    let diagnosis = examine(&Examination { port, listen, ..Examination::default() }).await.unwrap();
    assert!(!diagnosis.is_healthy());
}
