//! The other end of the raw measurements: a peer as far as a bridge can see, with a few lines of echo behind its TLS.
//!
//! A connection's first byte says what it wants: [`ECHO`] gives every byte back, [`SINK`] swallows what comes until the
//! end and then answers how much it was. Or the peer talks as peers do, and gives back [frames].

use std::{
    io::Read as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use clap::Args;
use identity::{
    Announcement, Description, Network, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_config, server_name},
};
use proto::{
    bridge::v1::{RegisterRequest, control_client::ControlClient},
    node::v1::{self, NodeKind, Ports},
};
use runtime::{TaskGroup, rpc};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tracing::info_span;

use super::{frames, node::Node};

/// Give back whatever comes.
pub(super) const ECHO: u8 = b'E';
/// Swallow until the end, then say how much.
pub(super) const SINK: u8 = b'S';
/// What one read takes.
const BUFFER: usize = 128 * 1024;
/// Well below the third of the bridge's lease of 15 s within which a registration is to be renewed.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// For connecting to a bridge on loopback.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Where the echo peer belongs.
#[derive(Debug, Args)]
pub(crate) struct EchoArguments {
    #[arg(long)]
    network: String,
    #[arg(long)]
    bridge: NodeId,
    #[arg(long)]
    control: SocketAddr,
    /// Sessions of chat frames instead of bare bytes
    #[arg(long)]
    frames: bool,
}

/// Serves until its parent goes away.
pub(crate) async fn serve(arguments: EchoArguments) -> anyhow::Result<()> {
    let identity = Identity::ephemeral()?;
    let tasks = TaskGroup::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let config = Arc::new(server_config(&identity, ALPN_H2)?);
    if arguments.frames {
        frames::serve(&tasks, listener, config);
    } else {
        serve_bytes(&tasks, listener, TlsAcceptor::from(config));
    }
    let id = identity.id();
    let registration =
        Registration { network: arguments.network, bridge: arguments.bridge, control: arguments.control };
    registration.keep(&tasks, identity, port).await?;
    println!("ready {id} {port}");
    // The parent's end of the pipe closes with the parent.
    tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0; 1])).await??;
    tasks.abort();
    Ok(())
}

/// What [`serve`] prints when it can be reached.
pub(super) fn parse_ready(line: &str) -> Option<(NodeId, u16)> {
    let mut parts = line.strip_prefix("ready ")?.split(' ');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn serve_bytes(tasks: &TaskGroup, listener: TcpListener, acceptor: TlsAcceptor) {
    let group = tasks.clone();
    tasks.spawn(info_span!("accept"), async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            group.spawn(info_span!("connection"), async move {
                // Ends in whatever way the measuring side ends it.
                let _ = answer(stream, acceptor).await;
            });
        }
    });
}

async fn answer(stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    match stream.read_u8().await? {
        ECHO => echo(&mut stream).await,
        _ => sink(&mut stream).await,
    }
}

async fn echo(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..length]).await?;
        stream.flush().await?;
    }
}

async fn sink(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0_u64;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        total += length as u64;
    }
    stream.write_u64(total).await?;
    stream.shutdown().await
}

/// A place at a bridge.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    network: String,
    bridge: NodeId,
    control: SocketAddr,
}

impl Registration {
    pub(super) fn to(bridge: &Node, network: &str) -> anyhow::Result<Self> {
        let control = SocketAddr::from(([127, 0, 0, 1], bridge.port("control")?));
        Ok(Self { network: network.into(), bridge: bridge.id(), control })
    }

    /// Registers `identity`, reachable at `port` of this address, and keeps it registered.
    pub(super) async fn keep(self, tasks: &TaskGroup, identity: Identity, port: u16) -> anyhow::Result<()> {
        let config = client_config(&identity, Expected::Node(self.bridge), ALPN_H2)?;
        let name = server_name(self.bridge);
        let (channel, _) = rpc::connect_tls(self.control, Arc::new(config), name, CONNECT_LIMIT).await?;
        let mut control = ControlClient::new(channel);
        control
            .register(self.request(&identity, port)?)
            .await
            .context("the bridge refuses to register us")?;
        tasks.spawn(info_span!("register"), async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                let Ok(request) = self.request(&identity, port) else { return };
                if let Err(error) = control.register(request).await {
                    eprintln!("the registration was not renewed: {error}");
                }
            }
        });
        Ok(())
    }

    fn request(&self, identity: &Identity, port: u16) -> anyhow::Result<RegisterRequest> {
        let sequence = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
        let description = v1::Description {
            kind: NodeKind::Peer.into(),
            name: "bench".into(),
            sequence: 1,
            certificate: identity.certificate().clone(),
            ..v1::Description::default()
        };
        let description = Description::sign(identity.key(), description)?;
        let announcement = v1::Announcement {
            sequence,
            kind: NodeKind::Peer.into(),
            network: Some(Network::named(&self.network).to_proto()),
            ports: Some(Ports { secure: port.into(), ..Ports::default() }),
            homes: vec![self.bridge.to_bytes()],
            description_hash: description.hash().to_vec().into(),
            ..v1::Announcement::default()
        };
        let announcement = Announcement::sign(identity.key(), announcement)?;
        Ok(RegisterRequest {
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            goodbye: false,
        })
    }
}
