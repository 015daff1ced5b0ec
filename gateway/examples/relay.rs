//! Measures the way across: a caller, two bridges and a peer, each a process of its own, against the direct way.
//!
//! `cargo run --release -p gateway --example relay` prints the round trip of 256 bytes, bulk over one stream, new
//! connections per second, and the bridges' memory for each idle connection. Both ways run the same TLS.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, SocketAddr},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::{
    endpoint::{Congestion, EndpointSettings, LinkEndpoint},
    link::{
        Admission, DEFAULT_WINDOW_BYTES, Introduction, LinkEvent, LinkParts, LinkTarget, Links,
        incoming_streams,
    },
    proxy::{Directory, NextHop, Proxy, ProxyParts, limits::ProxyLimits},
    stream::Metrics,
};
use identity::{
    Description, Network, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_config, server_name},
};
use proto::{
    bridge::v1::Refusal,
    node::v1::{self, NodeKind},
};
use runtime::TaskGroup;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

const MESSAGE_BYTES: usize = 256;
const WARM_UP: usize = 2_000;
const ROUNDS: usize = 20_000;
const BULK_BYTES: usize = 1 << 30;
const PIECE_BYTES: usize = 128 * 1024;
const CONNECTIONS: usize = 500;
const IDLE: usize = 2_000;
const GRACE: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // `RELAY_THREADS` sets the worker threads of each process; the default is one for each core.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Ok(threads) = std::env::var("RELAY_THREADS") {
        runtime.worker_threads(threads.parse()?);
    }
    let runtime = runtime.enable_all().build()?;
    match std::env::args().nth(1).as_deref() {
        Some("bridge") => runtime.block_on(bridge()),
        Some("peer") => runtime.block_on(peer()),
        _ => runtime.block_on(measure()),
    }
}

/// A child process that answers in lines.
struct Role {
    child: Child,
    input: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Role {
    fn start(role: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no stdin")?;
        let lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        Ok(Self { child, input, lines })
    }

    fn tell(&mut self, line: &str) -> Outcome<()> {
        Ok(writeln!(self.input, "{line}")?)
    }

    fn hear(&mut self) -> Outcome<Vec<String>> {
        let line = self.lines.next().ok_or("the child ended")??;
        Ok(line.split(' ').map(str::to_owned).collect())
    }

    /// Processor time so far. Unlike the clock's time it means something on a busy machine.
    fn processor(&self) -> Outcome<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(") ").ok_or("no stat")?.1;
        let mut ticks = after_name.split(' ').skip(11).map(str::parse::<u64>);
        let (user, system) = (ticks.next().ok_or("no utime")??, ticks.next().ok_or("no stime")??);
        Ok(Duration::from_millis((user + system) * 10))
    }

    /// Resident memory, bytes.
    fn resident(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn measure() -> Outcome<()> {
    let (mut a, mut b, mut peer) = (Role::start("bridge")?, Role::start("bridge")?, Role::start("peer")?);
    let (of_a, of_b, of_peer) = (a.hear()?, b.hear()?, peer.hear()?);
    a.tell(&format!("trust {}", of_b[0]))?;
    b.tell(&format!("trust {}", of_a[0]))?;
    a.tell(&format!("via {} {}", of_peer[0], of_b[0]))?;
    b.tell(&format!("local {} {}", of_peer[0], of_peer[1]))?;
    a.tell(&format!("dial {} {}", of_b[0], of_b[1]))?;
    a.hear()?;
    let caller = Identity::ephemeral()?;
    let id = of_peer[0].parse()?;
    let connector = TlsConnector::from(Arc::new(client_config(&caller, Expected::Node(id), ALPN_H2)?));
    let direct = Way { connector: connector.clone(), id, address: of_peer[1].parse()? };
    let across = Way { connector, id, address: of_a[2].parse()? };
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    for run in 1..=3 {
        println!("run {run}");
        if wanted("echo") {
            let d = direct.round_trips().await?;
            let before = a.processor()? + b.processor()?;
            let x = across.round_trips().await?;
            let spent = (a.processor()? + b.processor()? - before) / u32::try_from(WARM_UP + ROUNDS)?;
            println!("  both bridges spend {spent:?} of processor on a round trip");
            println!(
                "  round trip p50 {:?} direct, {:?} across: {:.2} times (target: at most 2.2)",
                d.0,
                x.0,
                ratio(d.0, x.0)
            );
            println!("  round trip p99 {:?} direct, {:?} across: {:.2} times", d.1, x.1, ratio(d.1, x.1));
        }
        if wanted("bulk") {
            let d = direct.bulk().await?;
            let before = a.processor()? + b.processor()?;
            let x = across.bulk().await?;
            println!(
                "  both bridges spend {:?} of processor on a gibibyte",
                a.processor()? + b.processor()? - before
            );
            println!(
                "  bulk {d:.0} MB/s direct, {x:.0} MB/s across: {:.2} times (target: at least 0.3)",
                x / d
            );
        }
        if wanted("connect") {
            let (d, x) = (direct.connections().await?, across.connections().await?);
            println!("  new connections {d:.0}/s direct, {x:.0}/s across: {:.2} times", x / d);
        }
    }
    if wanted("idle") {
        idle(&across, &a, &b).await?;
    }
    Ok(())
}

async fn idle(across: &Way, a: &Role, b: &Role) -> Outcome<()> {
    let before = (a.resident()?, b.resident()?);
    let connections = across.idle().await?;
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / IDLE as f64 / 1024.0;
    println!(
        "{IDLE} idle connections: {:.1} KiB each in the caller's bridge, {:.1} KiB in the peer's (target: at most 24)",
        each(before.0, a.resident()?),
        each(before.1, b.resident()?)
    );
    drop(connections);
    Ok(())
}

fn ratio(direct: Duration, across: Duration) -> f64 {
    across.as_secs_f64() / direct.as_secs_f64()
}

/// A way to the peer.
struct Way {
    connector: TlsConnector,
    id: NodeId,
    address: SocketAddr,
}

impl Way {
    async fn connect(&self) -> Outcome<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(server_name(self.id), stream).await?)
    }

    async fn round_trips(&self) -> Outcome<(Duration, Duration)> {
        let mut stream = self.connect().await?;
        stream.write_all(b"e").await?;
        let (message, mut echoed) = ([7; MESSAGE_BYTES], [0; MESSAGE_BYTES]);
        let mut times = Vec::with_capacity(ROUNDS);
        for round in 0..WARM_UP + ROUNDS {
            let began = Instant::now();
            stream.write_all(&message).await?;
            stream.read_exact(&mut echoed).await?;
            if round >= WARM_UP {
                times.push(began.elapsed());
            }
        }
        times.sort_unstable();
        Ok((times[ROUNDS / 2], times[ROUNDS * 99 / 100]))
    }

    /// Megabytes per second.
    async fn bulk(&self) -> Outcome<f64> {
        let mut stream = self.connect().await?;
        stream.write_all(b"s").await?;
        let piece = vec![7; PIECE_BYTES];
        let began = Instant::now();
        for _ in 0..BULK_BYTES / PIECE_BYTES {
            stream.write_all(&piece).await?;
        }
        stream.shutdown().await?;
        let received = stream.read_u64().await?;
        assert_eq!(received, BULK_BYTES as u64);
        Ok(BULK_BYTES as f64 / 1e6 / began.elapsed().as_secs_f64())
    }

    /// Connections per second, eight at a time, each with one echo.
    async fn connections(&self) -> Outcome<f64> {
        let began = Instant::now();
        for _ in 0..CONNECTIONS / 8 {
            futures_util::future::try_join_all((0..8).map(|_| async {
                let mut stream = self.connect().await?;
                stream.write_all(b"e!").await?;
                stream.read_u8().await?;
                Ok::<_, Box<dyn Error>>(())
            }))
            .await?;
        }
        Ok(CONNECTIONS as f64 / began.elapsed().as_secs_f64())
    }

    async fn idle(&self) -> Outcome<Vec<TlsStream<TcpStream>>> {
        let mut streams = Vec::new();
        for _ in 0..IDLE {
            let mut stream = self.connect().await?;
            stream.write_all(b"e!").await?;
            stream.read_u8().await?;
            streams.push(stream);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(streams)
    }
}

/// Echoes, or counts what it gets.
#[expect(clippy::disallowed_methods, reason = "the tasks live as long as this process")]
async fn peer() -> Outcome<()> {
    let identity = Identity::ephemeral()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", identity.id(), listener.local_addr()?);
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity, ALPN_H2)?));
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A caller that goes ends its task.
            let _ = answer(acceptor, stream).await;
        });
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let echo = stream.read_u8().await? == b'e';
    let mut buffer = vec![0; if echo { 4 * 1024 } else { PIECE_BYTES }];
    let mut received = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            read if echo => stream.write_all(&buffer[..read]).await?,
            read => received += read as u64,
        }
    }
    stream.write_u64(received).await?;
    stream.shutdown().await
}

/// A bridge whose directory comes over standard input.
async fn bridge() -> Outcome<()> {
    let identity = Identity::ephemeral()?;
    let settings = EndpointSettings { listen: "127.0.0.1:0".parse()?, congestion: Congestion::Cubic };
    let endpoint = LinkEndpoint::bind(&identity, &settings)?;
    if let Some(small) = endpoint.small_buffers() {
        eprintln!("{small}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {} {}", identity.id(), endpoint.local_addr()?, listener.local_addr()?);
    let (group, metrics) = (TaskGroup::new(), Metrics::default());
    let (event_sender, mut events) = mpsc::channel(64);
    let (streams, incoming) = incoming_streams();
    let trust = watch::Sender::new(Arc::new(BTreeSet::new()));
    let directory = Arc::new(Hops::default());
    let links = Links::spawn(
        &group,
        LinkParts {
            endpoint,
            introduction: introduction(&identity)?,
            trust: trust.subscribe(),
            admission: Arc::new(Nobody),
            events: event_sender,
            streams,
            metrics: metrics.clone(),
            window_bytes: DEFAULT_WINDOW_BYTES,
        },
    );
    let parts = ProxyParts {
        listener,
        links: links.clone(),
        incoming,
        directory: directory.clone(),
        limits: ProxyLimits::default(),
        metrics,
    };
    let _proxy = Proxy::spawn(&group, parts);
    let mut orders = orders();
    loop {
        tokio::select! {
            line = orders.recv() => match line {
                Some(line) => obey(&line, &trust, &links, &directory)?,
                None => break,
            },
            event = events.recv() => if let Some(LinkEvent::Up(up)) = event && up.dialled {
                println!("up");
            },
        }
    }
    group.shutdown(GRACE).await;
    Ok(())
}

/// The lines of standard input.
fn orders() -> mpsc::Receiver<String> {
    let (sender, orders) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    orders
}

fn obey(line: &str, trust: &watch::Sender<Arc<BTreeSet<NodeId>>>, links: &Links, hops: &Hops) -> Outcome<()> {
    let words: Vec<_> = line.split(' ').collect();
    match words[..] {
        ["trust", id] => {
            let id = id.parse()?;
            trust.send_modify(|ids| {
                Arc::make_mut(ids).insert(id);
            });
        }
        ["dial", id, address] => {
            links.add(LinkTarget { id: id.parse()?, host_port: address.into(), invitation: None });
        }
        ["via", peer, bridge] => hops.set(peer.parse()?, NextHop::Link { bridge: bridge.parse()? }),
        ["local", peer, address] => {
            hops.set(peer.parse()?, NextHop::Local { addresses: vec![address.parse()?] });
        }
        _ => return Err("what?".into()),
    }
    Ok(())
}

fn introduction(identity: &Identity) -> Outcome<Introduction> {
    let message = v1::Description {
        kind: NodeKind::Bridge.into(),
        name: "bench".into(),
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), message)?;
    Ok(Introduction { description, network: Network::named("bench") })
}

#[derive(Default)]
struct Hops(Mutex<HashMap<NodeId, NextHop>>);

impl Hops {
    fn set(&self, peer: NodeId, hop: NextHop) {
        self.0.lock().expect("nobody panics with the lock").insert(peer, hop);
    }
}

impl Directory for Hops {
    fn next_hop(&self, destination: NodeId, _hops_left: u8) -> Result<NextHop, Refusal> {
        let hops = self.0.lock().expect("nobody panics with the lock");
        hops.get(&destination).cloned().ok_or(Refusal::UnknownPeer)
    }

    fn caller(&self, _address: IpAddr) -> Option<NodeId> {
        Some(NodeId::from_bytes([0; 32]))
    }

    fn refused(&self, destination: NodeId, refusal: Refusal) {
        eprintln!("{destination}: {refusal:?}");
    }
}

struct Nobody;

impl Admission for Nobody {
    fn is_open(&self) -> bool {
        false
    }

    fn redeem(&self, _bridge: NodeId, _invitation: Bytes) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }
}
