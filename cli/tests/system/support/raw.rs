//! A peer of the tests' own: registered with a bridge like any other, and behind its TLS whatever a test wants.
//!
//! Everything of it runs on threads that have entered a host.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use identity::{
    Announcement, Description, Network, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_config, server_name},
};
use proto::{
    bridge::v1::{RegisterRequest, control_client::ControlClient},
    node::v1::{self, NodeKind, Ports},
};
use runtime::rpc;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use tonic::transport::Channel;

use super::{GENEROUS, Host, Node};

/// Registrations are renewed well within a third of a bridge's lease of 15 s.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How soon threads notice that it is over.
const PAUSE: Duration = Duration::from_millis(50);

/// What the raw peer does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Gives it back.
    Echoes,
    /// Takes the connection and reads nothing.
    ReadsNothing,
}

/// A TLS connection of a raw client.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Where a bridge's control is, and whom it must lead to.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) address: SocketAddr,
    pub(crate) bridge: NodeId,
    pub(crate) network: String,
}

impl Control {
    /// The control port of a bridge at this address of it.
    pub(crate) fn of(bridge: &Node, address: &str, network: &str) -> Self {
        let ip: IpAddr = address.parse().expect("an address");
        let id = bridge.id().parse().expect("a node id");
        Self { address: SocketAddr::new(ip, bridge.port("control")), bridge: id, network: network.into() }
    }

    /// Connects as a node. Within the tokio runtime of a thread that is on the right host.
    pub(crate) async fn connect(
        &self,
        identity: &Identity,
    ) -> Result<ControlClient<Channel>, rpc::ConnectError> {
        Ok(ControlClient::new(channel_to(self.address, self.bridge, identity).await?))
    }

    /// A registration for a node that is reached at `port`.
    pub(crate) fn registration(&self, identity: &Identity, port: u16, goodbye: bool) -> RegisterRequest {
        self.registration_as(identity, &describe(identity), port, goodbye)
    }

    /// The same, of a node that describes itself so.
    pub(crate) fn registration_as(
        &self,
        identity: &Identity,
        description: &Description,
        port: u16,
        goodbye: bool,
    ) -> RegisterRequest {
        let announcement = announce(identity, &self.network, port, description, &[self.bridge]);
        RegisterRequest {
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            goodbye,
        }
    }
}

/// A connection to a node's TLS port.
pub(crate) async fn channel_to(
    address: SocketAddr,
    node: NodeId,
    identity: &Identity,
) -> Result<Channel, rpc::ConnectError> {
    let config = client_config(identity, Expected::Node(node), ALPN_H2).expect("a good key");
    Ok(rpc::connect_tls(address, Arc::new(config), server_name(node), GENEROUS).await?.0)
}

/// A description of an invented peer.
pub(crate) fn describe(identity: &Identity) -> Description {
    describe_as(identity, &format!("raw-{}", identity.id().short()))
}

/// The same, under a name.
pub(crate) fn describe_as(identity: &Identity, name: &str) -> Description {
    let message = v1::Description {
        kind: NodeKind::Peer.into(),
        name: name.to_owned(),
        sequence: 1,
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    Description::sign(identity.key(), message).expect("within its bounds")
}

/// An announcement, later than every one before.
fn announce(
    identity: &Identity,
    network: &str,
    port: u16,
    description: &Description,
    homes: &[NodeId],
) -> Announcement {
    static SEQUENCE: AtomicU64 = AtomicU64::new(1);
    let message = v1::Announcement {
        sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed),
        kind: NodeKind::Peer.into(),
        network: Some(Network::named(network).to_proto()),
        ports: Some(Ports { secure: port.into(), ..Ports::default() }),
        homes: homes.iter().map(|home| home.to_bytes()).collect(),
        description_hash: description.hash().to_vec().into(),
        ..v1::Announcement::default()
    };
    Announcement::sign(identity.key(), message).expect("within its bounds")
}

/// Runs asynchronous code on a host.
pub(crate) fn on_host<T: Send>(host: &Host, code: impl Future<Output = T> + Send) -> T {
    host.within(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("threads can be made").block_on(code)
    })
}

/// See the module. Ends when dropped.
#[derive(Debug)]
pub(crate) struct RawPeer {
    id: NodeId,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl RawPeer {
    /// Registers a new peer on a host with a bridge of its network.
    pub(crate) fn start(host: &Host, control: &Control, manners: Manners) -> Self {
        let identity = Identity::ephemeral().expect("keys can be made");
        let listener = host.within(|| TcpListener::bind("0.0.0.0:0")).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let over = Arc::new(AtomicBool::new(false));
        let (id, config) = (identity.id(), server_config(&identity, ALPN_H2).expect("a good key"));
        let serving = thread::spawn({
            let (over, config) = (Arc::clone(&over), Arc::new(config));
            move || serve(&listener, &config, manners, &over)
        });
        let registered = thread::spawn({
            let (host, control, over) = (host.clone(), control.clone(), Arc::clone(&over));
            move || on_host(&host, keep_registered(&control, &identity, port, &over))
        });
        Self { id, over, threads: vec![serving, registered] }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

async fn keep_registered(control: &Control, identity: &Identity, port: u16, over: &AtomicBool) {
    let mut client = control.connect(identity).await.expect("the bridge answers");
    loop {
        client.register(control.registration(identity, port, false)).await.expect("the bridge registers us");
        let renewal = tokio::time::Instant::now() + RENEW_EVERY;
        while tokio::time::Instant::now() < renewal {
            if over.load(Ordering::Acquire) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn serve(
    listener: &TcpListener,
    config: &Arc<rustls::ServerConfig>,
    manners: Manners,
    over: &Arc<AtomicBool>,
) {
    listener.set_nonblocking(true).expect("it is ours");
    let mut connections = Vec::new();
    while !over.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("it is ours");
                stream.set_read_timeout(Some(PAUSE)).expect("it is ours");
                let connection = ServerConnection::new(Arc::clone(config)).expect("a good configuration");
                let over = Arc::clone(over);
                let stream = StreamOwned::new(connection, stream);
                connections.push(thread::spawn(move || answer(stream, manners, &over)));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
    for connection in connections {
        let _ = connection.join();
    }
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, manners: Manners, over: &AtomicBool) {
    let mut buffer = [0; 4096];
    let mut handshaken = false;
    while !over.load(Ordering::Acquire) {
        if handshaken && manners == Manners::ReadsNothing {
            thread::sleep(PAUSE);
            continue;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                handshaken = true;
                if manners == Manners::Echoes && stream.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
            Err(error) if is_pause(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Opens a TLS connection from a host to a node, through a bridge's proxy or directly.
pub(crate) fn dial(host: &Host, address: SocketAddr, destination: NodeId) -> io::Result<Stream> {
    let identity = Identity::ephemeral().map_err(io::Error::other)?;
    let config = client_config(&identity, Expected::Node(destination), ALPN_H2).map_err(io::Error::other)?;
    let connection =
        ClientConnection::new(Arc::new(config), server_name(destination)).map_err(io::Error::other)?;
    let stream = host.within(|| TcpStream::connect_timeout(&address, GENEROUS))?;
    stream.set_read_timeout(Some(GENEROUS))?;
    stream.set_write_timeout(Some(GENEROUS))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(b"!")?;
    stream.flush()?;
    Ok(stream)
}

/// Writes until nothing more is taken for a while; how much was.
pub(crate) fn fill(stream: &mut Stream, patience: Duration) -> usize {
    stream.sock.set_write_timeout(Some(patience)).expect("it is ours");
    // A write of TLS may look for what the other side says, and this one says nothing.
    stream.sock.set_read_timeout(Some(patience)).expect("it is ours");
    let block = vec![7; 64 * 1024];
    let mut taken = 0;
    while stream.write_all(&block).is_ok() {
        taken += block.len();
        assert!(taken < 1 << 30, "a gigabyte went to somebody who reads nothing");
    }
    taken
}
