//! Reissues, which are new generations of tickets: another holder or seat, a lost phone, or a voided ticket that is
//! reinstated.
//!
//! The row in `tickets` is the live generation. Its former content moves to `ticket_revisions` in the transaction that
//! makes the new one live, after its file is stored: until then the old code is valid, from then on the new one.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Actor, Result};

/// A new generation that has its number but is not stored yet: everything on its page that the live row does not have.
/// If it is drawn again, it has the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Its number.
    pub generation: u32,
    /// The generation that it is to replace.
    pub expected: u32,
    /// Whether it ends a void.
    pub reinstates: bool,
    /// The name of the request that it was created for.
    pub request: Option<String>,
    /// When it was created: the time printed on it.
    pub issued_at: Timestamp,
    /// The code's id.
    pub cti: [u8; 10],
    /// Counts reinstatements.
    pub era: u32,
    /// The key that signed its code.
    pub kid: String,
    /// The content of its QR code.
    pub qr_code_data: String,
    /// The template it is drawn with.
    pub template: String,
    /// The holder's name.
    pub holder_name: Option<String>,
    /// The holder's address.
    pub holder_email: Option<String>,
    /// Ordering's seat.
    pub seat_id: Option<String>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row.
    pub row: Option<String>,
    /// Seat within the row.
    pub seat_number: Option<String>,
    /// The seat as printed.
    pub seat: String,
}

/// The state of a ticket from which its next generation is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// The draft that has not become live yet.
    pub draft: Option<Draft>,
    /// The number for a first draft. Numbers up to the highest that was ever assigned are skipped as long as a code can
    /// count the next; after that it is the one after the live generation, whatever is stored under it.
    pub next: u32,
}

/// A generation whose file is stored, about to replace the live one.
#[derive(Debug, Clone)]
pub struct Reissue {
    /// The ticket as it is to be recorded, with `sequence` counting its event, except for flags that only the store can
    /// determine.
    pub ticket: Ticket,
    /// The generation that it replaces.
    pub expected: u32,
    /// Whether it reinstates a void ticket.
    pub reinstates: bool,
    /// The events to publish, written in the same transaction.
    pub events: Vec<OutboxEvent>,
    /// Who requested it.
    pub by: Actor,
    /// Why, for people.
    pub reason: Option<String>,
    /// The request's own name, by which a repeat is recognised.
    pub request: Option<String>,
}

/// Reissuing and reinstating tickets.
#[async_trait]
pub trait Reissues: Send + Sync {
    /// The ticket's draft, and the number for a new one.
    async fn drafted(&self, id: TicketId) -> Result<Drafted>;

    /// Stores a draft in place of another (`over`), or as the first. Returns `false`, and writes nothing, when the
    /// stored draft is another one now, another generation is live than the draft expects, or the ticket was erased.
    async fn reserve(&self, id: TicketId, draft: &Draft, over: Option<&Draft>) -> Result<bool>;

    /// Makes a generation live, in one transaction, keeps the former one and ends the ticket's draft. Returns the
    /// ticket as recorded; `None`, with nothing written, when another generation or event came in between, or the
    /// ticket was voided or reinstated meanwhile. A seat that another ticket has is used all the same and flagged.
    /// Reinstating a ticket ends the void of its order: its cancellations are lifted, so that a repeat of them changes
    /// nothing.
    async fn reissue(&self, reissue: &Reissue) -> Result<Option<Ticket>>;

    /// Whether a generation of the ticket was made by the request of this name.
    async fn was_reissued(&self, id: TicketId, request: &str) -> Result<bool>;

    /// Restarts an order that was voided before it had tickets. `false` when it is not void, has tickets (each of which
    /// is reinstated separately) or was never paid.
    async fn reinstate_order(&self, id: OrderId, by: &Actor) -> Result<bool>;
}
