//! Issued orders that may have grown.

use async_trait::async_trait;
use fulfillment_domain::{Flag, OrderId, Ticket};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::attention;
use super::rows::orders::{asked, want};
use super::rows::seats::take_seats;
use super::rows::tickets::{insert_ticket, tickets_by_order};
use super::rows::values::list;
use super::settling::{Settling, case, settle};
use crate::shared::cells::rfc3339;
use crate::shared::freezing::{self, Step};
use crate::shared::later;
use crate::shared::order::notes_cell;
use crate::shared::refreshing::{self, Verdict, decide};
use crate::shared::ticket::ticket_columns;
use crate::{Announcing, AskOutcome, Found, NewLines, RefreshOutcome, Refreshed, Refreshes, Result};

#[async_trait]
impl Refreshes for SqliteStore {
    async fn refreshed(&self, refreshed: &Refreshed) -> Result<RefreshOutcome> {
        let mut tx = self.begin().await?;
        let (order, now) = (refreshed.order_id, self.now());
        let Some(asked) = asked(&mut tx, order).await? else { return Ok(RefreshOutcome::Stale) };
        let Some(case) = case(&mut tx, now, order, self.refunds).await? else {
            return Ok(RefreshOutcome::Stale);
        };
        if !asked.is_lent(refreshed.fence) {
            return Ok(RefreshOutcome::Stale);
        }
        let verdict = decide(&case, refreshed, asked.issue, now);
        if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
            let numbers = lines.freeze.tickets.iter().map(|t| &t.number);
            let sql =
                "SELECT ticket_number FROM tickets WHERE ticket_number IN (SELECT value FROM json_each(?1))";
            let taken: Option<String> =
                sqlx::query_scalar(sql).bind(list(numbers)?).fetch_optional(&mut *tx).await?;
            if let Some(number) = taken {
                return Ok(RefreshOutcome::NumberTaken(number));
            }
            grow(&mut tx, lines, &verdict).await?;
        }
        for (ticket, flags) in refreshing::unflagged(&case).into_iter().filter(|_| verdict.exact) {
            let sql = "UPDATE tickets SET flags = ?2, updated_at = ?3 WHERE id = ?1";
            let query = sqlx::query(sql).bind(ticket.to_string()).bind(flags.to_stored());
            query.bind(rfc3339(now)).execute(&mut *tx).await?;
        }
        attention::put(&mut tx, now, order, &refreshing::GROUP, &verdict.wanted).await?;
        if let Found::Lines(lines) = &refreshed.found {
            let notes = refreshing::notes_with(asked.notes, &verdict, lines);
            let sql = "UPDATE orders SET notes = ?2 WHERE order_id = ?1 AND notes <> ?2";
            sqlx::query(sql).bind(order.to_string()).bind(notes_cell(&notes)?).execute(&mut *tx).await?;
        }
        end(&mut tx, now, refreshed, &verdict).await?;
        let outcome = if verdict.grows {
            if asked.withdrawn {
                let work = Settling { now, rules: self.refunds, announcing: &Announcing::default() };
                settle(&mut tx, order, work).await?;
            }
            RefreshOutcome::Grown(unfinished(&mut tx, order).await?)
        } else {
            RefreshOutcome::Unchanged
        };
        crate::step!("before-refresh-commit");
        tx.commit().await?;
        Ok(outcome)
    }

    async fn ask_ordering(&self, order: OrderId, issue: bool) -> Result<AskOutcome> {
        let mut tx = self.begin().await?;
        let outcome = asked(&mut tx, order).await?.map_or(AskOutcome::Unknown, |asked| asked.outcome);
        if matches!(outcome, AskOutcome::Asked | AskOutcome::Later) {
            want(&mut tx, self.now(), order, 1).await?;
            let sql = "UPDATE orders SET refresh_issue = max(refresh_issue, ?2) WHERE order_id = ?1";
            sqlx::query(sql).bind(order.to_string()).bind(issue).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }
}

async fn grow(db: &mut SqliteConnection, lines: &NewLines, verdict: &Verdict) -> Result<()> {
    let batch = std::slice::from_ref(&lines.freeze);
    let owners = take_seats(db, freezing::seats(batch, &[Step::Fresh])).await?;
    for mut ticket in freezing::flagged(&lines.freeze, &owners) {
        if !verdict.exact {
            ticket.flags.insert(Flag::AmountMismatch);
        }
        insert_ticket(db, &ticket).await?;
    }
    Ok(())
}

/// Writes what becomes of the order: with new tickets it stays lent until they have their files.
async fn end(
    db: &mut SqliteConnection,
    now: Timestamp,
    refreshed: &Refreshed,
    verdict: &Verdict,
) -> Result<()> {
    let id = refreshed.order_id.to_string();
    if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
        let sql = "UPDATE orders SET state = 'enriched', snapshot = ?2, refresh = max(refresh - ?3, 0), \
                   refresh_issue = 0, attempts = 0, parked_at = NULL, updated_at = ?4 WHERE order_id = ?1";
        let query = sqlx::query(sql).bind(id).bind(&lines.freeze.snapshot[..]).bind(refreshed.asks);
        query.bind(rfc3339(now)).execute(db).await?;
        return Ok(());
    }
    let again = refreshed.ask_again.filter(|_| verdict.again).map(|after| rfc3339(later(now, after)));
    let answered = if again.is_some() { 0 } else { refreshed.asks };
    let sql = "UPDATE orders SET refresh = max(refresh - ?2, 0), refresh_issue = 0, worker = NULL, deaths = 0, \
               attempts = CASE WHEN ?3 IS NULL THEN 0 ELSE attempts END, parked_at = NULL, \
               due_at = CASE WHEN ?3 IS NOT NULL THEN ?3 WHEN refresh > ?2 THEN ?4 END, updated_at = ?4 \
               WHERE order_id = ?1";
    sqlx::query(sql).bind(id).bind(answered).bind(again).bind(rfc3339(now)).execute(db).await?;
    Ok(())
}

async fn unfinished(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<Ticket>> {
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE order_id IN (SELECT value FROM json_each(?1)) \
         AND status IN ('Pending', 'Failed') AND voided_at IS NULL ORDER BY order_id, ticket_index"
    );
    Ok(tickets_by_order(db, sql, std::iter::once(order)).await?.remove(&order).unwrap_or_default())
}
