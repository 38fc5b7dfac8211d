//! The events that a door publishes: `ticket-checked-in` and `ticket-check-in-conflict`.

use fulfillment_domain::event::{NAMESPACE, door_event};
use fulfillment_domain::{EventKind, OutboxEvent};
use fulfillment_door::FirstEntry;
use serde_json::json;
use uuid::Uuid;

use super::Door;
use crate::{Announcing, CheckIn};

/// The event of an entry or an exit.
pub(super) fn checked_in(door: &Door, check_in: &CheckIn, announcing: &Announcing) -> OutboxEvent {
    let fields = [
        ("ticketId", json!(check_in.ticket_id)),
        ("orderId", json!(check_in.order_id)),
        ("eventId", json!(door.event_id)),
        ("ticketNumber", json!(check_in.ticket_number)),
        ("cti", json!(check_in.cti)),
        ("direction", json!(check_in.direction)),
        ("gate", json!(check_in.gate)),
        ("device", json!(check_in.device)),
        ("scannedAt", json!(check_in.scanned_at)),
        ("receivedAt", json!(check_in.received_at)),
        ("offline", json!(check_in.shown.is_some())),
        ("override", json!(check_in.overridden)),
        ("sequence", json!(check_in.sequence)),
    ];
    event(EventKind::TicketCheckedIn, check_in, announcing, &fields)
}

/// The event of a check-in that somebody should look at, if it is one. `other` is the first entry on record before it.
pub(super) fn conflict(
    door: &Door,
    check_in: &CheckIn,
    other: Option<&FirstEntry>,
    announcing: &Announcing,
) -> Option<OutboxEvent> {
    let reason = check_in.result.conflict.as_ref()?;
    let CheckIn { scanned_at, gate, device, .. } = check_in;
    let this = FirstEntry { at: *scanned_at, gate: gate.clone(), device: device.clone() };
    // Whichever was scanned earlier comes first.
    let (first, second) = match other {
        Some(other) if other.at <= this.at => (Some(other), Some(&this)),
        other => (Some(&this), other),
    };
    let fields = [
        ("ticketId", json!(check_in.ticket_id)),
        ("eventId", json!(door.event_id)),
        ("reason", json!(reason)),
        ("first", json!(first)),
        ("second", json!(second)),
        ("cti", json!(check_in.cti)),
        ("checkInId", json!(check_in.check_in_id)),
        ("sequence", json!(check_in.sequence)),
    ];
    Some(event(EventKind::TicketCheckInConflict, check_in, announcing, &fields))
}

fn event(
    kind: EventKind,
    check_in: &CheckIn,
    announcing: &Announcing,
    fields: &[(&str, serde_json::Value)],
) -> OutboxEvent {
    let name = format!("{}|{}", check_in.check_in_id, kind.as_str());
    let id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
    // All of a ticket go to one partition.
    let subject = check_in.ticket_id.map(|id| id.to_string()).or_else(|| check_in.cti.clone());
    let subject = subject.unwrap_or_else(|| check_in.check_in_id.to_string());
    let Announcing { spelling, destinations, .. } = announcing;
    door_event(id, kind, &subject, check_in.received_at, *spelling, destinations, fields)
}
