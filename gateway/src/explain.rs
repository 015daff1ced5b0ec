//! Why a connection to a peer is refused, or would be: one true sentence for a person.

use std::time::Duration;

use identity::NodeId;
use proto::bridge::v1::Refusal;
use topology::{NoRoute, Route};

use crate::limits::MAX_LOCAL_PEERS;

/// What is known of the way to one destination.
#[derive(Debug, Clone)]
pub(crate) struct Situation<'a> {
    pub(crate) destination: NodeId,
    /// Its name, where its description is known.
    pub(crate) name: Option<&'a str>,
    /// This bridge is stopping.
    pub(crate) draining: bool,
    pub(crate) route: Result<&'a Route, &'a NoRoute>,
    /// The last connection that was refused, and how long ago.
    pub(crate) refused: Option<(Refusal, Duration)>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) refusal: Refusal,
    pub(crate) sentence: String,
    pub(crate) route: Vec<NodeId>,
}

/// Says what stands in the way.
pub(crate) fn explain(situation: &Situation<'_>) -> Explanation {
    let route = situation.route.map(|route| route.bridges.to_vec()).unwrap_or_default();
    let (refusal, sentence) = if situation.draining {
        let what = "this bridge is stopping and takes no new connections; use another bridge of this network, or wait \
                    until it is back";
        (Refusal::Draining, what.to_owned())
    } else {
        match situation.route {
            Err(none) => (none.refusal(), none.to_string()),
            Ok(route) => on_the_way(situation, route),
        }
    };
    Explanation { refusal, sentence, route }
}

/// There is a route: the last refusal tells, else nothing stands in the way.
fn on_the_way(situation: &Situation<'_>, route: &Route) -> (Refusal, String) {
    let who = who(situation);
    if let Some(waker) = route.asleep {
        let sentence = format!("{who} sleeps; dispatcher {} wakes it when it is asked to", waker.short());
        return (Refusal::Unspecified, sentence);
    }
    let Some((refusal, ago)) = situation.refused else {
        return (Refusal::Unspecified, format!("nothing stands in the way to {who}: {}", way(route)));
    };
    (refusal, format!("{} ({} ago)", what_happened(refusal, &who, route), seconds(ago)))
}

fn what_happened(refusal: Refusal, who: &str, route: &Route) -> String {
    let home = route.bridges.last().map_or_else(String::new, |home| format!("{}", home.short()));
    match refusal {
        Refusal::UnknownPeer => format!(
            "a bridge on the way did not know {who} yet, although this one does; its log is still spreading: try again"
        ),
        Refusal::NoRoute => {
            format!("a bridge on the way knew no further way to {who}; links are changing: try again")
        }
        Refusal::Policy => {
            format!("the policy of a bridge on the way does not let {who} through; ask its operator")
        }
        Refusal::PeerNotAnswering => format!(
            "{who} did not answer its bridge {home}: it may just have stopped, or a firewall keeps the bridge from its \
             port"
        ),
        Refusal::Hops => {
            format!("the way to {who} grew longer than bridges carry a connection; link a nearer bridge")
        }
        Refusal::Limit => format!(
            "a limit of a bridge on the way to {who} was reached; close connections, or ask its operator (a bridge \
             serves up to {MAX_LOCAL_PEERS} peers)"
        ),
        Refusal::Draining => {
            format!("a bridge on the way to {who} is stopping; another way is taken once it is known")
        }
        Refusal::NotRegistered => {
            "the caller's address has no registration with this bridge: register first, from the same address"
                .into()
        }
        Refusal::BadHello => format!(
            "what came on the proxy port for {who} was no TLS hello with its id as server name; the caller's software \
             is faulty"
        ),
        Refusal::LinkLost => {
            format!("a link on the way to {who} broke while the connection was open; try again")
        }
        Refusal::PeerLeft => format!("{who} had left its network; it is there again: try again"),
        Refusal::Unspecified => format!("the connection to {who} was refused without a reason; try again"),
    }
}

fn way(route: &Route) -> String {
    match route.bridges.len() {
        0 | 1 => "it is in this network".into(),
        2 => format!("bridge {} is its home, one link away", route.bridges[1].short()),
        n => format!("bridge {} is its home, {} links away", route.bridges[n - 1].short(), n - 1),
    }
}

fn who(situation: &Situation<'_>) -> String {
    let id = situation.destination.short();
    situation.name.map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
}

fn seconds(ago: Duration) -> String {
    format!("{} s", ago.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PEER: NodeId = NodeId::from_bytes([1; 32]);

    fn route(bridges: u8) -> Route {
        let bridges: Arc<[NodeId]> = (0..bridges).map(|n| NodeId::from_bytes([10 + n; 32])).collect();
        Route { bridges, cost_us: 1, registered: true, asleep: None }
    }

    fn situation<'a>(route: &'a Route, refused: Option<Refusal>) -> Situation<'a> {
        let refused = refused.map(|refusal| (refusal, Duration::from_secs(3)));
        Situation { destination: PEER, name: Some("anna"), draining: false, route: Ok(route), refused }
    }

    #[test]
    fn an_open_way_is_said_to_be_open() {
        let route = route(3);
        let answer = explain(&situation(&route, None));
        assert_eq!((answer.refusal, answer.route.len()), (Refusal::Unspecified, 3));
        assert!(answer.sentence.contains("nothing stands in the way to anna"), "{}", answer.sentence);
        assert!(answer.sentence.contains("2 links away"), "{}", answer.sentence);
    }

    #[test]
    fn each_refusal_has_its_own_sentence() {
        let route = route(2);
        let all = (1..=11).map(|code| Refusal::try_from(code).unwrap());
        let mut sentences = std::collections::BTreeSet::new();
        for refusal in all {
            let answer = explain(&situation(&route, Some(refusal)));
            assert_eq!(answer.refusal, refusal);
            assert!(
                answer.sentence.ends_with("(3 s ago)") && answer.sentence.len() > 40,
                "{}",
                answer.sentence
            );
            sentences.insert(answer.sentence);
        }
        assert_eq!(sentences.len(), 11);
    }

    #[test]
    fn what_the_topology_says_goes_before_what_was_seen() {
        let none = NoRoute::UnknownPeer { peer: PEER };
        let route = route(2);
        let known = Situation { route: Err(&none), ..situation(&route, Some(Refusal::Limit)) };
        assert_eq!(explain(&known).refusal, Refusal::UnknownPeer);
        let draining = Situation { draining: true, ..known };
        assert_eq!(explain(&draining).refusal, Refusal::Draining);
    }
}
