//! UDP multicast: every node of a link hears every other one.
//!
//! All nodes share one port. Per interface and family there is one socket that listens to the group, and one with a
//! port of its own that sends, and to which answers come. At start, and on each new interface, a node announces itself
//! and asks; those who hear it answer after a moment at random. Interfaces that come and go are followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use proto::node::v1::datagram::Kind;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{Outlet, Report, Source};
use crate::{
    MulticastSettings, OwnAddress,
    datagram::{Hint, encode},
    limits::{INTERFACE_POLL, REPORT_QUEUE},
};

mod hints;
pub mod interfaces;
mod receive;
mod schedule;
pub mod socket;

use interfaces::Link;
use receive::{Inbound, Receiver};
use schedule::{Answers, Schedule, Speech};
use socket::LinkSockets;

/// The IPv4 group: within the local scope of RFC 2365; the last two bytes are `CW`.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 67, 87);
/// The IPv6 group: link-local, marked as not assigned by IANA (RFC 4291), with an id from the dynamic range of
/// RFC 3307; the last three bytes are `CWY`.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x8043, 0x5759);

/// The source. It runs also on a machine without any interface, and waits for one.
#[derive(Debug)]
pub struct Multicast {
    settings: MulticastSettings,
}

/// The open sockets and what is to be sent on them.
struct Wire {
    outlet: Outlet,
    settings: MulticastSettings,
    links: BTreeMap<Link, Open>,
    inbound: mpsc::Sender<Inbound>,
    schedule: Schedule,
    answers: Answers,
    hints: hints::Rotation,
    own: BTreeSet<OwnAddress>,
    /// Links that could not be opened: each is said once.
    failed: BTreeSet<Link>,
    /// No interface is up: said once each time.
    alone: bool,
}

/// One link with its sockets; dropping it ends its receivers.
struct Open {
    sockets: Arc<LinkSockets>,
    receivers: runtime::TaskGroup,
}

impl Multicast {
    /// Multicast on the interfaces of the settings.
    pub const fn new(settings: MulticastSettings) -> Self {
        Self { settings }
    }
}

impl Source for Multicast {
    fn name(&self) -> &'static str {
        "multicast"
    }

    async fn run(self, outlet: Outlet) {
        let (inbound, mut received) = mpsc::channel(REPORT_QUEUE);
        let token = outlet.token().clone();
        let mut changes = outlet.announcer().changes();
        let mut wire = Wire::new(outlet, self.settings, inbound);
        let mut poll = interval(INTERFACE_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return wire.say_goodbye().await,
                _ = poll.tick() => wire.follow_interfaces().await,
                Ok(()) = changes.changed() => wire.announce(Speech::NEWS).await,
                () = sleep_until(wire.answers.due()) => wire.answer().await,
                () = sleep_until(wire.schedule.due()) => {
                    let speech = wire.schedule.next_speech(wire.neighbours() > 0);
                    wire.announce(speech).await;
                }
                Some(inbound) = received.recv() => wire.handle(inbound).await,
            }
        }
    }
}

impl Wire {
    fn new(outlet: Outlet, settings: MulticastSettings, inbound: mpsc::Sender<Inbound>) -> Self {
        Self {
            outlet,
            settings,
            links: BTreeMap::new(),
            inbound,
            schedule: Schedule::new(Instant::now()),
            answers: Answers::default(),
            hints: hints::Rotation::default(),
            own: BTreeSet::new(),
            failed: BTreeSet::new(),
            alone: false,
        }
    }

    /// Opens what is new, closes what is gone, and announces at once on what is new.
    async fn follow_interfaces(&mut self) {
        let wanted = match interfaces::links(&self.settings.interfaces) {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::warn!(%error, "cannot list the interfaces of this machine");
                return;
            }
        };
        self.tell_if_alone(wanted.is_empty());
        let gone: Vec<_> = self.links.keys().filter(|link| !wanted.contains(link)).cloned().collect();
        for link in gone {
            self.close(&link).await;
        }
        self.failed.retain(|link| wanted.contains(link));
        let mut opened = false;
        for link in wanted {
            opened |= !self.links.contains_key(&link) && self.open(link);
        }
        if opened {
            self.schedule.begin(Instant::now());
            let speech = self.schedule.next_speech(false);
            self.announce(speech).await;
        }
    }

    /// How many others are on the wire.
    fn neighbours(&self) -> usize {
        self.outlet.snapshot().neighbours.values().filter(|node| node.is_direct()).count()
    }

    fn tell_if_alone(&mut self, alone: bool) {
        if alone && !std::mem::replace(&mut self.alone, alone) {
            let wanted = self.settings.interfaces.join(", ");
            tracing::warn!(%wanted, "no such interface is up; nobody is found by multicast until one comes up");
        }
        self.alone = alone;
    }

    fn open(&mut self, link: Link) -> bool {
        match LinkSockets::open(&link, self.settings.port) {
            Ok(sockets) => {
                self.failed.remove(&link);
                tracing::debug!(interface = %link.interface, address = %link.address, "listening");
                let sockets = Arc::new(sockets);
                let receivers = self.outlet.group().child();
                let receiver = Receiver::new(&self.outlet, link.clone(), self.inbound.clone());
                receiver.spawn(&receivers, &sockets);
                self.links.insert(link, Open { sockets, receivers });
                true
            }
            Err(error) => {
                if self.failed.insert(link.clone()) {
                    tracing::warn!(
                        interface = %link.interface, address = %link.address, %error,
                        "no multicast here; trying on; `causeway doctor` says more"
                    );
                }
                false
            }
        }
    }

    async fn close(&mut self, link: &Link) {
        tracing::debug!(interface = %link.interface, address = %link.address, "interface gone");
        if let Some(open) = self.links.remove(link) {
            open.receivers.cancel();
        }
        let before = self.own.len();
        self.own.retain(|own| own.interface != link.interface || own.address.ip() != link.address);
        if self.own.len() != before {
            self.report_own().await;
        }
    }

    async fn announce(&mut self, speech: Speech) {
        self.schedule.announced(Instant::now(), self.neighbours());
        let datagram = self.datagram(speech);
        for (link, open) in &self.links {
            if let Err(error) = open.sockets.send_to_group(&datagram).await {
                self.outlet.metrics().dropped("send_failed");
                tracing::debug!(interface = %link.interface, address = %link.address, %error, "cannot send");
            }
        }
    }

    async fn answer(&mut self) {
        let datagram = self.datagram(Speech::NEWS);
        for (link, to) in self.answers.take() {
            let Some(open) = self.links.get(&link) else { continue };
            if let Err(error) = open.sockets.send_to(&datagram, to).await {
                self.outlet.metrics().dropped("send_failed");
                tracing::debug!(%to, %error, "cannot answer");
            }
        }
    }

    fn datagram(&mut self, speech: Speech) -> bytes::Bytes {
        let Speech { kind, introduces } = speech;
        let (description, announcement) = self.outlet.announcer().records();
        let description = introduces.then_some(&description);
        let on_loopback = self.links.keys().all(|link| link.address.is_loopback());
        let hints: Vec<Hint> = match kind {
            Kind::Goodbye | Kind::Unspecified => Vec::new(),
            Kind::Announce | Kind::Query => self.hints.next(&self.outlet.snapshot(), on_loopback),
        };
        let key = self.outlet.announcer().identity().key();
        let (datagram, fitted) = encode(key, kind, &announcement, description, hints.iter().copied());
        self.hints.used(hints.get(..fitted).and_then(<[_]>::last));
        datagram
    }

    async fn handle(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Query { link, from } => {
                let now = Instant::now();
                self.schedule.stir(now, self.neighbours());
                if self.links.contains_key(&link) && link.is_neighbour(from.ip()) {
                    self.answers.add(now, link, from);
                }
            }
            Inbound::Echo { link, from } => {
                let address = OwnAddress { interface: Arc::clone(&link.interface), address: from };
                // The sockets of a link that was opened anew have another port.
                self.own.retain(|own| {
                    own.interface != address.interface || own.address.ip() != from.ip() || own.address == from
                });
                if self.links.contains_key(&link) && self.own.insert(address) {
                    self.report_own().await;
                }
            }
        }
    }

    async fn report_own(&self) {
        self.outlet.report(Report::OwnAddresses(self.own.iter().cloned().collect())).await;
    }

    async fn say_goodbye(mut self) {
        self.announce(Speech::GOODBYE).await;
    }
}

/// The group of a family on a port.
pub(crate) fn group(address: IpAddr, port: u16, index: u32) -> SocketAddr {
    match address {
        IpAddr::V4(_) => SocketAddr::from((GROUP_V4, port)),
        IpAddr::V6(_) => std::net::SocketAddrV6::new(GROUP_V6, port, 0, index).into(),
    }
}
