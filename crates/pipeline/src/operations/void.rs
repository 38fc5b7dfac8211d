//! Voids a ticket on an operator's request.

use std::sync::Arc;

use fulfillment_domain::TicketId;
use fulfillment_store::{Actor, Announcing, StoreError, Withdrawals};

use crate::Wake;

/// Dependencies of a void.
pub struct Voider {
    /// The store of the tickets.
    pub store: Arc<dyn Withdrawals>,
    /// How the store writes the event.
    pub announcing: Announcing,
    /// Wakes the relay.
    pub wake: Arc<Wake>,
}

impl Voider {
    /// Voids a ticket; false when the id is unknown or the ticket is void already.
    ///
    /// # Errors
    /// As the store's.
    pub async fn void(&self, id: TicketId, reason: &str, by: &Actor) -> Result<bool, StoreError> {
        let voided = self.store.void_ticket(id, reason, &self.announcing, by).await?;
        self.wake.events.send_replace(());
        Ok(voided)
    }
}
