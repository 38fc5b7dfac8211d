//! Retries orders now, with a new retry budget.

use fulfillment_store::{Actor, Records, RetrySelection, StoreError};

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// Orders that are queued.
    pub orders: u64,
    /// The one order, or the order of the one ticket, was erased and cannot be retried.
    pub erased: bool,
}

/// Queues orders that are parked or wait for another attempt.
///
/// # Errors
/// As the store's.
pub async fn retry(
    store: &dyn Records,
    selection: RetrySelection,
    by: &Actor,
) -> Result<Retried, StoreError> {
    let orders = store.retry(selection, by).await?;
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
