//! Other networks on the same wire: counted for `doctor`, and shown when they bear this network's name.

use std::{collections::BTreeMap, net::IpAddr, time::Instant};

use identity::Network;

use crate::{HeardNetwork, limits::MAX_OTHER_NETWORKS};

/// A bounded record; the one heard longest ago gives way.
#[derive(Debug, Default)]
pub(super) struct OtherNetworks {
    heard: BTreeMap<Network, HeardNetwork>,
    news: bool,
}

impl OtherNetworks {
    pub(super) fn note(&mut self, now: Instant, network: &Network, from: IpAddr) {
        self.news = true;
        if let Some(heard) = self.heard.get_mut(network) {
            (heard.announcements, heard.from, heard.last) = (heard.announcements + 1, from, now);
            return;
        }
        if self.heard.len() >= MAX_OTHER_NETWORKS {
            let oldest = self.heard.iter().min_by_key(|(_, heard)| heard.last).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.heard.remove(&oldest));
        }
        let heard = HeardNetwork { network: network.clone(), announcements: 1, from, last: now };
        self.heard.insert(network.clone(), heard);
    }

    pub(super) fn all(&self) -> Vec<HeardNetwork> {
        self.heard.values().cloned().collect()
    }

    pub(super) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.news, false)
    }

    pub(super) fn len(&self) -> usize {
        self.heard.len()
    }
}
