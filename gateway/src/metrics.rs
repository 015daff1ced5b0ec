//! What a bridge counts of its log, gossip and control; streams and links count for themselves.

mod convergence;
mod disk;

use std::sync::Arc;

use identity::NodeId;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use prost::Message as _;
use proto::log::v1::{Event, Kind};
use runtime::metrics::{Reading, read_at_scrape, read_while_alive};
use storage::Store;
use topology::{BridgeState, BridgeView, Counts, Entry, LinkView, PeerState};

use crate::{admin::Admin, table::Table};
use convergence::Convergence;
use disk::DiskMetrics;

/// The bridge's counters and gauges. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    appended: Family<KindLabels, Counter>,
    received: Family<KindLabels, Counter>,
    gossip: Family<GossipLabels, Counter>,
    lag: Family<LinkLabels, Gauge>,
    outstanding: Family<LinkLabels, Gauge>,
    dials_failed: Counter,
    registrations_refused: Counter,
    control_refused: Counter,
    invitations_refused: Counter,
    local_peers: Gauge,
    pub(crate) disk: DiskMetrics,
    pub(crate) convergence: Convergence,
    waiting_bytes: Gauge,
    open_logs: Gauge,
    counts: Family<CountLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GossipLabels {
    bridge: String,
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabels {
    bridge: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CountLabels {
    what: &'static str,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("events_appended", "Own events, by kind", self.appended.clone());
        registry.register("events_received", "Foreign events taken over, by kind", self.received.clone());
        registry.register("gossip_bytes", "Bytes of frames, by link and direction", self.gossip.clone());
        registry.register(
            "gossip_lag_events",
            "Own events that a neighbour does not have yet, by link",
            self.lag.clone(),
        );
        registry.register(
            "gossip_outstanding_bytes",
            "Bytes of frames that a neighbour has not dealt with yet, by link",
            self.outstanding.clone(),
        );
        registry.register("dials_failed", "Dials for links that failed", self.dials_failed.clone());
        registry.register(
            "registrations_refused",
            "Registrations not taken",
            self.registrations_refused.clone(),
        );
        registry.register("control_refused", "Control requests over the rate", self.control_refused.clone());
        registry.register(
            "invitations_refused",
            "Invitations not made because too many are open",
            self.invitations_refused.clone(),
        );
        registry.register("local_peers", "Peers of the own network", self.local_peers.clone());
        registry.register("store_waiting_bytes", "Bytes that wait for the disk", self.waiting_bytes.clone());
        self.disk.register(registry);
        self.convergence.register(registry);
        registry.register("logs_open", "Logs that are open in the store", self.open_logs.clone());
        registry.register("core", "The core's own numbers, by what they count", self.counts.clone());
    }

    pub(crate) fn events_appended(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| count(&self.appended, entry));
    }

    pub(crate) fn events_received(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| count(&self.received, entry));
    }

    pub(crate) fn gossip_sent(&self, bridge: NodeId, bytes: usize) {
        self.gossip(bridge, "out", bytes);
    }

    pub(crate) fn gossip_received(&self, bridge: NodeId, bytes: usize) {
        self.gossip(bridge, "in", bytes);
    }

    /// Forgets a bridge that is not linked any more, so that the labels stay bounded by the links.
    pub(crate) fn forget(&self, bridge: NodeId) {
        for direction in ["in", "out"] {
            self.gossip.remove(&GossipLabels { bridge: bridge.to_string(), direction });
        }
        let labels = LinkLabels { bridge: bridge.to_string() };
        self.lag.remove(&labels);
        self.outstanding.remove(&labels);
    }

    pub(crate) fn dial_failed(&self) {
        self.dials_failed.inc();
    }

    pub(crate) fn registration_refused(&self) {
        self.registrations_refused.inc();
    }

    pub(crate) fn control_refused(&self) {
        self.control_refused.inc();
    }

    pub(crate) fn invitation_refused(&self) {
        self.invitations_refused.inc();
    }

    pub(crate) fn set_links(&self, links: &[LinkView]) {
        for link in links {
            let labels = LinkLabels { bridge: link.bridge.to_string() };
            self.lag.get_or_create(&labels).set(gauge(link.lag_events));
            self.outstanding.get_or_create(&labels).set(gauge(link.outstanding_bytes));
        }
    }

    pub(crate) fn set_local(&self, peers: usize) {
        self.local_peers.set(gauge(peers as u64));
    }

    pub(crate) fn set_store(&self, waiting: usize, logs: usize) {
        self.waiting_bytes.set(gauge(waiting as u64));
        self.open_logs.set(gauge(logs as u64));
    }

    pub(crate) fn set_core(&self, counts: &Counts) {
        let all = [
            ("own_events", counts.own_events),
            ("renewals", counts.renewals),
            ("undurable_events", counts.undurable_events),
            ("events_accepted", counts.events_accepted),
            ("events_duplicate", counts.events_duplicate),
            ("events_sent", counts.events_sent),
            ("segments_invalid", counts.segments_invalid),
            ("segments_refused", counts.segments_refused),
            ("frames", counts.frames),
            ("unstored_bytes", counts.unstored_bytes),
            ("logs", counts.logs),
            ("bridges", counts.bridges),
            ("candidates", counts.candidates),
            ("peers", counts.peers),
            ("links", counts.links),
            ("forks", counts.forks),
            ("clock_regressions", counts.clock_regressions),
            ("route_computations", counts.route_computations),
            ("damped", counts.damped),
            ("deferred", counts.deferred),
        ];
        for (what, value) in all {
            self.counts.get_or_create(&CountLabels { what }).set(gauge(value));
        }
    }

    fn gossip(&self, bridge: NodeId, direction: &'static str, bytes: usize) {
        self.gossip
            .get_or_create(&GossipLabels { bridge: bridge.to_string(), direction })
            .inc_by(bytes as u64);
    }
}

/// What the store counts for itself.
pub(crate) fn read_store(registry: &mut Registry, store: &Arc<Store>) {
    // The store closes with its last user, and that is not the metrics port.
    read_while_alive(registry, store, |store| {
        let metrics = store.metrics();
        Reading::all(metrics.counters(), metrics.gauges())
    });
}

/// How the peers and bridges that are known can be reached, counted when somebody asks.
pub(crate) fn read_reach(registry: &mut Registry, table: Table) {
    read_at_scrape(registry, move || {
        let peers = table.peers();
        let count = |wanted: fn(&PeerState) -> bool| {
            peers.iter().filter(|(_, known)| wanted(&known.state)).count() as u64
        };
        let bridges = table.bridges();
        let reachable = |bridge: &&Arc<BridgeView>| {
            matches!(bridge.state, BridgeState::Own | BridgeState::Reachable | BridgeState::Draining)
        };
        let reached = bridges.iter().filter(reachable).count() as u64;
        vec![
            Reading::gauge(
                "routes",
                "Remote peers that there is a way to",
                count(|it| matches!(it, PeerState::Remote)),
            ),
            Reading::gauge(
                "routes_missing",
                "Remote peers that are named and that no way leads to",
                count(|it| matches!(it, PeerState::Unknown { .. })),
            ),
            Reading::gauge(
                "peers_asleep",
                "Peers that can be woken",
                count(|it| matches!(it, PeerState::Asleep(_))),
            ),
            Reading::gauge("bridges_reachable", "Bridges that links lead to, this one included", reached),
            Reading::gauge(
                "bridges_known",
                "Bridges whose logs are held, this one included",
                bridges.len() as u64,
            ),
        ]
    });
}

/// How many invitations wait for their bridge: time alone closes them, so they are counted when somebody asks.
pub(crate) fn read_invitations(registry: &mut Registry, admin: Admin) {
    read_at_scrape(registry, move || {
        let open = admin.open_invitations() as u64;
        vec![Reading::gauge("invitations_open", "Invitations that wait for their bridge", open)]
    });
}

fn count(family: &Family<KindLabels, Counter>, entry: &Entry) {
    let kind =
        Event::decode(entry.event.clone()).map_or("undecodable", |event| match Kind::try_from(event.kind) {
            Ok(kind) => kind.as_str_name(),
            Err(_) => "unknown",
        });
    family.get_or_create(&KindLabels { kind }).inc();
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
