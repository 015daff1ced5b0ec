//! Registrations that are kept up: against whoever takes them out, and only as long as somebody keeps them.

use std::net::Ipv4Addr;

use discovery::consul::{
    Follower, Keeping, Service,
    catalog::{ListedPage, PAGES, VACANT},
    route::{Entrance, Page},
};
use identity::NodeId;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{agent::Agent, client, node::LIMIT};

/// A page that is well until it is dropped.
struct Served {
    port: u16,
    _serving: tokio::task::JoinSet<()>,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .await;
            }
        });
        Self { port, _serving: serving }
    }

    fn page(&self, vacant: bool) -> Service {
        let (id, network) = (NodeId::from_bytes([7; 32]), "cloud".to_owned());
        let (page, secure) = (([127, 0, 0, 1], self.port).into(), ([0, 0, 0, 0], 30_000).into());
        let entrance = Entrance { domain: "chat.test".into(), entry_points: Vec::new() };
        let page = Page { id, network, page, secure, vacant };
        page.service(&entrance, Ipv4Addr::LOCALHOST.into()).unwrap()
    }
}

async fn until(follower: &mut Follower, fits: impl Fn(&[ListedPage]) -> bool) {
    let seen = timeout(LIMIT, async {
        loop {
            let found = follower.next().await.unwrap();
            let pages: Vec<_> = found.iter().map(|instance| ListedPage::read(instance).unwrap()).collect();
            if fits(&pages) {
                return;
            }
        }
    });
    seen.await.expect("what was waited for is in the catalog");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_vacant_until_it_is_taken_comes_back_when_taken_out_and_leaves_in_the_end() {
    let Some(agent) = Agent::start("a page", "") else { return };
    let (served, client) = (Served::start().await, client(&agent.url()));
    let (take, taken) = watch::channel(true);
    let (id, end) = (served.page(true).id, CancellationToken::new());
    let (mut all, mut vacant) =
        [None, Some(VACANT)].map(|tag| Follower::new(client.clone(), PAGES, tag)).into();
    let (now, told) = (taken.clone(), end.clone());
    let keeping = Keeping::new(client.clone(), move |_| Ok(served.page(*now.borrow())), taken);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { keeping.run(&told).await });

    until(&mut vacant, |pages| matches!(pages, [page] if page.vacant && page.secure.port() == 30_000)).await;
    assert_eq!(ListedPage::vacant(&client, "cloud").await.unwrap().len(), 1);
    assert!(ListedPage::vacant(&client, "home").await.unwrap().is_empty());
    take.send(false).unwrap();
    until(&mut vacant, <[_]>::is_empty).await;
    until(&mut all, |pages| matches!(pages, [page] if !page.vacant)).await;
    client.deregister(&id).await.unwrap();
    until(&mut all, <[_]>::is_empty).await;
    until(&mut all, |pages| matches!(pages, [page] if !page.vacant)).await;
    end.cancel();
    until(&mut all, <[_]>::is_empty).await;
    tasks.join_all().await;
    assert!(!client.has(&id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_died_is_not_found_any_more() {
    let Some(agent) = Agent::start("a page that dies", "") else { return };
    let (served, client) = (Served::start().await, client(&agent.url()));
    client.register(&served.page(true)).await.unwrap();
    let mut pages = Follower::new(client.clone(), PAGES, None);
    until(&mut pages, |pages| pages.len() == 1).await;
    let id = served.page(true).id;
    drop(served);
    until(&mut pages, <[_]>::is_empty).await;
    assert!(client.has(&id).await.unwrap(), "it is unwell, and taken out a minute later");
}
