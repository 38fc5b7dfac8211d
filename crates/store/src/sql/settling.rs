//! Settling: the effects of orders' withdrawals are read, decided and applied under the orders' locks, for all orders
//! of a batch together. See [`super::rows::locks`] for the order in which rows are locked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId};
use serde_json::json;

use super::rows::attention::{put, put_all};
use super::rows::deviations::Deviations;
use super::rows::tickets::{facts_by_order, tickets_with, void};
use super::rows::{locks, seats, withdrawals};
use super::{Batches, Db};
use crate::decide::attention::Wanted;
use crate::decide::dead_letters::SEEN_TO;
use crate::decide::folding::fold;
use crate::decide::sql_values::{Row as _, SqlValue, clean, need};
use crate::decide::withdrawing::{
    Effects, End, OrderFacts, Paid, decide, facts_from, paid_from, voided_event,
};
use crate::{Announcing, AttentionReason, RefundRules, Result, WithdrawalState};

/// The settings for settling withdrawals.
#[derive(Clone, Copy)]
pub(crate) struct Settling<'a> {
    pub(crate) rules: RefundRules,
    pub(crate) announcing: &'a Announcing,
    /// Whether the seats of the tickets that may be voided are locked already.
    pub(crate) has_seats: bool,
    /// Events whose records are written afterwards: they are locked together with those of the voids.
    pub(crate) noted: &'a [&'a str],
}

/// Applies the effects of these orders' withdrawals, whatever state each order has by then. The orders' rows are
/// locked.
pub(crate) async fn settle(
    db: &mut impl Batches,
    orders: &BTreeSet<OrderId>,
    work: Settling<'_>,
) -> Result<()> {
    let mut settled = Vec::with_capacity(orders.len());
    for facts in facts_of_all(db, orders, work.rules).await? {
        let effects = decide(&facts);
        settled.push((facts, effects));
    }
    apply(db, &settled, Effects::WHO, work).await
}

/// An operator has dealt with the payments of these void orders: they are settled again. Their rows are locked.
pub(crate) async fn see_to(
    db: &mut impl Batches,
    orders: &BTreeSet<OrderId>,
    rules: RefundRules,
) -> Result<()> {
    locks::payments_of(db, orders.iter().copied()).await?;
    db.execute(SEEN_TO, &[SqlValue::orders(orders.iter().copied())]).await?;
    settle(db, orders, Settling { rules, announcing: &Announcing::default(), has_seats: false, noted: &[] })
        .await
}

/// Updates the order's entries on the attention list. Its row is locked.
pub(crate) async fn list_anew(db: &mut impl Db, order: OrderId, rules: RefundRules) -> Result<()> {
    let Some(facts) = facts_of(db, order, rules).await? else { return Ok(()) };
    let effects = Effects::default();
    put(db, order, effects.reasons(&facts), &effects.attention(&facts)).await
}

/// Everything that determines the state of an order's tickets.
pub(crate) async fn facts_of(
    db: &mut impl Db,
    order: OrderId,
    rules: RefundRules,
) -> Result<Option<OrderFacts>> {
    Ok(facts_of_all(db, &BTreeSet::from([order]), rules).await?.pop())
}

/// The same for several orders; none for an order that does not exist.
pub(crate) async fn facts_of_all(
    db: &mut impl Db,
    orders: &BTreeSet<OrderId>,
    rules: RefundRules,
) -> Result<Vec<OrderFacts>> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let which = [SqlValue::orders(orders.iter().copied())];
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent, @now AS now \
               FROM orders WHERE order_id @any($1) ORDER BY order_id";
    let mut all = Vec::with_capacity(orders.len());
    for row in db.fetch_all(sql, &which).await? {
        all.push(facts_from(&row, need("now", row.time("now")?)?, rules)?);
    }
    let sql = "SELECT order_id, key, CAST(amount AS TEXT) AS amount, currency, processed_at, late, folded_into \
               FROM payments WHERE order_id @any($1) ORDER BY key";
    let mut payments: HashMap<OrderId, Vec<Paid>> = HashMap::new();
    for row in db.fetch_all(sql, &which).await? {
        payments.entry(row.order_id()?).or_default().push(paid_from(&row)?);
    }
    let mut withdrawals = withdrawals::of_orders(db, &which).await?;
    let sql = "SELECT w.order_id, p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id @any($1) AND p.order_id <> w.order_id";
    let mut elsewhere: HashMap<OrderId, Vec<String>> = HashMap::new();
    for row in db.fetch_all(sql, &which).await? {
        elsewhere.entry(row.order_id()?).or_default().push(need("key", row.text("key")?)?);
    }
    let mut tickets = facts_by_order(db, &which).await?;
    for facts in &mut all {
        let order = facts.order_id;
        facts.set_payments(payments.remove(&order).unwrap_or_default());
        facts.withdrawals = withdrawals.remove(&order).unwrap_or_default();
        fold(facts);
        facts.elsewhere.extend(elsewhere.remove(&order).unwrap_or_default());
        facts.tickets = tickets.remove(&order).unwrap_or_default();
        if facts.asks_for_charges() {
            let sql = "SELECT snapshot FROM orders WHERE order_id = $1";
            if let Some(snapshot) = db.fetch_one(sql, &[order.into()]).await?.bytes("snapshot")? {
                facts.set_charges(&snapshot);
            }
        }
    }
    Ok(all)
}

/// Writes what was decided: settled withdrawals, voids and their events, the orders' ends, the attention list.
pub(crate) async fn apply(
    db: &mut impl Batches,
    settled: &[(OrderFacts, Effects)],
    who: &str,
    work: Settling<'_>,
) -> Result<()> {
    settle_withdrawals(db, settled).await?;
    let voided = void_tickets(db, settled, who, work.has_seats).await?;
    // After the seats have passed on, since that writes other tickets.
    Deviations::voided(voided.values()).write(db, work.noted).await?;
    let mut events: Vec<OutboxEvent> = Vec::new();
    for (facts, effects) in settled {
        for (id, _) in &effects.voided {
            let Some(ticket) = voided.get(id).filter(|t| t.lifecycle.sequence > 0) else { continue };
            events.push(voided_event(ticket, work.announcing, facts.traceparent.as_deref())?);
        }
    }
    db.insert_events(&events).await?;
    for (facts, effects) in settled {
        if let Some(end) = &effects.end {
            finish(db, facts.order_id, end).await?;
        }
    }
    let lists: Vec<(OrderId, &[AttentionReason], Vec<Wanted>)> =
        settled.iter().map(|(f, e)| (f.order_id, e.reasons(f), e.attention(f))).collect();
    put_all(db, &lists).await
}

/// Writes the new states of withdrawals.
async fn settle_withdrawals(db: &mut impl Db, settled: &[(OrderFacts, Effects)]) -> Result<()> {
    let changes = settled.iter().flat_map(|(_, effects)| &effects.settled);
    let changes: Vec<_> = changes
        .map(|s| {
            json!({
                "key": clean(&s.key), "state": s.state.as_str(), "note": s.note.as_deref().map(clean),
                "bound_to": s.bound_to.as_deref().map(clean),
                "applied": i64::from(s.state == WithdrawalState::Applied),
            })
        })
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let orders = settled.iter().filter(|(_, effects)| !effects.settled.is_empty());
    locks::withdrawals_of(db, orders.map(|(facts, _)| facts.order_id)).await?;
    let sql = "UPDATE withdrawals SET state = n.state, note = n.note, \
               bound_to = coalesce(n.bound_to, withdrawals.bound_to), \
               was_applied = @greatest(withdrawals.was_applied, n.applied), updated_at = @now \
               FROM @records(key text, state text, note text, bound_to text, applied bigint) \
               WHERE withdrawals.key = n.key";
    db.execute(sql, &[serde_json::Value::from(changes).to_string().into()]).await?;
    Ok(())
}

/// Voids tickets, and returns them: their seats are locked first, and pass on afterwards.
async fn void_tickets(
    db: &mut impl Batches,
    settled: &[(OrderFacts, Effects)],
    who: &str,
    has_seats: bool,
) -> Result<HashMap<TicketId, Ticket>> {
    let reasons: BTreeMap<_, _> =
        settled.iter().flat_map(|(_, e)| &e.voided).map(|(id, why)| (*id, why.as_str())).collect();
    if reasons.is_empty() {
        return Ok(HashMap::new());
    }
    let mut tickets = tickets_with(db, reasons.keys().copied()).await?;
    let owned = seats::owned(db, tickets.values(), !has_seats).await?;
    locks::tickets(db, reasons.keys().copied()).await?;
    void(db, &mut tickets, &reasons, who).await?;
    seats::pass_on(db, owned).await?;
    Ok(tickets)
}

/// Writes an order's end. If the order is void, a worker that has claimed it is fenced off.
async fn finish(db: &mut impl Db, order: OrderId, end: &End) -> Result<()> {
    let (state, why) = end.told();
    let sql = if *end == End::Issued {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, parked_at = NULL, attempts = 0, deaths = 0, \
         due_at = CASE WHEN refresh > 0 THEN @now END, updated_at = @now WHERE order_id = $1"
    } else {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, due_at = NULL, \
         parked_at = CASE WHEN $2 = 'parked' THEN coalesce(parked_at, @now) END, fence = fence + 1, \
         voided_at = coalesce(voided_at, @now), updated_at = @now WHERE order_id = $1"
    };
    db.execute(sql, &[order.into(), state.as_str().into(), why.into()]).await?;
    Ok(())
}
