//! Reading rows about orders and payments.

use fulfillment_domain::{OrderState, Ticket};

use crate::decide::sql_values::{Row, clean, need, odd};
use crate::{
    Attention, Claim, Claimable, OrderRecord, PaymentOutcome, PaymentRecord, Refresh, Result, StoreError,
    WithdrawalRecord,
};

/// A claimed order: the former columns of `orders`, except for `fence`, `attempts` and `deaths`, which are the new
/// ones, and the columns of its first payment.
pub(crate) fn claim_from(row: &impl Row) -> Result<Claim> {
    let state: OrderState = row.word("state")?;
    let parked_at = row.time("parked_at")?;
    let issued = state == OrderState::Issued;
    let refresh = || -> Result<_> {
        Ok(Refresh { asks: row.number("refresh")?, tickets: Vec::new(), snapshot: row.bytes("snapshot")? })
    };
    let frozen = row.time("frozen_at")?.is_some();
    Ok(Claim {
        order_id: row.order_id()?,
        state: match (issued, frozen) {
            (true, _) => OrderState::Issued,
            (false, true) => OrderState::Enriched,
            (false, false) => OrderState::Received,
        },
        fence: row.number("fence")?,
        attempts: row.number("attempts")?,
        // The new value counts this claim, which has not crashed.
        deaths: row.number::<u32>("deaths")?.saturating_sub(1),
        // An issued order is never parked, but the time since when it would be is kept for its retries in the
        // background.
        was_parked: state == OrderState::Parked || (issued && parked_at.is_some()),
        parked_at,
        received_at: need("received_at", row.time("received_at")?)?,
        tried_since: need("tried_since", row.time("tried_since")?)?,
        payment_key: need("payment_key", row.text("payment_key")?)?,
        payment_id: row.text("payment_id")?,
        customer_id: row.text("customer_id")?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        traceparent: row.text("traceparent")?,
        tickets: Vec::new(),
        refresh: issued.then(refresh).transpose()?,
    })
}

/// A payment.
pub(crate) fn payment_from(row: &impl Row) -> Result<PaymentRecord> {
    let folded_into = row.text("folded_into")?;
    let outcome = row.word("outcome")?;
    Ok(PaymentRecord {
        key: need("key", row.text("key")?)?,
        order_id: row.order_id()?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        outcome: if folded_into.is_some() { PaymentOutcome::Folded } else { outcome },
        duplicates: row.number("duplicates")?,
        received_at: need("received_at", row.time("received_at")?)?,
        folded_into,
    })
}

/// The notes of an order as stored in its row.
pub(crate) fn notes_cell(notes: &[String]) -> Result<String> {
    let notes: Vec<_> = notes.iter().map(|note| clean(note)).collect();
    serde_json::to_string(&notes).map_err(|e| StoreError::Refused(e.into()))
}

/// An order with its payments and tickets. While a worker holds it there is no next attempt.
pub(crate) fn order_from(
    row: &impl Row,
    payments: Vec<PaymentRecord>,
    withdrawals: Vec<WithdrawalRecord>,
    tickets: Vec<Ticket>,
    attention: Vec<Attention>,
) -> Result<OrderRecord> {
    let held = row.text("worker")?.is_some();
    Ok(OrderRecord {
        order_id: row.order_id()?,
        state: row.word("state")?,
        reason: row.text("reason")?,
        attempts: row.number("attempts")?,
        next_attempt_at: if held { None } else { row.time("due_at")? },
        received_at: need("received_at", row.time("received_at")?)?,
        updated_at: need("updated_at", row.time("updated_at")?)?,
        payments,
        withdrawals,
        tickets,
        notes: serde_json::from_str(&need("notes", row.text("notes")?)?).map_err(|e| odd("notes", e))?,
        attention,
        voided_at: row.time("voided_at")?,
        erased_at: row.time("erased_at")?,
    })
}

/// The parameter that selects orders to claim: 0 all, 1 the frozen ones, 2 the others.
pub(crate) fn claimable(which: Claimable) -> i64 {
    match which {
        Claimable::All => 0,
        Claimable::Frozen => 1,
        Claimable::Unfrozen => 2,
    }
}
