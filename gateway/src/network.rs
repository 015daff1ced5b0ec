//! The network's id: kept, taken over from a bridge that is heard, or made.

use std::{collections::VecDeque, path::Path};

use discovery::Event;
use identity::{Network, NetworkId};
use runtime::Unkept;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    limits::{NETWORK_ID_WAIT, STORED_QUEUE},
    settings::{self, SettingsError},
};

const FILE: &str = "network.json";

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    id: String,
}

/// The network as it was kept; without an id if none is known for this name.
pub(crate) fn load(data: &Path, name: &str) -> Result<Network, SettingsError> {
    let path = data.join(FILE);
    let kept: Option<Kept> = settings::load(&path)?;
    let Some(kept) = kept.filter(|kept| kept.name == name) else { return Ok(Network::named(name)) };
    let damaged = || SettingsError::Damaged {
        path: path.clone(),
        what: format!("`{}` is not a network's id", kept.id),
    };
    let bytes = data_encoding::HEXLOWER.decode(kept.id.as_bytes()).map_err(|_| damaged())?;
    let id = bytes.try_into().map_err(|_| damaged())?;
    Ok(Network { name: kept.name, id: Some(NetworkId::from_bytes(id)) })
}

/// Makes sure that the network has an id, and keeps it. With `hears`, another bridge is
/// listened for first; events of discovery that come meanwhile are handed back.
pub(crate) async fn settle(
    data: &Path,
    network: Network,
    hears: bool,
    events: &mut mpsc::Receiver<Event>,
    unkept: &mut Unkept,
) -> Result<(Network, VecDeque<Event>), SettingsError> {
    let mut meanwhile = VecDeque::new();
    if network.id.is_some() {
        return Ok((network, meanwhile));
    }
    let heard = if hears { listen(events, &mut meanwhile).await } else { None };
    let id = heard.unwrap_or_else(|| NetworkId::from_bytes(rand::random()));
    tracing::info!(network = network.name, %id, taken_over = heard.is_some(), "the network has an id");
    let kept = Kept { name: network.name.clone(), id: id.to_string() };
    settings::store_or_later(&data.join(FILE), &kept, unkept)?;
    Ok((Network { id: Some(id), ..network }, meanwhile))
}

async fn listen(events: &mut mpsc::Receiver<Event>, meanwhile: &mut VecDeque<Event>) -> Option<NetworkId> {
    let learned = async {
        while let Some(event) = events.recv().await {
            if let Event::NetworkLearned(network) = &event {
                return network.id;
            }
            if meanwhile.len() < STORED_QUEUE {
                meanwhile.push_back(event);
            }
        }
        None
    };
    timeout(NETWORK_ID_WAIT, learned).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_made_id_is_kept_for_its_name_only() {
        let data = tempfile::tempdir().unwrap();
        let (_sender, mut events) = mpsc::channel(1);
        let network = Network::named("home");
        let made = settle(data.path(), network, false, &mut events, &mut Unkept::default()).await;
        let (made, _) = made.unwrap();
        assert!(made.id.is_some());
        assert_eq!(load(data.path(), "home").unwrap(), made);
        assert_eq!(load(data.path(), "cloud").unwrap().id, None);
    }
}
