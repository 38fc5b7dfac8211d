//! Settling: the effects of an order's withdrawals are read, decided and applied under the order's lock.

use std::collections::BTreeMap;

use fulfillment_domain::{OrderId, Ticket, TicketId};

use super::rows::attention::put;
use super::rows::seats::pass_on_seat;
use super::rows::tickets::tickets_of;
use super::rows::withdrawals;
use super::{Batches, Db};
use crate::decide::folding::fold;
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::decide::withdrawing::{Effects, End, OrderFacts, decide, facts_from, paid_from, voided_event};
use crate::{Announcing, RefundRules, Result, WithdrawalState};

/// The settings for settling an order's withdrawals.
#[derive(Clone, Copy)]
pub(crate) struct Settling<'a> {
    pub(crate) rules: RefundRules,
    pub(crate) announcing: &'a Announcing,
}

/// Applies the effects of an order's withdrawals, whatever state it has by then. The order's row is locked.
pub(crate) async fn settle(db: &mut impl Batches, order: OrderId, work: Settling<'_>) -> Result<()> {
    let Some(facts) = facts_of(db, order, work.rules).await? else { return Ok(()) };
    apply(db, &facts, &decide(&facts), Effects::WHO, work.announcing).await
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
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent, @now AS now \
               FROM orders WHERE order_id = $1";
    let Some(row) = db.fetch_optional(sql, &[order.into()]).await? else { return Ok(None) };
    let mut facts = facts_from(&row, need("now", row.time("now")?)?, rules)?;
    let sql = "SELECT key, CAST(amount AS TEXT) AS amount, currency, processed_at, late, folded_into FROM payments \
               WHERE order_id = $1 ORDER BY key";
    let rows = db.fetch_all(sql, &[order.into()]).await?;
    facts.set_payments(rows.iter().map(paid_from).collect::<Result<_>>()?);
    facts.withdrawals = withdrawals::of_order(db, order).await?;
    fold(&mut facts);
    let sql = "SELECT p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id = $1 AND p.order_id <> $1";
    for row in db.fetch_all(sql, &[order.into()]).await? {
        facts.elsewhere.insert(need("key", row.text("key")?)?);
    }
    facts.tickets = tickets_of(db, order).await?;
    if facts.asks_for_charges() {
        let sql = "SELECT snapshot FROM orders WHERE order_id = $1";
        if let Some(snapshot) = db.fetch_one(sql, &[order.into()]).await?.bytes("snapshot")? {
            facts.set_charges(&snapshot);
        }
    }
    Ok(Some(facts))
}

/// Writes what was decided: settled withdrawals, voids and their events, the order's end, the attention list.
pub(crate) async fn apply(
    db: &mut impl Batches,
    facts: &OrderFacts,
    effects: &Effects,
    who: &str,
    announcing: &Announcing,
) -> Result<()> {
    for settled in &effects.settled {
        let sql = "UPDATE withdrawals SET state = $2, note = $3, bound_to = coalesce($4, bound_to), \
                   was_applied = @greatest(was_applied, $5), updated_at = @now WHERE key = $1";
        let (key, state) = ((&settled.key).into(), settled.state.as_str().into());
        let (note, bound_to) = (settled.note.as_ref().into(), settled.bound_to.as_ref().into());
        let applied = (settled.state == WithdrawalState::Applied).into();
        db.execute(sql, &[key, state, note, bound_to, applied]).await?;
    }
    let mut events = Vec::new();
    for ticket in void(db, &effects.voided, who).await? {
        pass_on_seat(db, &ticket).await?;
        if ticket.lifecycle.sequence > 0 {
            events.push(voided_event(&ticket, announcing, facts.traceparent.as_deref())?);
        }
    }
    db.insert_events(&events).await?;
    if let Some(end) = &effects.end {
        finish(db, facts.order_id, end).await?;
    }
    put(db, facts.order_id, effects.reasons(facts), &effects.attention(facts)).await
}

/// Voids live tickets of an order; one that was announced counts its `ticket-voided`.
async fn void(db: &mut impl Db, tickets: &[(TicketId, String)], who: &str) -> Result<Vec<Ticket>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    // Usually all have the same reason.
    let mut by_reason = BTreeMap::<_, Vec<_>>::new();
    for (id, why) in tickets {
        by_reason.entry(why).or_default().push(*id);
    }
    for (why, ids) in by_reason {
        let sql = "UPDATE tickets SET voided_at = @now, void_reason = $2, updated_at = @now, \
                   sequence = sequence + CASE WHEN sequence > 0 THEN 1 ELSE 0 END WHERE id @any($1)";
        db.execute(sql, &[SqlValue::tickets(ids), why.into()]).await?;
    }
    let ids = || SqlValue::tickets(tickets.iter().map(|(id, _)| *id));
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, @now, status, status, $2, 'voided: ' || void_reason FROM tickets WHERE id @any($1)";
    db.execute(sql, &[ids(), who.into()]).await?;
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id @any($1) ORDER BY ticket_index");
    db.fetch_all(sql, &[ids()]).await?.iter().map(ticket_from).collect()
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
