//! Taking in datagrams: rates first, then bounds and signatures, then what they say.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use identity::{Description, NodeId};
use proto::node::v1::datagram::Kind;
use runtime::{TaskGroup, TokenBucket};
use tokio::{net::UdpSocket, sync::mpsc};
use tracing::debug_span;

use super::{interfaces::Link, socket::LinkSockets};
use crate::{
    Announcer, KnownAddress, Neighbour, Snapshot, SourceKind,
    addresses::{HintOrigin, is_link_local, may_be_source, may_follow_hint},
    datagram::{self, Datagram, Hint, Said},
    limits::{DATAGRAMS_PER_ADDRESS, DATAGRAMS_PER_SOCKET, MAX_DATAGRAM_BYTES, MAX_RATED_ADDRESSES},
    source::{Heard, Outlet, Report},
};

/// What concerns the sender of announcements.
#[derive(Debug)]
pub(super) enum Inbound {
    /// Somebody of this network is new and asks.
    Query { link: Link, from: SocketAddr },
    /// This node heard itself.
    Echo { link: Link, from: SocketAddr },
}

/// Reads the sockets of one link.
#[derive(Clone)]
pub(super) struct Receiver {
    outlet: Outlet,
    link: Link,
    inbound: mpsc::Sender<Inbound>,
}

/// The rates of one socket.
struct Rates {
    all: TokenBucket,
    each: runtime::Rates<IpAddr>,
}

impl Receiver {
    pub(super) fn new(outlet: &Outlet, link: Link, inbound: mpsc::Sender<Inbound>) -> Self {
        Self { outlet: outlet.clone(), link, inbound }
    }

    /// One task per socket, until the group ends.
    pub(super) fn spawn(self, group: &TaskGroup, sockets: &Arc<LinkSockets>) {
        type Pick = fn(&LinkSockets) -> &UdpSocket;
        let picks: [(Pick, bool); 2] =
            [(|sockets| &sockets.listening, false), (|sockets| &sockets.speaking, true)];
        for (pick, answers) in picks {
            let (receiver, sockets, token) = (self.clone(), Arc::clone(sockets), group.token().clone());
            let span = debug_span!("receive", interface = %self.link.interface);
            group.spawn(span, async move {
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    () = receiver.receive(pick(&sockets), answers) => {}
                }
            });
        }
    }

    /// Answers to queries come to a socket of their own.
    async fn receive(&self, socket: &UdpSocket, answers: bool) {
        let mut rates = Rates::new();
        // One byte more shows what is too large.
        let mut buffer = [0; MAX_DATAGRAM_BYTES + 1];
        loop {
            match socket.recv_from(&mut buffer).await {
                Ok((length, from)) => {
                    let taken = match rates.check(&self.link, from.ip()) {
                        Ok(()) => self.take_in(&buffer[..length], from, answers).await,
                        Err(reason) => Err(reason),
                    };
                    if let Err(reason) = taken {
                        self.outlet.metrics().dropped(reason);
                    }
                }
                // An ICMP answer to something sent before, or the interface went away: the poll sees to that.
                Err(error) => {
                    tracing::debug!(%error, "cannot receive");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn take_in(&self, bytes: &[u8], from: SocketAddr, answers: bool) -> Result<(), &'static str> {
        let datagram = Bytes::copy_from_slice(bytes);
        let snapshot = self.outlet.snapshot();
        let known = |id: &NodeId| snapshot.neighbours.get(id).filter(|node| node.is_direct());
        let announced = |id: &NodeId| known(id).map(|node| &node.announcement);
        let datagram = datagram::decode_knowing(&datagram, announced).map_err(|error| error.reason())?;
        if datagram.said.id() == self.outlet.announcer().id() {
            return self.hear_self(&datagram, from).await;
        }
        let id = datagram.said.id();
        let known = known(&id).and_then(|node| node.description.as_ref());
        let description = new_description(&datagram, known)?;
        let comes_along = answers || datagram.kind == Kind::Query;
        let is_owed = comes_along && datagram.description.is_none() && known.is_none();
        self.hear(datagram, description, from).await;
        if is_owed {
            self.outlet.report(Report::Undescribed(id)).await;
        }
        Ok(())
    }

    /// Only an address that the interface has is this node's. A later start of the same identity, elsewhere, is a twin.
    async fn hear_self(&self, datagram: &Datagram, from: SocketAddr) -> Result<(), &'static str> {
        let own = self.outlet.announcer().current().sequence();
        let (theirs, ours) = (datagram.said.sequence(), own);
        if Announcer::start_of(theirs) > Announcer::start_of(ours) {
            self.outlet.report(Report::Twin { from: from.ip() }).await;
            return Ok(());
        }
        if !self.link.is_own(from.ip()) || Announcer::start_of(theirs) != Announcer::start_of(ours) {
            return Err("echo");
        }
        let _ = self.inbound.send(Inbound::Echo { link: self.link.clone(), from }).await;
        Ok(())
    }

    async fn hear(&self, datagram: Datagram, description: Option<Description>, from: SocketAddr) {
        let Datagram { kind, said, hints, .. } = datagram;
        let address = self.known(from);
        match said {
            Said::New(announcement) if kind == Kind::Goodbye => {
                self.outlet.report(Report::Goodbye(announcement)).await;
                return;
            }
            Said::New(announcement) => {
                let same_network = announcement.network().name == self.outlet.announcer().network().name;
                self.outlet.report(Report::Heard(Heard { announcement, description, address })).await;
                if !same_network {
                    return;
                }
            }
            Said::Again { id, sequence } => {
                self.outlet.report(Report::Renewed { id, sequence, address }).await;
                if let Some(description) = description {
                    self.outlet.report(Report::Described(description)).await;
                }
            }
        }
        if kind == Kind::Query {
            let _ = self.inbound.send(Inbound::Query { link: self.link.clone(), from }).await;
        }
        let snapshot = self.outlet.snapshot();
        for hint in hints {
            self.follow(hint, from.ip(), &snapshot);
        }
    }

    fn follow(&self, hint: Hint, from: IpAddr, snapshot: &Snapshot) {
        let origin = HintOrigin { from, subnets: &self.link.subnets };
        if !may_follow_hint(hint.address.ip(), origin) {
            self.outlet.metrics().dropped("hint_address");
            return;
        }
        // Most of those whom others name are known, and speak for themselves.
        let heard =
            |node: &Arc<Neighbour>| node.addresses.iter().any(|known| known.source != SourceKind::Hint);
        if snapshot.neighbours.get(&hint.id).is_some_and(heard) {
            return;
        }
        let mut address = hint.address;
        if let SocketAddr::V6(v6) = &mut address
            && is_link_local(hint.address.ip())
        {
            v6.set_scope_id(self.link.index);
        }
        // Hints come again.
        let _ = self.outlet.try_report(Report::Hinted { id: hint.id, address, answers: true });
    }

    fn known(&self, from: SocketAddr) -> KnownAddress {
        let mut known = KnownAddress::of(from, SourceKind::Multicast);
        known.interface = Some(Arc::clone(&self.link.interface));
        known
    }
}

/// The description that came along, unless it is known.
fn new_description(
    datagram: &Datagram,
    known: Option<&Description>,
) -> Result<Option<Description>, &'static str> {
    let Some(signed) = &datagram.description else { return Ok(None) };
    if known.is_some_and(|known| known.hash() == Description::hash_of(signed)) {
        return Ok(None);
    }
    let description = Description::verify(signed.clone()).map_err(|_| "description")?;
    if description.id() == datagram.said.id() { Ok(Some(description)) } else { Err("description") }
}

impl Rates {
    fn new() -> Self {
        let (burst, per_second) = DATAGRAMS_PER_SOCKET;
        let each = runtime::Rates::new(DATAGRAMS_PER_ADDRESS, MAX_RATED_ADDRESSES);
        Self { all: TokenBucket::new(burst, per_second), each }
    }

    /// The address's own rate first: who is over it does not use up the others'.
    fn check(&mut self, link: &Link, from: IpAddr) -> Result<(), &'static str> {
        if !may_be_source(from, link.is_loopback()) {
            return Err("source_address");
        }
        let now = Instant::now();
        if !self.each.take(now, from) {
            return Err("address_rate");
        }
        if !self.all.take(now, 1.0) {
            return Err("socket_rate");
        }
        Ok(())
    }
}
