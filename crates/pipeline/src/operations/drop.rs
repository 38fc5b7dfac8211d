//! Marks a dead letter or a parked item as handled: it is kept with the reason and no longer listed.

use fulfillment_domain::OrderState;
use fulfillment_store::{
    Actor, AttentionScope, Closing, OrderRecord, Store, StoreError, WithdrawalRecord, WithdrawalState,
};
use serde::Serialize;

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

/// What a drop would mark as handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToDrop {
    /// Dead letters.
    pub letters: u64,
    /// Refunds and cancellations, which have no effect any more.
    pub refunds: u64,
    /// Orders that are parked because they were paid after their void.
    pub late_orders: u64,
    /// Entries of the attention list.
    pub attention: u64,
}

/// What [`drop`] would do: its result, and what it would mark as handled.
///
/// # Errors
/// As the store's.
pub async fn would_drop(store: &dyn Store, what: &Listed) -> Result<(Dropped, ToDrop), StoreError> {
    let mut found = ToDrop::default();
    match what {
        Listed::Letter(id) => {
            let letter = store.dead_letter(*id).await?;
            found.letters = letter.is_some_and(|letter| letter.record.closed_at.is_none()).into();
        }
        Listed::Order(order) => {
            found.attention = store.attention_within(&AttentionScope::Order(*order)).await?;
            if let Some(record) = store.order(*order).await? {
                let is_parked = record.state == OrderState::Parked;
                found.refunds = unpaid(&record).count() as u64;
                found.late_orders = (is_parked && record.voided_at.is_some()).into();
                if is_parked && found == ToDrop::default() {
                    return Ok((Dropped::WaitsForTickets, found));
                }
            }
        }
        Listed::Refund(key) => {
            let open = store.open_withdrawals(usize::MAX).await?;
            found.refunds = open.iter().any(|refund| refund.key == *key).into();
        }
        Listed::Event(event) => {
            found.attention = store.attention_within(&AttentionScope::Event(event.clone())).await?;
        }
    }
    let outcome = if found == ToDrop::default() { Dropped::NotListed } else { Dropped::Done };
    Ok((outcome, found))
}

/// What arrived for an order that nobody has paid, and still counts.
fn unpaid(order: &OrderRecord) -> impl Iterator<Item = &WithdrawalRecord> {
    let is_unpaid = order.payments.is_empty() && order.tickets.is_empty();
    order.withdrawals.iter().filter(move |withdrawal| {
        is_unpaid && !matches!(withdrawal.state, WithdrawalState::Lifted | WithdrawalState::Failed)
    })
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
