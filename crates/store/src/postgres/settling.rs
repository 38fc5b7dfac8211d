//! What follows from an order's withdrawals: read, decided and carried out under the order's lock.

use fulfillment_domain::{OrderId, Ticket, TicketId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::attention::put;
use super::rows::events::insert_events;
use super::rows::seats::pass_on_seat;
use super::rows::tickets::tickets_of;
use super::rows::withdrawals;
use crate::shared::cells::{Row, clean, need};
use crate::shared::folding::fold;
use crate::shared::ticket::{ticket_columns, ticket_from};
use crate::shared::withdrawing::{Case, End, Ruling, case_from, decide, paid_from, voided_event};
use crate::{Announcing, RefundRules, Result, WithdrawalState};

/// What an order's withdrawals are settled by.
#[derive(Clone, Copy)]
pub(super) struct Settling<'a> {
    pub(super) rules: RefundRules,
    pub(super) announcing: &'a Announcing,
}

/// Does what follows from an order's withdrawals, whatever has come of it by now. The order's row is locked.
pub(super) async fn settle(db: &mut PgConnection, order: OrderId, work: Settling<'_>) -> Result<()> {
    let Some(case) = case(db, order, work.rules).await? else { return Ok(()) };
    carry_out(db, &case, &decide(&case), Ruling::WHO, work.announcing).await
}

/// Lists what of the order needs a person now. Its row is locked.
pub(super) async fn list_anew(db: &mut PgConnection, order: OrderId, rules: RefundRules) -> Result<()> {
    let Some(case) = case(db, order, rules).await? else { return Ok(()) };
    let ruling = Ruling::default();
    put(db, order, ruling.reasons(&case), &ruling.attention(&case)).await
}

/// All that bears on an order's tickets.
pub(super) async fn case(db: &mut PgConnection, order: OrderId, rules: RefundRules) -> Result<Option<Case>> {
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent, clock_timestamp() AS now \
               FROM orders WHERE order_id = $1";
    let Some(row) = sqlx::query(sql).bind(order.0).fetch_optional(&mut *db).await? else { return Ok(None) };
    let mut case = case_from(&row, need("now", row.time("now")?)?, rules)?;
    let sql = "SELECT key, amount::text AS amount, currency, processed_at, late, folded_into FROM payments \
               WHERE order_id = $1 ORDER BY key";
    let rows = sqlx::query(sql).bind(order.0).fetch_all(&mut *db).await?;
    case.set_payments(rows.iter().map(paid_from).collect::<Result<_>>()?);
    case.withdrawals = withdrawals::of_order(db, order).await?;
    fold(&mut case);
    let sql = "SELECT p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id = $1 AND p.order_id <> $1";
    for row in sqlx::query(sql).bind(order.0).fetch_all(&mut *db).await? {
        case.elsewhere.insert(need("key", row.text("key")?)?);
    }
    case.tickets = tickets_of(db, order).await?;
    if case.asks_for_charges() {
        let sql = "SELECT snapshot FROM orders WHERE order_id = $1";
        let snapshot: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(order.0).fetch_one(db).await?;
        if let Some(snapshot) = snapshot {
            case.set_charges(&snapshot);
        }
    }
    Ok(Some(case))
}

/// Writes what was decided: settled withdrawals, voids and their events, the order's end, the attention list.
pub(super) async fn carry_out(
    db: &mut PgConnection,
    case: &Case,
    ruling: &Ruling,
    who: &str,
    announcing: &Announcing,
) -> Result<()> {
    for settled in &ruling.settled {
        let sql = "UPDATE withdrawals SET state = $2, note = $3, bound_to = coalesce($4, bound_to), \
                   was_applied = greatest(was_applied, $5), updated_at = clock_timestamp() WHERE key = $1";
        sqlx::query(sql)
            .bind(&settled.key)
            .bind(settled.state.as_str())
            .bind(settled.note.as_deref().map(clean))
            .bind(&settled.bound_to)
            .bind(i64::from(settled.state == WithdrawalState::Applied))
            .execute(&mut *db)
            .await?;
    }
    let voided = void(db, &ruling.voided, who).await?;
    let mut events = Vec::new();
    for ticket in &voided {
        pass_on_seat(db, ticket).await?;
        if ticket.lifecycle.sequence > 0 {
            events.push(voided_event(ticket, announcing, case.traceparent.as_deref())?);
        }
    }
    insert_events(db, &events.iter().collect::<Vec<_>>()).await?;
    if let Some(end) = &ruling.end {
        finish(db, case.order_id, end).await?;
    }
    put(db, case.order_id, ruling.reasons(case), &ruling.attention(case)).await
}

/// Voids live tickets; one that was announced counts its `ticket-voided`.
async fn void(db: &mut PgConnection, tickets: &[(TicketId, String)], who: &str) -> Result<Vec<Ticket>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = tickets.iter().map(|(id, _)| id.0).collect();
    let sql = "WITH n AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS n(id, why)), \
               old AS (SELECT id FROM tickets WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE), \
               done AS (UPDATE tickets t SET voided_at = clock_timestamp(), void_reason = n.why, \
               sequence = t.sequence + CASE WHEN t.sequence > 0 THEN 1 ELSE 0 END, updated_at = clock_timestamp() \
               FROM n JOIN old ON old.id = n.id WHERE t.id = n.id RETURNING t.id, t.status, n.why) \
               INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, clock_timestamp(), status, status, $3, 'voided: ' || why FROM done";
    let reasons: Vec<&str> = tickets.iter().map(|(_, why)| why.as_str()).collect();
    sqlx::query(sql).bind(&ids).bind(reasons).bind(who).execute(&mut *db).await?;
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE id = ANY($1::uuid[]) ORDER BY ticket_index"
    );
    let rows = sqlx::query(sql).bind(ids).fetch_all(db).await?;
    rows.iter().map(ticket_from).collect()
}

/// Writes an order's end. A worker that has it in hand is fenced off where the order is void.
async fn finish(db: &mut PgConnection, order: OrderId, end: &End) -> Result<()> {
    let (state, why) = end.told();
    let sql = if *end == End::Issued {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, parked_at = NULL, attempts = 0, deaths = 0, \
         due_at = CASE WHEN refresh > 0 THEN clock_timestamp() END, updated_at = clock_timestamp() WHERE order_id = $1"
    } else {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, due_at = NULL, \
         parked_at = CASE WHEN $2 = 'parked' THEN coalesce(parked_at, clock_timestamp()) END, fence = fence + 1, \
         voided_at = coalesce(voided_at, clock_timestamp()), updated_at = clock_timestamp() WHERE order_id = $1"
    };
    sqlx::query(sql).bind(order.0).bind(state.as_str()).bind(why.map(clean)).execute(db).await?;
    Ok(())
}
