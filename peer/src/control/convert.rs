//! From the history's words to the control's.

use std::collections::BTreeMap;

use conversation::{Direction, Item, ItemState};
use identity::NodeId;
use proto::control::v1 as control;

use crate::command::Face;

/// A message as the control shows it.
pub(super) fn inbox_item(item: Item, faces: &BTreeMap<NodeId, Face>) -> control::InboxItem {
    let name = |id: &NodeId| faces.get(id).map(|face| face.name.clone()).unwrap_or_default();
    let (state, reason) = match item.state {
        ItemState::Queued => {
            let reason = faces.get(&item.id.recipient).map(|face| face.reason.clone());
            (control::DeliveryState::Queued, reason.unwrap_or_default())
        }
        ItemState::AtPeer => (control::DeliveryState::AtPeer, String::new()),
        ItemState::Read => (control::DeliveryState::Read, String::new()),
        ItemState::Received => (control::DeliveryState::Received, String::new()),
        ItemState::Refused(reason) => (control::DeliveryState::Refused, reason),
        _ => (control::DeliveryState::Unspecified, String::new()),
    };
    let direction = match item.direction {
        Direction::In => control::Direction::In,
        Direction::Out => control::Direction::Out,
    };
    control::InboxItem {
        id: item.id.to_string(),
        from: item.id.sender.to_bytes(),
        from_name: name(&item.id.sender),
        to: item.id.recipient.to_bytes(),
        to_name: name(&item.id.recipient),
        text: item.text.unwrap_or_default(),
        sent_at_ms: item.sent_at_ms,
        state: state.into(),
        direction: direction.into(),
        reason,
        state_at_ms: item.state_at_ms,
        via: item.via.iter().map(|id| id.to_bytes()).collect(),
        unknown_content: u32::try_from(item.unknown_content).unwrap_or(u32::MAX),
        epoch: item.id.epoch.to_bytes(),
        sequence: item.id.sequence,
        position: item.position,
    }
}
