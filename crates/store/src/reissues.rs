//! New generations of tickets: another holder or seat, a lost phone, or a ticket that was voided and is good again.
//!
//! The row in `tickets` is the live generation. What it was made of before moves to `ticket_revisions` in the
//! transaction that makes the new one live, after its file is stored: until then the old code is good, from then on
//! the new one.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A new generation that has its number and is yet to be stored: everything its page is made of that the live row
/// does not say. Drawn again it is the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Its number.
    pub generation: u32,
    /// The generation whose place it is to take.
    pub expected: u32,
    /// Whether it ends a void.
    pub reinstates: bool,
    /// The name of the request that it was made for.
    pub request: Option<String>,
    /// When it was made: the time printed on it.
    pub issued_at: Timestamp,
    /// The code's id.
    pub cti: [u8; 10],
    /// Counts reinstatements.
    pub era: u32,
    /// The key that signed its code.
    pub kid: String,
    /// What its QR code says.
    pub qr_code_data: String,
    /// What it is drawn by.
    pub template: String,
    /// Whose seat it is.
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

/// What a ticket's next generation is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// The draft that has not become live yet.
    pub draft: Option<Draft>,
    /// The number for a first draft. Numbers up to the highest that was ever given are left out as long as a code can
    /// count the next; then it is the one after the live generation, whatever is stored under it.
    pub next: u32,
}

/// A generation whose file is stored, about to take the place of the live one.
#[derive(Debug, Clone)]
pub struct Reissue {
    /// The ticket as it is to stand, `sequence` counting its event; but for flags that only the store can know.
    pub ticket: Ticket,
    /// The generation whose place it takes.
    pub expected: u32,
    /// Whether the ticket is void until now.
    pub reinstates: bool,
    /// What to tell the world, in the same transaction.
    pub events: Vec<OutboxEvent>,
    /// Who wants it, for the history.
    pub who: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// The request's own name, so that a repeat of it is known.
    pub request: Option<String>,
}

/// Making new generations.
#[async_trait]
pub trait Reissues: Send + Sync {
    /// The ticket's draft, and the number that a new one takes.
    async fn drafted(&self, id: TicketId) -> Result<Drafted>;

    /// Keeps a draft in the place of another (`over`), or as the first. `false`, and nothing is written, when the
    /// draft that is kept is another by now, another generation is live than the draft expects, or the ticket was
    /// erased.
    async fn reserve(&self, id: TicketId, draft: &Draft, over: Option<&Draft>) -> Result<bool>;

    /// Makes a generation live, in one transaction, keeps what was before and ends the ticket's draft. Answers with the ticket as it stands;
    /// `None`, and nothing is written, when another generation or event came in between, or the ticket was voided or
    /// reinstated meanwhile. A seat that is another's then is taken all the same and flagged. Reinstating a ticket
    /// ends the void of its order: its cancellations are lifted, so that a repeat of them changes nothing.
    async fn reissue(&self, reissue: &Reissue) -> Result<Option<Ticket>>;

    /// Whether a generation of the ticket was made by the request of this name.
    async fn was_reissued(&self, id: TicketId, request: &str) -> Result<bool>;

    /// Sets an order going again that was voided before it had tickets. `false` when it is not void, has tickets
    /// (which are reinstated each by itself) or was never paid.
    async fn reinstate_order(&self, id: OrderId) -> Result<bool>;
}
