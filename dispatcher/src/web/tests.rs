//! Pages that turn a connection into another protocol: over sockets, with a page that this test writes itself, since those
//! of peers do not do that yet.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use identity::{NodeId, tls::Identity};
use runtime::TaskGroup;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

use super::{Address, Pace, PassOn, Web, serve_up_to};
use crate::{
    backend::{Instance, Running},
    cookie::Keys,
    keeper::Command,
    metrics::Metrics,
};

const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\nwelcome";
const REFUSED: &[u8] = b"HTTP/1.1 426 Upgrade Required\r\nupgrade: other\r\ncontent-length: 2\r\n\r\nno";
/// More than the buffers of all sockets on the way.
const MUCH: usize = 16 << 20;
/// Within which a connection is served that may be.
const A_MOMENT: Duration = Duration::from_millis(300);
/// For what takes a moment, on a loaded machine.
const GENEROUS: Duration = Duration::from_secs(60);

/// The port of a dispatcher, and where the page of its one peer is.
struct Stage {
    group: TaskGroup,
    port: SocketAddr,
    page: TcpListener,
    node: NodeId,
    _data: TempDir,
}

impl Stage {
    async fn set() -> Self {
        Self::with_room_for(64).await
    }

    async fn with_room_for(connections: usize) -> Self {
        let (group, data) = (TaskGroup::new(), tempfile::tempdir().unwrap());
        let [listener, page] = [listen().await, listen().await];
        let (port, own) = (listener.local_addr().unwrap(), Identity::load_or_create(data.path()).unwrap());
        let (node, page_at) = (own.id(), page.local_addr().unwrap());
        let running = Running { node, secure: page_at, page: page_at, instance: Instance::Process(0) };
        let (commands, mut asked) = mpsc::channel(1);
        group.spawn(tracing::debug_span!("keeper"), async move {
            while let Some(command) = asked.recv().await {
                if let Command::Route { reply, .. } = command {
                    let _ = reply.send(Ok(running));
                }
            }
        });
        let web = Web {
            commands,
            keys: Keys::load(None, data.path()).unwrap(),
            own,
            address: Address::new(None, port.port()),
            pace: Pace::new(0),
            proxies: [].into(),
            pass_on: PassOn::new(group.clone()),
            metrics: Metrics::default(),
            forget: "a day".into(),
        };
        serve_up_to(&group, listener, web, connections);
        Self { group, port, page, node, _data: data }
    }

    /// A browser that asked for another protocol; the page's end of that, and what the page was asked.
    async fn ask(&self) -> (TcpStream, TcpStream, String) {
        let mut browser = TcpStream::connect(self.port).await.unwrap();
        let (node, port) = (self.node, self.port.port());
        let asked = format!(
            "GET /live?x=1 HTTP/1.1\r\nhost: {node}.localhost:{port}\r\nconnection: keep-alive, Upgrade\r\n\
             upgrade: echo\r\nkeep-alive: 5\r\ncookie: a=b\r\n\r\n"
        );
        browser.write_all(asked.as_bytes()).await.unwrap();
        let (mut page, _) = self.page.accept().await.unwrap();
        let heard = head(&mut page).await;
        (browser, page, heard)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.group.abort();
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Up to the empty line, and nothing of what follows.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap().to_ascii_lowercase()
}

async fn take(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn an_upgrade_goes_both_ways_and_then_bytes_do_until_either_has_said_all() {
    let stage = Stage::set().await;
    let (mut browser, mut page, asked) = stage.ask().await;
    assert!(asked.starts_with("get /live?x=1 http/1.1\r\n"), "{asked}");
    for line in ["connection: upgrade", "upgrade: echo", "cookie: a=b"] {
        assert_eq!(asked.matches(&format!("\r\n{line}\r\n")).count(), 1, "{asked}");
    }
    assert!(!asked.contains("keep-alive"), "{asked}");
    page.write_all(SWITCHED).await.unwrap();
    let answered = head(&mut browser).await;
    assert!(answered.starts_with("http/1.1 101 "), "{answered}");
    assert!(answered.contains("connection: upgrade") && answered.contains("upgrade: echo"), "{answered}");
    assert_eq!(take(&mut browser, 7).await, b"welcome", "what came with the answer is not lost");

    let (to_page, to_browser) = (vec![1; MUCH], vec![2; MUCH]);
    let (mut from_browser, mut into_browser) = browser.split();
    let (mut from_page, mut into_page) = page.split();
    let (mut at_page, mut at_browser) = (Vec::new(), Vec::new());
    let browser_says = async {
        into_browser.write_all(&to_page).await.unwrap();
        into_browser.shutdown().await.unwrap();
    };
    let page_says = async {
        from_page.read_to_end(&mut at_page).await.unwrap();
        // The browser has said all, and still listens.
        into_page.write_all(&to_browser).await.unwrap();
        into_page.shutdown().await.unwrap();
    };
    let heard = from_browser.read_to_end(&mut at_browser);
    let all = async { tokio::join!(browser_says, page_says, heard).2 };
    let heard = timeout(GENEROUS, all).await.expect("bytes go both ways");
    assert_eq!(heard.unwrap(), MUCH);
    assert!(at_page == to_page && at_browser == to_browser);
}

#[tokio::test]
async fn an_upgrade_that_the_page_refuses_is_an_ordinary_answer() {
    let stage = Stage::set().await;
    let (mut browser, mut page, _) = stage.ask().await;
    page.write_all(REFUSED).await.unwrap();
    let answered = head(&mut browser).await;
    assert!(answered.starts_with("http/1.1 426 "), "{answered}");
    assert!(!answered.contains("connection: upgrade") && !answered.contains("upgrade: other"), "{answered}");
    assert_eq!(take(&mut browser, 2).await, b"no");
}

#[tokio::test]
async fn an_upgraded_connection_counts_among_those_that_there_may_be() {
    let stage = Stage::with_room_for(1).await;
    let (mut browser, mut page, _) = stage.ask().await;
    page.write_all(SWITCHED).await.unwrap();
    head(&mut browser).await;
    assert_eq!(take(&mut browser, 7).await, b"welcome");
    // It is not looked for long: without the bound another one is served at once.
    let mut another = std::pin::pin!(stage.ask());
    assert!(timeout(A_MOMENT, &mut another).await.is_err(), "two are served where there is room for one");
    drop((browser, page));
    timeout(GENEROUS, another).await.expect("its place is free again");
}
