//! Trying orders again now, with a new retry budget.

use fulfillment_store::{Records, RetrySelection, StoreError};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// Orders that are queued.
    pub orders: u64,
    /// The one order, or that of the one ticket, was erased: it cannot be.
    pub erased: bool,
}

/// Queues what is parked or waits for another attempt.
///
/// # Errors
/// As of the store.
pub async fn retry(store: &dyn Records, selection: RetrySelection) -> Result<Retried, StoreError> {
    let orders = store.retry(selection).await?;
    let erased = match selection {
        _ if orders > 0 => false,
        RetrySelection::All => false,
        RetrySelection::Order(order) => store.order(order).await?.is_some_and(|o| o.erased_at.is_some()),
        RetrySelection::Ticket(ticket) => {
            store.ticket(ticket).await?.is_some_and(|t| t.lifecycle.erased_at.is_some())
        }
    };
    Ok(Retried { orders, erased })
}
