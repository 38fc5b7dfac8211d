//! Issued orders that may have grown.

use async_trait::async_trait;
use fulfillment_domain::{Flag, OrderId, Ticket};
use sqlx::PgConnection;

use super::rows::attention;
use super::rows::orders::{asked, want};
use super::rows::seats::take_seats;
use super::rows::tickets::{insert_tickets, tickets_by_order};
use super::rows::values::micros;
use super::settling::{Settling, case, settle};
use super::{COLLISIONS, PgStore, collided};
use crate::shared::freezing::{self, Step};
use crate::shared::order::notes_cell;
use crate::shared::refreshing::{self, Verdict, decide};
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
            let numbers: Vec<_> = lines.freeze.tickets.iter().map(|t| t.number.as_str()).collect();
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

/// Writes new tickets. False when another batch was quicker with one of them.
async fn grow(db: &mut PgConnection, lines: &NewLines, verdict: &Verdict) -> Result<bool> {
    let batch = std::slice::from_ref(&lines.freeze);
    let owners = take_seats(db, freezing::seats(batch, &[Step::Fresh])).await?;
    let mut tickets = freezing::flagged(&lines.freeze, &owners);
    for ticket in tickets.iter_mut().filter(|_| !verdict.exact) {
        ticket.flags.insert(Flag::AmountMismatch);
    }
    tickets.sort_by(|a, b| a.number.cmp(&b.number));
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
