//! What follows from an order's withdrawals: read, decided and carried out in the caller's transaction.

use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::rows::attention::put;
use super::rows::events::insert_events;
use super::rows::history::{Transition, note};
use super::rows::seats::pass_on_seat;
use super::rows::tickets::tickets_of;
use super::rows::withdrawals;
use crate::shared::cells::{Row, clean, need, rfc3339};
use crate::shared::folding::fold;
use crate::shared::ticket::{ticket_columns, ticket_from};
use crate::shared::withdrawing::{Case, End, Ruling, case_from, decide, paid_from, voided_event};
use crate::{Announcing, RefundRules, Result, WithdrawalState};

/// What an order's withdrawals are settled by.
#[derive(Clone, Copy)]
pub(super) struct Settling<'a> {
    pub(super) now: Timestamp,
    pub(super) rules: RefundRules,
    pub(super) announcing: &'a Announcing,
}

/// Does what follows from an order's withdrawals, whatever has come of it by now.
pub(super) async fn settle(db: &mut SqliteConnection, order: OrderId, work: Settling<'_>) -> Result<()> {
    let Some(case) = case(db, work.now, order, work.rules).await? else { return Ok(()) };
    carry_out(db, &case, &decide(&case), Ruling::WHO, work.announcing).await
}

/// Lists what of the order needs a person now.
pub(super) async fn list_anew(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    rules: RefundRules,
) -> Result<()> {
    let Some(case) = case(db, now, order, rules).await? else { return Ok(()) };
    let ruling = Ruling::default();
    put(db, now, order, ruling.reasons(&case), &ruling.attention(&case)).await
}

/// All that bears on an order's tickets.
pub(super) async fn case(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    rules: RefundRules,
) -> Result<Option<Case>> {
    let id = order.to_string();
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent FROM orders WHERE order_id = ?1";
    let Some(row) = sqlx::query(sql).bind(&id).fetch_optional(&mut *db).await? else { return Ok(None) };
    let mut case = case_from(&row, now, rules)?;
    let sql = "SELECT key, amount, currency, processed_at, late, folded_into FROM payments WHERE order_id = ?1 ORDER BY key";
    let rows = sqlx::query(sql).bind(&id).fetch_all(&mut *db).await?;
    case.set_payments(rows.iter().map(paid_from).collect::<Result<_>>()?);
    case.withdrawals = withdrawals::of_order(db, order).await?;
    fold(&mut case);
    let sql = "SELECT p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id = ?1 AND p.order_id <> ?1";
    for row in sqlx::query(sql).bind(&id).fetch_all(&mut *db).await? {
        case.elsewhere.insert(need("key", row.text("key")?)?);
    }
    case.tickets = tickets_of(db, order).await?;
    if case.asks_for_charges() {
        let sql = "SELECT snapshot FROM orders WHERE order_id = ?1";
        let snapshot: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(&id).fetch_one(db).await?;
        if let Some(snapshot) = snapshot {
            case.set_charges(&snapshot);
        }
    }
    Ok(Some(case))
}

/// Writes what was decided: settled withdrawals, voids and their events, the order's end, the attention list.
pub(super) async fn carry_out(
    db: &mut SqliteConnection,
    case: &Case,
    ruling: &Ruling,
    who: &str,
    announcing: &Announcing,
) -> Result<()> {
    let now = case.now;
    for settled in &ruling.settled {
        let sql = "UPDATE withdrawals SET state = ?2, note = ?3, bound_to = coalesce(?4, bound_to), \
                   was_applied = max(was_applied, ?5), updated_at = ?6 WHERE key = ?1";
        sqlx::query(sql)
            .bind(&settled.key)
            .bind(settled.state.as_str())
            .bind(settled.note.as_deref().map(clean))
            .bind(&settled.bound_to)
            .bind(settled.state == WithdrawalState::Applied)
            .bind(rfc3339(now))
            .execute(&mut *db)
            .await?;
    }
    let mut events: Vec<OutboxEvent> = Vec::new();
    for (id, why) in &ruling.voided {
        let ticket = void(db, now, *id, why, who).await?;
        if ticket.lifecycle.sequence > 0 {
            events.push(voided_event(&ticket, announcing, case.traceparent.as_deref())?);
        }
    }
    insert_events(db, now, &events).await?;
    if let Some(end) = &ruling.end {
        finish(db, now, case.order_id, end).await?;
    }
    put(db, now, case.order_id, ruling.reasons(case), &ruling.attention(case)).await
}

/// Voids a live ticket; one that was announced counts its `ticket-voided`.
async fn void(
    db: &mut SqliteConnection,
    now: Timestamp,
    id: TicketId,
    why: &str,
    who: &str,
) -> Result<Ticket> {
    let sql = concat!(
        "UPDATE tickets SET voided_at = ?2, void_reason = ?3, updated_at = ?2, \
         sequence = sequence + (sequence > 0) WHERE id = ?1 RETURNING ",
        ticket_columns!()
    );
    let query = sqlx::query(sql).bind(id.to_string()).bind(rfc3339(now)).bind(why);
    let ticket = ticket_from(&query.fetch_one(&mut *db).await?)?;
    pass_on_seat(db, &ticket).await?;
    let status = ticket.lifecycle.status.as_str();
    let told = format!("voided: {why}");
    let step = Transition { ticket: id, from: status, to: status, who, why: Some(&told) };
    note(db, now, step).await?;
    Ok(ticket)
}

/// Writes an order's end. A worker that has it in hand is fenced off where the order is void.
async fn finish(db: &mut SqliteConnection, now: Timestamp, order: OrderId, end: &End) -> Result<()> {
    let (state, why) = end.told();
    let sql = if *end == End::Issued {
        "UPDATE orders SET state = ?2, reason = ?3, worker = NULL, parked_at = NULL, attempts = 0, deaths = 0, \
         due_at = CASE WHEN refresh > 0 THEN ?4 END, updated_at = ?4 WHERE order_id = ?1"
    } else {
        "UPDATE orders SET state = ?2, reason = ?3, worker = NULL, due_at = NULL, \
         parked_at = CASE WHEN ?2 = 'parked' THEN coalesce(parked_at, ?4) END, fence = fence + 1, \
         voided_at = coalesce(voided_at, ?4), updated_at = ?4 WHERE order_id = ?1"
    };
    let query = sqlx::query(sql).bind(order.to_string()).bind(state.as_str()).bind(why.map(clean));
    query.bind(rfc3339(now)).execute(db).await?;
    Ok(())
}
