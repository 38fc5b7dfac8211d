//! Issued orders that may have grown.

use async_trait::async_trait;
use fulfillment_domain::{Flag, OrderId, Ticket};
use sqlx::PgConnection;

use super::attention;
use super::rows::{At, micros};
use super::seats::take_seats;
use super::withdrawals::{Settling, case, settle};
use super::work::{insert_tickets, tickets_by_order};
use super::{COLLISIONS, PgStore, collided};
use crate::shared::freezing::{self, Step};
use crate::shared::order::notes_cell;
use crate::shared::refreshing::{self, Asked, Verdict, asked_columns, asked_from, decide};
use crate::shared::ticket::ticket_columns;
use crate::shared::withdrawing::Case;
use crate::{Announcing, AskOutcome, Found, NewLines, RefreshOutcome, Refreshed, Refreshes, Result};

#[async_trait]
impl Refreshes for PgStore {
    async fn refreshed(&self, refreshed: &Refreshed) -> Result<RefreshOutcome> {
        for _ in 0..COLLISIONS {
            if let Some(outcome) = self.try_refresh(refreshed).await? {
                return Ok(outcome);
            }
        }
        Err(collided())
    }

    async fn ask_ordering(&self, order: OrderId, issue: bool) -> Result<AskOutcome> {
        let mut tx = self.begin().await?;
        let outcome = asked(&mut tx, order).await?.map_or(AskOutcome::Unknown, |(asked, _)| asked.outcome);
        if matches!(outcome, AskOutcome::Asked | AskOutcome::Later) {
            want(&mut tx, &[order], &[1]).await?;
            let sql = "UPDATE orders SET refresh_issue = $2 WHERE order_id = $1 AND refresh_issue < $2";
            sqlx::query(sql).bind(order.0).bind(i64::from(issue)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }
}

impl PgStore {
    /// None when another order took a number meanwhile: nothing was written.
    async fn try_refresh(&self, refreshed: &Refreshed) -> Result<Option<RefreshOutcome>> {
        let mut tx = self.begin().await?;
        let order = refreshed.order_id;
        let Some((asked, now)) = asked(&mut tx, order).await? else { return Ok(Some(RefreshOutcome::Stale)) };
        let Some(case) = case(&mut tx, order, self.refunds).await? else {
            return Ok(Some(RefreshOutcome::Stale));
        };
        if !asked.is_lent(refreshed.fence) {
            return Ok(Some(RefreshOutcome::Stale));
        }
        let verdict = decide(&case, refreshed, asked.issue, now.0);
        if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
            let numbers: Vec<_> = lines.freeze.tickets.iter().map(|t| t.ticket_number.as_str()).collect();
            let sql = "SELECT ticket_number FROM tickets WHERE ticket_number = ANY($1::text[])";
            let taken: Vec<String> = sqlx::query_scalar(sql).bind(numbers).fetch_all(&mut *tx).await?;
            if let Some(number) = taken.into_iter().next() {
                return Ok(Some(RefreshOutcome::NumberTaken(number)));
            }
            if !grow(&mut tx, lines, &verdict).await? {
                tx.rollback().await?;
                return Ok(None);
            }
        }
        if verdict.exact {
            unflag(&mut tx, &case).await?;
        }
        attention::put(&mut tx, order, &refreshing::GROUP, &verdict.wanted).await?;
        if let Found::Lines(lines) = &refreshed.found {
            let notes = refreshing::notes_with(asked.notes, &verdict, lines);
            let sql = "UPDATE orders SET notes = $2 WHERE order_id = $1 AND notes <> $2";
            sqlx::query(sql).bind(order.0).bind(notes_cell(&notes)?).execute(&mut *tx).await?;
        }
        end(&mut tx, refreshed, &verdict).await?;
        let outcome = if verdict.grows {
            if asked.withdrawn {
                let work = Settling { rules: self.refunds, announcing: &Announcing::default() };
                settle(&mut tx, order, work).await?;
            }
            RefreshOutcome::Grown(unfinished(&mut tx, order).await?)
        } else {
            RefreshOutcome::Unchanged
        };
        crate::step!("before-refresh-commit");
        tx.commit().await?;
        Ok(Some(outcome))
    }
}

/// The order under its lock, and what time it is.
async fn asked(db: &mut PgConnection, order: OrderId) -> Result<Option<(Asked, At)>> {
    let sql = concat!(
        "SELECT ",
        asked_columns!(),
        ", clock_timestamp() AS now FROM orders WHERE order_id = $1 FOR NO KEY UPDATE"
    );
    let Some(row) = sqlx::query(sql).bind(order.0).fetch_optional(db).await? else { return Ok(None) };
    Ok(Some((asked_from(&row)?, sqlx::Row::try_get(&row, "now")?)))
}

/// Has Ordering asked again about orders that are or will be issued, each for so many reasons: at once where nobody has the order in hand. The
/// rows are locked. Answers with those that it does not concern, because they never grow.
pub(super) async fn want(db: &mut PgConnection, orders: &[OrderId], times: &[i64]) -> Result<Vec<OrderId>> {
    let sql = "UPDATE orders o SET refresh = o.refresh + n.times, \
               due_at = CASE WHEN o.state = 'issued' AND o.worker IS NULL THEN clock_timestamp() ELSE o.due_at END, \
               attempts = CASE WHEN o.state = 'issued' AND o.worker IS NULL THEN 0 ELSE o.attempts END, \
               tried_since = CASE WHEN o.state = 'issued' THEN clock_timestamp() ELSE o.tried_since END, \
               parked_at = CASE WHEN o.state = 'issued' THEN NULL ELSE o.parked_at END \
               FROM unnest($1::uuid[], $2::bigint[]) AS n(id, times) WHERE o.order_id = n.id \
               AND o.voided_at IS NULL AND o.erased_at IS NULL AND (o.frozen_at IS NULL OR o.snapshot IS NOT NULL) \
               RETURNING o.order_id";
    let ids: Vec<_> = orders.iter().map(|order| order.0).collect();
    let asked: Vec<uuid::Uuid> = sqlx::query_scalar(sql).bind(ids).bind(times).fetch_all(db).await?;
    Ok(orders.iter().copied().filter(|order| !asked.contains(&order.0)).collect())
}

/// Has Ordering asked again about an order about which something is listed: a refund may settle it.
pub(super) async fn want_if_listed(db: &mut PgConnection, order: OrderId) -> Result<()> {
    if sqlx::query(refreshing::LISTED).bind(order.0).fetch_optional(&mut *db).await?.is_some() {
        want(db, &[order], &[1]).await?;
    }
    Ok(())
}

/// Lists payments of orders that never grow.
pub(super) async fn list_closed(db: &mut PgConnection, orders: &[OrderId]) -> Result<()> {
    for order in orders {
        let Some((asked, now)) = asked(db, *order).await? else { continue };
        let sql = "SELECT count(*) FROM payments WHERE order_id = $1 AND folded_into IS NULL";
        let payments: i64 = sqlx::query_scalar(sql).bind(order.0).fetch_one(&mut *db).await?;
        if let Some(wanted) = refreshing::closed(asked.outcome, payments, now.0) {
            attention::put(db, *order, &[wanted.reason], std::slice::from_ref(&wanted)).await?;
        }
    }
    Ok(())
}

/// Lists an issued order about which Ordering could not be asked.
pub(super) async fn list_not_asked(db: &mut PgConnection, order: OrderId, why: &str) -> Result<()> {
    let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *db).await?;
    let wanted = refreshing::not_asked(order, why, now.0);
    attention::put(db, order, &[wanted.reason], std::slice::from_ref(&wanted)).await
}

/// Writes new tickets. False when another batch was quicker with one of them.
async fn grow(db: &mut PgConnection, lines: &NewLines, verdict: &Verdict) -> Result<bool> {
    let batch = std::slice::from_ref(&lines.freeze);
    let owners = take_seats(db, freezing::seats(batch, &[Step::Fresh])).await?;
    let mut tickets = freezing::flagged(&lines.freeze, &owners);
    for ticket in tickets.iter_mut().filter(|_| !verdict.exact) {
        ticket.flags.insert(Flag::AmountMismatch);
    }
    tickets.sort_by(|a, b| a.ticket_number.cmp(&b.ticket_number));
    insert_tickets(db, &tickets).await
}

/// Takes the flag off the tickets whose amounts fit by now.
async fn unflag(db: &mut PgConnection, case: &Case) -> Result<()> {
    let (ids, flags): (Vec<_>, Vec<_>) =
        refreshing::unflagged(case).into_iter().map(|(id, flags)| (id.0, flags.to_stored())).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let sql = "WITH held AS (SELECT id FROM tickets WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) \
               UPDATE tickets t SET flags = n.flags, updated_at = clock_timestamp() \
               FROM held JOIN unnest($1::uuid[], $2::text[]) AS n(id, flags) ON n.id = held.id WHERE t.id = held.id";
    sqlx::query(sql).bind(ids).bind(flags).execute(db).await?;
    Ok(())
}

/// Writes what becomes of the order: with new tickets it stays lent until they have their files.
async fn end(db: &mut PgConnection, refreshed: &Refreshed, verdict: &Verdict) -> Result<()> {
    let id = refreshed.order_id.0;
    if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
        let sql = "UPDATE orders SET state = 'enriched', snapshot = $2, refresh = greatest(refresh - $3, 0), \
                   refresh_issue = 0, attempts = 0, parked_at = NULL, updated_at = clock_timestamp() WHERE order_id = $1";
        let query = sqlx::query(sql).bind(id).bind(&lines.freeze.snapshot[..]);
        query.bind(refreshed.asks).execute(db).await?;
        return Ok(());
    }
    let again = refreshed.ask_again.filter(|_| verdict.again).map(micros);
    let answered = if again.is_some() { 0 } else { refreshed.asks };
    let sql = "UPDATE orders SET refresh = greatest(refresh - $2, 0), refresh_issue = 0, worker = NULL, deaths = 0, \
               attempts = CASE WHEN $3::bigint IS NULL THEN 0 ELSE attempts END, parked_at = NULL, \
               due_at = CASE WHEN $3::bigint IS NOT NULL THEN clock_timestamp() + $3 * interval '1 microsecond' \
                             WHEN refresh > $2 THEN clock_timestamp() END, \
               updated_at = clock_timestamp() WHERE order_id = $1";
    sqlx::query(sql).bind(id).bind(answered).bind(again).execute(db).await?;
    Ok(())
}

async fn unfinished(db: &mut PgConnection, order: OrderId) -> Result<Vec<Ticket>> {
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE order_id = ANY($1::uuid[]) \
         AND status IN ('Pending', 'Failed') AND voided_at IS NULL ORDER BY order_id, ticket_index"
    );
    Ok(tickets_by_order(db, sql, vec![order.0]).await?.remove(&order).unwrap_or_default())
}
