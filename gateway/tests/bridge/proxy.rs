//! The proxy port of a whole bridge: who may use it, and whom it dials.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use discovery::{
    Announcer, Metrics, Presence,
    datagram::{Hint, encode},
    greeting::{GreetingService, Nobody},
    source::multicast::GROUP_V4,
};
use identity::{
    Network, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use proto::{
    bridge::v1::Refusal,
    node::v1::{Ports, datagram::Kind},
};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, tcp_incoming},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tonic::service::Routes;

use crate::{
    discovered::{free_port, on_wire},
    support::{FakePeer, LIMIT, Node, eventually},
};

const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The first bytes of a TLS connection to a node.
fn hello(destination: NodeId) -> Vec<u8> {
    let caller = Identity::ephemeral().unwrap();
    let config = Arc::new(client_config(&caller, Expected::Any, ALPN_H2).unwrap());
    let mut connection = rustls::ClientConnection::new(config, server_name(destination)).unwrap();
    let mut hello = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut hello).unwrap();
    }
    hello
}

/// Connects to the proxy port from an address of this machine and asks for a node.
async fn call(node: &Node, from: [u8; 4], destination: NodeId) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(node.bridge.addresses().proxy).await.unwrap();
    // Whoever is not let in may see the end before it has said anything.
    let _ = stream.write_all(&hello(destination)).await;
    stream
}

/// What comes back to the end; a reset counts as one.
async fn answer(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("the bridge closes in time");
    answer
}

/// A call that comes to the peer, as its first byte shows: that of a TLS hello.
async fn comes_through(node: &Node, destination: NodeId, peer: &TcpListener) {
    let _caller = call(node, [127, 0, 0, 1], destination).await;
    let (mut called, _) = timeout(LIMIT, peer.accept()).await.expect("the call comes in time").unwrap();
    let first = timeout(LIMIT, called.read_u8()).await.expect("the hello comes in time");
    assert_eq!(first.unwrap(), 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_addresses_of_those_who_are_registered_may_use_the_proxy_port() {
    let home = Node::start("home").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = listener.local_addr().unwrap().port();
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    assert_eq!(answer(call(&home, [127, 0, 0, 1], anna.id()).await).await, ACCESS_DENIED, "nobody is there");
    for peer in [&mut anna, &mut ben] {
        peer.register_with(&home, Ports { secure: secure.into(), ..Ports::default() }).await;
    }
    comes_through(&home, anna.id(), &listener).await;
    // Another address of the same machine, where nobody registered.
    assert_eq!(answer(call(&home, [127, 0, 0, 2], anna.id()).await).await, ACCESS_DENIED);
    anna.goodbye(&home).await;
    // Until its leaving is durable, it is a peer that does not answer.
    eventually("leaving", async || {
        let refused = answer(call(&home, [127, 0, 0, 1], anna.id()).await).await;
        (refused == UNRECOGNIZED_NAME).then_some(())
    })
    .await;
    comes_through(&home, ben.id(), &listener).await;
    ben.goodbye(&home).await;
    assert_eq!(answer(call(&home, [127, 0, 0, 1], ben.id()).await).await, ACCESS_DENIED, "the last has gone");
    home.stop().await;
}

/// A peer on a wire that says what it is told to say.
struct Speaker {
    peer: FakePeer,
    announcer: Announcer,
    socket: UdpSocket,
    port: u16,
}

impl Speaker {
    fn new(name: &str, port: u16, ports: Ports) -> Self {
        let peer = FakePeer::new(name);
        let network = Network::named("home network");
        let presence = Presence { network, ports, homes: Vec::new(), description: peer.description.clone() };
        let announcer = Announcer::new(&peer.identity, 1, presence).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&socket).set_multicast_if_v4(&[127, 0, 0, 1].into()).unwrap();
        Self { peer, announcer, socket, port }
    }

    fn say(&self, hints: Vec<Hint>) {
        let (announcement, key) = (self.announcer.next(), self.peer.identity.key());
        let datagram = encode(key, Kind::Announce, &announcement, Some(&self.peer.description), hints);
        self.socket.send_to(&datagram.0, (GROUP_V4, self.port)).unwrap();
    }

    /// Speaks until the bridge lists it.
    async fn is_heard_by(&self, node: &Node, hints: &[Hint]) {
        let online = eventually("sighting", async || {
            self.say(hints.to_vec());
            node.state_of(self.peer.id()).await
        });
        assert_eq!(online.await.0, "online");
    }
}

/// A bridge dials on behalf of others: whoever names an address to it must not make it connect there.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_was_only_named_by_another_and_greeted_there_is_not_dialled_for_others() {
    let port = free_port();
    let home = Node::start_with("home", |config| on_wire(config, port)).await;
    let group = TaskGroup::new();
    let (secure, greeting) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let place = greeting.local_addr().unwrap();
    let ports = Ports {
        secure: secure.local_addr().unwrap().port().into(),
        greeting: place.port().into(),
        ..Ports::default()
    };
    let anna = Speaker::new("anna", port, ports);
    let service = GreetingService::new(anna.announcer.clone(), Arc::new(Nobody), Metrics::default());
    let incoming = tcp_incoming(&group, greeting, AcceptLimits::default());
    let served = rpc::serve(group.clone(), rpc::server(), Routes::new(service), incoming, Duration::ZERO);
    group.spawn(tracing::Span::none(), served);

    let ben = Speaker::new("ben", port, Ports::default());
    let hint = Hint { id: anna.peer.id(), address: place };
    ben.is_heard_by(&home, &[hint]).await;
    eventually("greeting of the hinted peer", async || {
        ben.say(vec![hint]);
        home.http("/metrics").await.contains("discovery_table_size{table=\"direct\"} 2").then_some(())
    })
    .await;
    // What was found out before has come to the table when carl has.
    Speaker::new("carl", port, Ports::default()).is_heard_by(&home, &[]).await;
    assert_eq!(home.state_of(anna.peer.id()).await, None);
    assert_eq!(home.status().await.local_peers, 2);
    assert_eq!(answer(call(&home, [127, 0, 0, 1], anna.peer.id()).await).await, UNRECOGNIZED_NAME);
    assert_eq!(home.explain(anna.peer.id()).await.refusal(), Refusal::UnknownPeer);

    anna.is_heard_by(&home, &[]).await;
    comes_through(&home, anna.peer.id(), &secure).await;
    home.stop().await;
    group.shutdown(LIMIT).await;
}
