//! A bridge measures how long it takes until all others hold what it says.

use crate::support::{FakePeer, Node, eventually, linked_pair, trust};

/// A metric without labels, as it is now.
async fn number(node: &Node, name: &str) -> f64 {
    let text = node.http("/metrics").await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// Events that came to everybody, once none waits any more.
async fn held_by_all(node: &Node, more_than: f64) -> f64 {
    eventually("events that all hold", async || {
        let waiting = number(node, "causeway_bridge_convergence_seconds").await;
        let held = number(node, "causeway_bridge_convergence_time_seconds_count").await;
        (waiting == 0.0 && held > more_than).then_some(held)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_three_bridges_in_a_row_learns_that_all_hold_what_it_says() {
    let (one, two) = linked_pair().await;
    let url = two.url();
    let three = Node::start_with("far", |config| config.links = vec![url]).await;
    trust(&two, three.id()).await;
    let mut anna = FakePeer::new("anna");
    anna.register(&one).await;
    eventually("anna", async || three.state_of(anna.id()).await).await;
    for node in [&one, &two, &three] {
        let before = held_by_all(node, 0.0).await;
        FakePeer::new("somebody").register(node).await;
        held_by_all(node, before).await;
        let took = number(node, "causeway_bridge_convergence_time_seconds_sum").await;
        assert!(took > 0.0 && took < 60.0 * before, "{took} s for {before} events");
    }
    // Whoever stopped is not waited for.
    three.stop().await;
    let before = held_by_all(&one, 0.0).await;
    FakePeer::new("another").register(&one).await;
    held_by_all(&one, before).await;
    one.stop().await;
    two.stop().await;
}
