//! New generations of tickets: another holder or seat, a lost phone, or a ticket that was voided and is good again.
//!
//! The row in `tickets` is the live generation. What it was made of before moves to `ticket_revisions` in the
//! transaction that makes the new one live, after its file is stored: until then the old code is good, from then on
//! the new one.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId};

use crate::Result;

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
    /// A generation's number for a ticket whose live one is `expected`, given once: no two requests ever draw the
    /// same file. `None` when another generation is live.
    async fn reserve_generation(&self, id: TicketId, expected: u32) -> Result<Option<u32>>;

    /// Makes a generation live, in one transaction, and keeps what was before. Answers with the ticket as it stands;
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
