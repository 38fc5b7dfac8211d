//! Reinstates a voided order: each of its tickets gets a new generation, or the order is issued after all.

use fulfillment_domain::{OrderId, TicketId};
use fulfillment_store::{Actor, OrderRecord, StoreError};

use super::{NotReissued, Reissuer, Wanted};

/// Why an order is not reinstated.
#[derive(Debug, thiserror::Error)]
pub enum NotReinstated {
    /// The order is unknown.
    #[error("there is no such order")]
    Unknown,
    /// The data for its pages was erased.
    #[error("its personal data was erased")]
    Erased,
    /// None of its tickets is void, or the order was never paid.
    #[error("nothing of it is void")]
    NotVoid,
    /// One of its tickets got no new generation; those before it did.
    #[error("the ticket {0}: {1}")]
    Ticket(TicketId, NotReissued),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reissuer {
    /// Makes every voided ticket of an order valid again; an order that was voided before it had tickets is issued.
    /// Answers with the order's new state. Each ticket is reinstated by itself: a call that fails in the middle
    /// continues when it is repeated.
    ///
    /// # Errors
    /// [`NotReinstated`]
    pub async fn reinstate_order(
        &self,
        id: OrderId,
        by: &Actor,
        reason: Option<String>,
    ) -> Result<OrderRecord, NotReinstated> {
        let order = self.store.order(id).await?.ok_or(NotReinstated::Unknown)?;
        if order.erased_at.is_some() {
            return Err(NotReinstated::Erased);
        }
        let void: Vec<_> =
            order.tickets.iter().filter(|ticket| ticket.lifecycle.voided_at.is_some()).collect();
        if void.is_empty() && !self.store.reinstate_order(id, by).await? {
            return Err(NotReinstated::NotVoid);
        }
        for ticket in void {
            let wanted = Wanted {
                reinstate: true,
                reason: reason.clone(),
                expected: Some(ticket.code.generation),
                ..Wanted::default()
            };
            self.reissue(ticket.id, wanted, by).await.map_err(|why| NotReinstated::Ticket(ticket.id, why))?;
        }
        self.store.order(id).await?.ok_or(NotReinstated::Unknown)
    }
}
