//! What the messenger tells, as JSON for the page. Times are milliseconds since 1970, ids are text.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use identity::NodeId;
use proto::control::v1::{
    DeliveryState, Direction, InboxItem, MessageNews, PeopleNews, Person, Profile, SafetyNumberResponse,
};
use qrcode::{Color, QrCode};
use serde_json::{Value, json};

/// Who one is.
/// `kept_by`: where one logs in, for a peer that a dispatcher keeps.
pub(super) fn profile(profile: &Profile, kept_by: Option<&str>) -> Value {
    let id = id(&profile.node_id);
    json!({
        "name": profile.name,
        "network": profile.network.as_ref().map(|it| it.name.as_str()).unwrap_or_default(),
        "warnings": profile.warnings,
        "trouble": profile.trouble,
        "version": profile.version,
        "kept_by": kept_by,
        "code": code(id.as_bytes()),
        "id": id,
    })
}

pub(super) fn people(news: &PeopleNews) -> Value {
    json!({
        "all": news.all,
        "people": news.people.iter().map(person).collect::<Vec<_>>(),
        "gone": news.gone.iter().map(id).collect::<Vec<_>>(),
    })
}

pub(super) fn person(person: &Person) -> Value {
    let hop = |hop: &proto::control::v1::Hop| json!({ "id": id(&hop.node_id), "name": hop.name });
    json!({
        "id": id(&person.node_id),
        "name": person.name,
        "network": person.network.as_ref().map(|it| it.name.as_str()).unwrap_or_default(),
        "state": person.state,
        "via": person.via.iter().map(hop).collect::<Vec<_>>(),
        "rtt_us": person.round_trip_us,
        "key_exchange": person.key_exchange,
        "last_seen": person.last_seen_ms,
        "reason": person.reason,
        "skew_ms": person.skew_ms,
        "contact": person.contact,
        "unread": person.unread,
        "queued": person.queued,
        "verified": person.verified,
        "blocked": person.blocked,
        "namesakes": person.namesakes.iter().map(id).collect::<Vec<_>>(),
        "last": person.last.as_ref().map(item),
        "typing": person.typing,
    })
}

pub(super) fn messages(news: &MessageNews) -> Value {
    json!({
        "messages": news.messages.iter().map(item).collect::<Vec<_>>(),
        "through": news.through,
        "reload": news.reload,
        "deleted": news.deleted.iter().map(id).collect::<Vec<_>>(),
    })
}

/// A message.
pub(super) fn item(item: &InboxItem) -> Value {
    let is_own = item.direction() == Direction::Out;
    json!({
        "id": item.id,
        "position": item.position,
        "peer": id(if is_own { &item.to } else { &item.from }),
        "out": is_own,
        "text": item.text,
        "unknown": item.unknown_content,
        "sent_at": item.sent_at_ms,
        "state": state(item.state()),
        "state_at": item.state_at_ms,
        "reason": item.reason,
        "via": item.via.iter().map(id).collect::<Vec<_>>(),
        "epoch": HEXLOWER.encode(&item.epoch),
        "sequence": item.sequence,
    })
}

pub(super) fn safety(number: &SafetyNumberResponse) -> Value {
    json!({ "digits": number.digits, "code": code(&number.code) })
}

/// The rows of a QR code, a character for each module: 1 is dark. Empty for what makes none.
fn code(content: &[u8]) -> Vec<String> {
    let Ok(code) = QrCode::new(content) else { return Vec::new() };
    let dark = |color: &Color| if *color == Color::Dark { '1' } else { '0' };
    let modules = code.to_colors();
    modules.chunks(code.width()).map(|row| row.iter().map(dark).collect()).collect()
}

pub(super) fn id(bytes: &Bytes) -> String {
    NodeId::try_from(bytes).map(|id| id.to_string()).unwrap_or_default()
}

const fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Queued => "queued",
        DeliveryState::AtPeer => "at_peer",
        DeliveryState::Read => "read",
        DeliveryState::Received => "received",
        DeliveryState::Refused => "refused",
        DeliveryState::Unspecified => "unknown",
    }
}
