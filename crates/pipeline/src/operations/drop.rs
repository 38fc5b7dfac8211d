//! Marks a dead letter or a parked item as handled: it is kept with the reason and no longer listed.

use fulfillment_domain::OrderState;
use fulfillment_store::{Actor, AttentionScope, Closing, Store, StoreError};

use super::Listed;

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is no longer listed.
    Done,
    /// Nothing of this name is listed.
    NotListed,
    /// The order is paid and waits for its tickets: if it were dropped, nothing would list it again.
    WaitsForTickets,
}

/// Marks one item as handled.
///
/// # Errors
/// As the store's.
pub async fn drop(store: &dyn Store, what: &Listed, reason: &str, by: &Actor) -> Result<Dropped, StoreError> {
    let done = match what {
        Listed::Letter(id) => store.close_dead_letter(*id, &Closing::Dropped(reason.to_owned()), by).await?,
        Listed::Order(order) => {
            let record = store.order(*order).await?;
            let seen = store.acknowledge(&AttentionScope::Order(*order), reason, by).await? > 0;
            let unpaid = store.lift_unpaid(*order, reason, by).await?;
            let done = store.acknowledge_late(*order, by).await? || seen || unpaid;
            if !done && record.is_some_and(|order| order.state == OrderState::Parked) {
                return Ok(Dropped::WaitsForTickets);
            }
            done
        }
        Listed::Refund(key) => store.lift_withdrawal(key, reason, by).await?,
        Listed::Event(event) => {
            store.acknowledge(&AttentionScope::Event(event.clone()), reason, by).await? > 0
        }
    };
    Ok(if done { Dropped::Done } else { Dropped::NotListed })
}
