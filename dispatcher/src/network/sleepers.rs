//! Telling bridges who sleeps, so that nobody gets "unknown peer" and whoever reaches for a sleeping peer has it woken.
//!
//! A bridge is told of a peer once it sleeps, of all of them when this dispatcher has registered with it, and of all of them
//! again now and then: one that was restarted in between does not know it any more, and being told twice costs nothing.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use discovery::{BridgeEnd, BridgeState, Snapshot};
use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, client_config, server_name},
};
use proto::bridge::v1::{AsleepRequest, control_client::ControlClient};
use runtime::rpc::connect_tls;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{Node, Records};
use crate::limits::{BRIDGE_TIMEOUT, TELL_BRIDGE_AGAIN, TELL_BRIDGES_EVERY};

/// Who sleeps, with the peers' records.
pub(crate) type Sleeping = Arc<BTreeMap<NodeId, Arc<Records>>>;

/// Peers that a bridge was told of: which announcement of which peer.
type Told = HashSet<(NodeId, u64)>;

/// Runs for ever.
pub(crate) async fn tell_bridges(node: Node, mut sleeping: watch::Receiver<Sleeping>) {
    let mut around = node.discovery.watch();
    let mut told: HashMap<NodeId, Told> = HashMap::new();
    let mut again = Instant::now() + TELL_BRIDGES_EVERY;
    loop {
        let bridges = registered(&around.borrow_and_update());
        let asleep = sleeping.borrow_and_update().clone();
        // One that was lost and is registered with anew is told everything.
        told.retain(|id, _| bridges.iter().any(|bridge| bridge.id == *id));
        let mut retry = None;
        for bridge in &bridges {
            let told = told.entry(bridge.id).or_default();
            told.retain(|(id, _)| asleep.contains_key(id));
            if let Err(why) = tell(&node, bridge, &asleep, told).await {
                tracing::warn!(bridge = %bridge.id.short(), why, "a bridge was not told who sleeps; it is tried again");
                retry = Some(Instant::now() + TELL_BRIDGE_AGAIN);
            }
        }
        tokio::select! {
            changed = sleeping.changed() => if changed.is_err() { return },
            // The end of it all is seen by the other one.
            _ = has_other_bridges(&mut around, &bridges) => {}
            () = sleep_until(retry.unwrap_or(again)) => {}
        }
        if Instant::now() >= again {
            again = Instant::now() + TELL_BRIDGES_EVERY;
            told.clear();
        }
    }
}

async fn has_other_bridges(around: &mut watch::Receiver<Arc<Snapshot>>, before: &[Arc<BridgeEnd>]) {
    let is_other = |now: &Arc<Snapshot>| {
        let now = registered(now);
        now.len() != before.len() || now.iter().zip(before).any(|(one, other)| one != other)
    };
    if around.wait_for(is_other).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn registered(around: &Snapshot) -> Vec<Arc<BridgeEnd>> {
    let registered = around.bridges.iter().filter(|bridge| bridge.state == BridgeState::Registered);
    let mut ends: Vec<_> = registered.filter_map(|bridge| bridge.end.clone()).collect();
    ends.sort_by_key(|end| end.id);
    ends.dedup_by_key(|end| end.id);
    ends
}

/// Tells one bridge of those that it was not told of.
async fn tell(node: &Node, bridge: &BridgeEnd, asleep: &Sleeping, told: &mut Told) -> Result<(), String> {
    let key = |records: &Records| (records.id(), records.announcement.sequence());
    let new: Vec<_> = asleep.values().filter(|records| !told.contains(&key(records))).collect();
    if new.is_empty() {
        return Ok(());
    }
    let config = client_config(&node.own, Expected::Node(bridge.id), ALPN_H2);
    let config = Arc::new(config.map_err(|error| error.to_string())?);
    let connected = connect_tls(bridge.control, config, server_name(bridge.id), BRIDGE_TIMEOUT).await;
    let (channel, _) = connected.map_err(|error| error.to_string())?;
    let mut control = ControlClient::new(channel);
    let mut last = Ok(());
    for records in new {
        let request = AsleepRequest {
            description: Some(records.description.signed().clone()),
            announcement: Some(records.announcement.signed().clone()),
        };
        match within(control.asleep(request)).await {
            Ok(_) => drop(told.insert(key(records))),
            // One that is refused keeps the others from nothing.
            Err(why) => last = Err(format!("of {}: {why}", records.id().short())),
        }
    }
    last
}

async fn within<T>(call: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, String> {
    let late = |_: tokio::time::error::Elapsed| "it did not answer in time".to_owned();
    let limit: Duration = BRIDGE_TIMEOUT;
    timeout(limit, call).await.map_err(late)?.map_err(|status| status.message().to_owned())
}
