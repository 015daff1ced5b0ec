//! The client against the real one.

use std::{collections::BTreeMap, time::Duration};

use discovery::consul::{Check, Client, ConsulError, ConsulSettings, Follower, Service, Token};
use tokio::time::{Instant, sleep, timeout};

use crate::{agent::Agent, client, node::LIMIT};

fn service(id: &str, check: Check) -> Service {
    Service {
        id: id.into(),
        name: "tests".into(),
        address: Some([10, 1, 2, 3].into()),
        port: 77,
        tags: vec!["red".into()],
        meta: BTreeMap::from([("what", "a `test` with \"quotes\" and ü".to_owned())]),
        check,
    }
}

/// The ids of those that are well, once they fit.
async fn until(follower: &mut Follower, fits: impl Fn(&[String]) -> bool) {
    let seen = timeout(LIMIT, async {
        loop {
            let found = follower.next().await.unwrap();
            let ids: Vec<_> = found.into_iter().map(|instance| instance.id).collect();
            if fits(&ids) {
                return;
            }
        }
    });
    seen.await.expect("what was waited for is in the catalog");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_registered_is_found_with_all_that_was_told_and_is_gone_afterwards() {
    let Some(agent) = Agent::start("a registration", "") else { return };
    let client = client(&agent.url());
    assert!(client.leader().await.unwrap().starts_with("127.0.0.1:"));
    assert!(client.own_address().await.unwrap().is_loopback());
    let wanted = service("one", Check::Ttl);
    client.register(&wanted).await.unwrap();
    assert!(client.has("one").await.unwrap() && !client.has("other").await.unwrap());
    let mut follower = Follower::new(client.clone(), "tests", None);
    until(&mut follower, |ids| ids == ["one"]).await;
    let found = client.healthy("tests", Some("red")).await.unwrap().remove(0);
    assert_eq!((found.address, found.port), (wanted.address.unwrap(), 77));
    assert_eq!((found.tags, &found.meta["what"]), (wanted.tags, &wanted.meta["what"]));
    assert!(client.healthy("tests", Some("blue")).await.unwrap().is_empty());
    client.report(&service("one", Check::Ttl), Err("unwell")).await.unwrap();
    until(&mut follower, <[_]>::is_empty).await;
    client.report(&service("one", Check::Ttl), Ok(())).await.unwrap();
    until(&mut follower, |ids| ids == ["one"]).await;
    client.deregister("one").await.unwrap();
    until(&mut follower, <[_]>::is_empty).await;
    client.deregister("one").await.unwrap();
    assert!(client.report(&wanted_again(), Ok(())).await.is_err(), "a forgotten check must be noticed");
}

fn wanted_again() -> Service {
    service("one", Check::Ttl)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_wakes_a_query_that_waits() {
    let Some(agent) = Agent::start("a blocking query", "") else { return };
    let client = client(&agent.url());
    let mut follower = Follower::new(client.clone(), "tests", None);
    assert!(follower.next().await.unwrap().is_empty());
    let asked = Instant::now();
    let waiting = tokio::join!(
        async {
            until(&mut follower, |ids| ids == ["late"]).await;
            asked.elapsed()
        },
        async {
            sleep(Duration::from_millis(300)).await;
            client.register(&service("late", Check::Ttl)).await.unwrap();
        }
    );
    println!("seen {:?} after it was registered", waiting.0 - Duration::from_millis(300));
    assert!(waiting.0 < Duration::from_secs(30), "it waited for the end of its time: {:?}", waiting.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_set_a_mark_at_once_one_does() {
    let Some(agent) = Agent::start("compare and set", "") else { return };
    let client = client(&agent.url());
    let key = "causeway/mark of a b?c";
    assert_eq!(client.value(key).await.unwrap(), None);
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        tries.spawn(async move { client.set(key, format!("by {number}"), Some(0)).await.unwrap() });
    }
    let won = tries.join_all().await.into_iter().filter(|stored| *stored).count();
    assert_eq!(won, 1);
    let entry = client.value(key).await.unwrap().unwrap();
    assert!(entry.value.starts_with(b"by "));
    assert!(!client.set(key, "later", Some(entry.index - 1)).await.unwrap());
    assert!(client.set(key, "later", Some(entry.index)).await.unwrap());
    assert!(!client.remove(key, Some(entry.index)).await.unwrap());
    let entry = client.value(key).await.unwrap().unwrap();
    assert_eq!(entry.value, b"later");
    assert!(client.remove(key, Some(entry.index)).await.unwrap());
    assert_eq!(client.value(key).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_takes_no_more_connections_is_named() {
    let Some(agent) = Agent::start("many connections", "limits { http_max_conns_per_client = 3 }") else {
        return;
    };
    let client = client(&agent.url());
    client.leader().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(tokio::net::TcpStream::connect(agent.address()).await.unwrap());
    }
    let error = client.leader().await.unwrap_err().to_string();
    assert!(error.contains("http_max_conns_per_client"), "{error}");
    held.clear();
    let again = async { while client.leader().await.is_err() {} };
    timeout(LIMIT, again).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_what_is_closed_without_it() {
    let closed = r#"acl { enabled = true, default_policy = "deny", tokens { master = "the-key" } }"#;
    let Some(agent) = Agent::start_closed("access control", closed, "the-key") else { return };
    let url = agent.url().parse().unwrap();
    let without = client(&agent.url());
    let denied = without.register(&service("one", Check::Ttl)).await.unwrap_err();
    assert!(matches!(denied, ConsulError::Denied { .. }), "{denied}");
    assert!(denied.to_string().contains("service_prefix"), "{denied}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let with = Client::new(ConsulSettings { url, token: Token::File(file.clone()) });
    let missing = with.register(&service("one", Check::Ttl)).await.unwrap_err();
    assert!(missing.to_string().contains(file.to_str().unwrap()), "{missing}");
    std::fs::write(&file, "the-key\n").unwrap();
    with.register(&service("one", Check::Ttl)).await.unwrap();
    assert!(with.has("one").await.unwrap());
}
