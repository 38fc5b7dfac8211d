//! Voiding a ticket by an operator's word.

use std::sync::Arc;

use fulfillment_domain::TicketId;
use fulfillment_store::{Announcing, StoreError, Withdrawals};

use crate::Wake;

/// What voiding takes.
pub struct Voider {
    /// Where tickets are recorded.
    pub store: Arc<dyn Withdrawals>,
    /// How the store writes the event.
    pub announcing: Announcing,
    /// Wakes the relay.
    pub wake: Arc<Wake>,
}

impl Voider {
    /// Voids a ticket; false when there is none of this id or it is void already.
    ///
    /// # Errors
    /// As of the store.
    pub async fn void(&self, id: TicketId, reason: &str) -> Result<bool, StoreError> {
        let voided = self.store.void_ticket(id, reason, &self.announcing).await?;
        self.wake.events.send_replace(());
        Ok(voided)
    }
}
