//! The request for a new generation of a ticket, parsed.

use fulfillment_domain::fields::Fields;
use fulfillment_domain::order::Place;
use fulfillment_domain::ticket::Seat;
use fulfillment_domain::{Ticket, Unreadable};

/// A request for a new generation.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Reinstate a voided ticket, or reissue a live one.
    pub reinstate: bool,
    /// What should be different.
    pub changes: Changes,
    /// Why, for people.
    pub reason: Option<String>,
    /// The generation that the caller takes to be the live one.
    pub expected: Option<u32>,
    /// The request's idempotency key: a repeat of it changes nothing.
    pub request: Option<String>,
}

/// What should be different.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    holder_name: Option<String>,
    holder_email: Option<String>,
    place: Option<Place>,
}

impl Wanted {
    /// Parses a request's body: what should be different, why, and the generation that the caller knows.
    pub fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let mut seated = false;
        for name in ["seatId", "section", "row", "seatNumber", "seatLabel"] {
            seated |= fields.raw(name)?.is_some();
        }
        let expected = fields.integer("expectedGeneration")?;
        let expected = expected.map(|n| {
            u32::try_from(n).map_err(|_| Unreadable::field("expectedGeneration", "is not a generation"))
        });
        Ok(Self {
            changes: Changes {
                holder_name: fields.text("holderName")?,
                holder_email: fields.email("holderEmail")?,
                place: if seated { Some(Place::read(fields)?) } else { None },
            },
            reason: fields.text("reason")?,
            expected: expected.transpose()?,
            ..Self::default()
        })
    }
}

impl Changes {
    pub(super) fn apply(&self, ticket: &mut Ticket) {
        if let Some(name) = &self.holder_name {
            // The address belonged to the former holder.
            ticket.holder.email = None;
            ticket.holder.name = Some(name.clone());
        }
        if let Some(email) = &self.holder_email {
            ticket.holder.email = Some(email.clone());
        }
        if let Some(place) = self.place.clone() {
            let Place { seat_id: id, section, row, number, label } = place;
            ticket.seat = Seat { label, id, section, row, number, ..ticket.seat.clone() };
        }
    }
}
