//! One peer of the own network, and where it is.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use identity::{Announcement, Description};

/// One peer of the own network.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) description: Option<Arc<Description>>,
    pub(crate) announcement: Arc<Announcement>,
    pub(super) registered: Option<Registration>,
    /// Where discovery heard it, until it says that it does not any more.
    pub(super) heard: BTreeSet<Place>,
    /// Wall clock of the last sign of life, for people.
    pub(crate) last_seen_ms: i64,
}

/// A registration and its lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registration {
    pub(super) place: Place,
    /// Of the announcement.
    pub(super) sequence: u64,
    pub(super) until: Duration,
}

/// An address with the scope that a link-local one needs, and with port 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(SocketAddr);

impl Local {
    /// Where it was heard or registered from: the only addresses to be dialled for others.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let registered = self.registered.map(|registration| registration.place);
        registered
            .into_iter()
            .chain(self.heard.iter().copied().filter(move |heard| Some(*heard) != registered))
    }

    /// Its secure port at each of them.
    pub(crate) fn secure_addresses(&self) -> Vec<SocketAddr> {
        match u16::try_from(self.announcement.ports().secure) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(port) => self.places().map(|place| place.with_port(port)).collect(),
        }
    }

    /// The addresses from which it was heard or registered.
    pub(crate) fn callers(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.places().map(|place| place.ip())
    }
}

impl Place {
    /// The place of a socket address; an IPv4 address mapped into IPv6 counts as what it is.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let mut place = match address.ip().to_canonical() {
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, 0),
            IpAddr::V6(_) => address,
        };
        if let SocketAddr::V6(six) = &mut place {
            six.set_flowinfo(0);
        }
        place.set_port(0);
        Self(place)
    }

    pub(crate) const fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    const fn with_port(self, port: u16) -> SocketAddr {
        let mut address = self.0;
        address.set_port(port);
        address
    }
}
