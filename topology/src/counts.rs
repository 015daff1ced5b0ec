//! Numbers for metrics.

/// What happened since the start, and how large things are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Own events appended.
    pub own_events: u64,
    /// Epochs opened by this process, apart from renewals.
    pub own_epochs: u64,
    /// Times the own log began anew because of its age.
    pub renewals: u64,
    /// Logs that were forgotten because all of their events were older than is kept.
    pub logs_expired: u64,
    /// Own events that are not durable yet.
    pub undurable_events: u64,
    /// Foreign events accepted.
    pub events_accepted: u64,
    /// Foreign events that were here already.
    pub events_duplicate: u64,
    /// Events sent to neighbours.
    pub events_sent: u64,
    /// Segments whose check failed.
    pub segments_invalid: u64,
    /// Segments of logs that are not admitted, or beyond what may be taken now.
    pub segments_refused: u64,
    /// Frames handled.
    pub frames: u64,
    /// Foreign event bytes not yet reported durable.
    pub unstored_bytes: u64,
    /// Logs held.
    pub logs: u64,
    /// Bridges known, in all states.
    pub bridges: u64,
    /// Candidates among them.
    pub candidates: u64,
    /// Peers that some log names.
    pub peers: u64,
    /// Links up.
    pub links: u64,
    /// Proven forks.
    pub forks: u64,
    /// Times the wall clock went back.
    pub clock_regressions: u64,
    /// Computations of routes.
    pub route_computations: u64,
    /// Changes of peers or links that were damped.
    pub damped: u64,
    /// Own events put off because too many were written lately.
    pub deferred: u64,
}
