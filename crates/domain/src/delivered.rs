//! `ticket-delivered`: Notification's message that a ticket reached its holder.

use jiff::Timestamp;

use crate::envelope;
use crate::fields::{Fields, Unreadable};
use crate::id::TicketId;

/// One delivered ticket. Only the id is required; any other field that cannot be read is treated as absent, because the
/// delivery itself still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Which ticket.
    pub ticket_id: TicketId,
    /// The channel: `email`, `sms`, or whatever Notification calls it.
    pub channel: Option<String>,
    /// When, by Notification's clock.
    pub delivered_at: Option<Timestamp>,
    /// The ticket's generation, as stated by the event that announced it.
    pub generation: Option<u32>,
}

impl Delivered {
    /// Reads a message of the topic `ticket-delivered`, in any spelling, bare or in an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        envelope::open(bytes, Self::read)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let ticket_id = fields
            .guid("ticketId")?
            .map(TicketId)
            .ok_or_else(|| Unreadable::field("ticketId", "is missing"))?;
        let channel = fields.text("channel").ok().flatten();
        let generation = fields.integer("generation").ok().flatten().and_then(|n| u32::try_from(n).ok());
        Ok(Self { ticket_id, channel, delivered_at: fields.time("deliveredAt").ok().flatten(), generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_any_spelling() {
        let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
        for json in [
            format!(r#"{{"ticketId":"{id}"}}"#),
            format!(r#"{{"ticket_id":"{id}","channel":"email","delivered_at":"2026-11-22T10:00:00Z"}}"#),
            format!(r#"{{"ticketId":"{id}","channel":7,"deliveredAt":"yesterday"}}"#),
            format!(
                r#"{{"specversion":"1.0","type":"x","source":"y","id":"1","data":{{"TicketId":"{id}"}}}}"#
            ),
        ] {
            assert_eq!(Delivered::parse(json.as_bytes()).unwrap().ticket_id.to_string(), id, "{json}");
        }
        for (json, generation) in [("3", Some(3)), ("-1", None), ("\"x\"", None), ("null", None)] {
            let json = format!(r#"{{"ticketId":"{id}","generation":{json}}}"#);
            assert_eq!(Delivered::parse(json.as_bytes()).unwrap().generation, generation, "{json}");
        }
        assert_eq!(Delivered::parse(b"{}").unwrap_err().field.as_deref(), Some("ticketId"));
    }
}
