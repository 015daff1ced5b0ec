//! Saying something on each link, and listening.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use identity::{Announcement, Network, NodeKey};
use proto::node::v1::{self, NodeKind, Ports, datagram::Kind};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::{Examination, HeardNode, LinkHealth, machine};
use crate::{
    datagram::{self, Datagram},
    limits::{MAX_DATAGRAM_BYTES, MAX_NEIGHBOURS},
    source::multicast::{interfaces::Link, socket::LinkSockets},
};

/// The network that an examination names when it asks nobody.
const NOBODYS_NETWORK: &str = "causeway-doctor";

type Heard = BTreeMap<identity::NodeId, HeardNode>;

/// Examines every link at once.
pub(super) async fn probe(
    examination: &Examination,
    all: &BTreeSet<Link>,
    used: &BTreeSet<Link>,
) -> (Vec<LinkHealth>, Vec<HeardNode>) {
    let key = NodeKey::generate();
    let probes = all.iter().map(|link| examine(examination, link, used.contains(link), &key));
    let mut nodes = BTreeSet::new();
    let mut links = Vec::new();
    for (health, heard) in join_all(probes).await {
        links.push(health);
        nodes.extend(heard.into_values());
    }
    (links, nodes.into_iter().collect())
}

async fn examine(examination: &Examination, link: &Link, used: bool, key: &NodeKey) -> (LinkHealth, Heard) {
    let mut health = LinkHealth {
        interface: Arc::clone(&link.interface),
        address: link.address,
        nature: machine::nature(&link.interface, link.address),
        used,
        sent: Ok(()),
        heard_self: None,
        others: 0,
    };
    let mut heard = Heard::new();
    let sockets = match speak(examination, link, key).await {
        Ok(sockets) => sockets,
        Err(error) => {
            health.sent = Err(error.to_string());
            return (health, heard);
        }
    };
    let (began, own) = (Instant::now(), key.node_id());
    let until = began + examination.listen;
    while let Some((datagram, from)) = next(&sockets, until).await {
        let Some(announcement) = datagram.said.announcement() else { continue };
        let id = announcement.id();
        if id == own {
            health.heard_self.get_or_insert_with(|| began.elapsed());
        } else if heard.len() < MAX_NEIGHBOURS {
            let network = announcement.network().clone();
            let interface = Arc::clone(&link.interface);
            heard.insert(id, HeardNode { id, network, from, interface });
        }
    }
    health.others = heard.len();
    let goodbye = said(examination, key, 2, Kind::Goodbye);
    let _ = sockets.send_to_group(&goodbye).await;
    (health, heard)
}

async fn speak(examination: &Examination, link: &Link, key: &NodeKey) -> std::io::Result<LinkSockets> {
    let sockets = LinkSockets::open(link, examination.port)?;
    sockets.send_to_group(&said(examination, key, 1, Kind::Query)).await?;
    Ok(sockets)
}

/// The announcement of a node without ports, which nobody dials.
fn said(examination: &Examination, key: &NodeKey, sequence: u64, kind: Kind) -> Bytes {
    let name = examination.network.as_deref().unwrap_or(NOBODYS_NETWORK);
    let message = |name: &str| v1::Announcement {
        sequence,
        kind: NodeKind::Peer.into(),
        network: Some(Network::named(name).to_proto()),
        ports: Some(Ports::default()),
        description_hash: Bytes::from_static(&[0; 32]),
        ..v1::Announcement::default()
    };
    let announcement = Announcement::sign(key, message(name))
        .or_else(|_| Announcement::sign(key, message(NOBODYS_NETWORK)))
        .expect("the fallback keeps every bound");
    datagram::encode(key, kind, &announcement, None, []).0
}

/// The next valid datagram on either socket, until the time is over.
async fn next(sockets: &LinkSockets, until: Instant) -> Option<(Datagram, std::net::IpAddr)> {
    let mut buffers = [[0; MAX_DATAGRAM_BYTES + 1]; 2];
    let [one, other] = &mut buffers;
    loop {
        let received = timeout_at(until, async {
            tokio::select! {
                received = receive(&sockets.listening, one) => received,
                received = receive(&sockets.speaking, other) => received,
            }
        });
        if let Some(heard) = received.await.ok()? {
            return Some(heard);
        }
    }
}

async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(Datagram, std::net::IpAddr)> {
    match socket.recv_from(buffer).await {
        Ok((length, from)) => {
            let bytes = Bytes::copy_from_slice(buffer.get(..length)?);
            datagram::decode(&bytes).ok().map(|datagram| (datagram, from.ip()))
        }
        Err(_) => {
            // An ICMP answer to something sent before; not a reason to spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
