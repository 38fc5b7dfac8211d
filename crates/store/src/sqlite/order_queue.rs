//! The queue of orders in SQLite: claim, freeze, complete, release.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OrderState, TicketStatus};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::db::Tx;
use super::rows::events::insert_events;
use super::rows::tickets::{insert_ticket, tickets_by_order};
use super::rows::values::list;
use crate::decide::event_records::news;
use crate::decide::freezing::{self, Locked, Orders, Step};
use crate::decide::later;
use crate::decide::order::{claim_from, claimable, notes_cell};
use crate::decide::sql_values::{Row, clean, need, rfc3339};
use crate::decide::ticket::ticket_columns;
use crate::sql::Batches as _;
use crate::sql::rows::attention::list_not_asked;
use crate::sql::rows::event_records::note as note_said;
use crate::sql::rows::history::note;
use crate::sql::rows::tickets::tickets_of;
use crate::sql::settling::{Settling, settle};
use crate::{
    Announcing, Claim, Claimable, Completion, FailedTicket, Freeze, FreezeOutcome, GeneratedTicket, NextStep,
    OrderQueue, Release, Result,
};

#[async_trait]
impl OrderQueue for SqliteStore {
    async fn claim_some(
        &self,
        worker: &str,
        limit: usize,
        lease: Duration,
        which: Claimable,
    ) -> Result<Vec<Claim>> {
        let mut tx = self.begin().await?;
        let now = self.time_to_claim(&mut tx).await?;
        let mut claims = due(&mut tx, now, lease, limit, which).await?;
        if claims.is_empty() {
            tx.commit().await?;
            return Ok(claims);
        }
        let since = claims.iter().map(|c| (c.order_id.to_string(), rfc3339(c.tried_since).into()));
        let since: serde_json::Map<_, _> = since.collect();
        let sql = "UPDATE orders SET fence = fence + 1, attempts = attempts + 1, deaths = deaths + 1, worker = ?2, \
                   tried_since = n.value, due_at = ?3, updated_at = ?4 FROM json_each(?1) AS n WHERE order_id = n.key";
        sqlx::query(sql)
            .bind(serde_json::Value::from(since).to_string())
            .bind(clean(worker))
            .bind(rfc3339(later(now, lease)))
            .bind(rfc3339(now))
            .execute(&mut *tx)
            .await?;
        let frozen = claims.iter().filter(|c| c.state == OrderState::Enriched).map(|c| c.order_id);
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id IN (SELECT value FROM json_each(?1)) \
             AND status IN ('Pending', 'Failed') AND voided_at IS NULL ORDER BY order_id, ticket_index"
        );
        let mut tickets = tickets_by_order(&mut tx, sql, frozen).await?;
        for claim in &mut claims {
            claim.tickets = tickets.remove(&claim.order_id).unwrap_or_default();
            lend_issued(&mut tx, claim).await?;
        }
        tx.commit().await?;
        Ok(claims)
    }

    async fn renew(&self, claims: &[(OrderId, i64)], lease: Duration) -> Result<Vec<OrderId>> {
        let mut tx = self.begin().await?;
        let until = rfc3339(later(self.now(), lease));
        let mut held = Vec::new();
        for (order, fence) in claims {
            let sql = "UPDATE orders SET due_at = ?3 WHERE order_id = ?1 AND fence = ?2 \
                       AND worker IS NOT NULL AND state <> 'voided'";
            let done =
                sqlx::query(sql).bind(order.to_string()).bind(fence).bind(&until).execute(&mut *tx).await?;
            if done.rows_affected() == 1 {
                held.push(*order);
            }
        }
        tx.commit().await?;
        Ok(held)
    }

    async fn freeze(&self, batch: &[Freeze]) -> Result<Vec<FreezeOutcome>> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let orders = locked(&mut tx, batch.iter().map(|f| f.order_id)).await?;
        let numbers = batch.iter().flat_map(|f| &f.tickets).map(|t| &t.number);
        let key = |event: &str| clean(event).into_owned();
        let events = freezing::events_of(batch).into_iter().map(key);
        let sql = "SELECT NULL AS event_id, ticket_number AS text FROM tickets \
                   WHERE ticket_number IN (SELECT value FROM json_each(?1)) \
                   UNION ALL SELECT event_id, said FROM events WHERE event_id IN (SELECT value FROM json_each(?2))";
        let known = sqlx::query(sql).bind(list(numbers)?).bind(list(events)?).fetch_all(&mut *tx).await?;
        let (taken, recorded) = freezing::known_from(&known)?;
        // A frozen order has its own numbers recorded; `plan` checks that first.
        let steps = freezing::plan(batch, &orders, &taken);
        let owners = tx.take_seats(freezing::seats(batch, &steps)).await?;
        for freeze in freezing::fresh(batch, &steps) {
            for ticket in freezing::flagged(freeze, &owners) {
                insert_ticket(&mut tx, &ticket).await?;
            }
            let (state, reason) = freezing::frozen_as(freeze);
            let sql = "UPDATE orders SET state = ?5, reason = coalesce(?6, reason), frozen_at = ?2, snapshot = ?3, \
                       notes = ?4, worker = CASE ?5 WHEN 'issued' THEN NULL ELSE worker END, \
                       due_at = CASE WHEN ?5 <> 'issued' THEN due_at WHEN refresh > 0 THEN ?2 END, \
                       parked_at = CASE ?5 WHEN 'issued' THEN NULL ELSE parked_at END, updated_at = ?2 \
                       WHERE order_id = ?1";
            sqlx::query(sql)
                .bind(freeze.order_id.to_string())
                .bind(rfc3339(now))
                .bind(&freeze.snapshot[..])
                .bind(notes_cell(&freeze.notes)?)
                .bind(state.as_str())
                .bind(reason)
                .execute(&mut *tx)
                .await?;
            if orders.get(&freeze.order_id).is_some_and(|o| o.withdrawn) {
                let announcing = &Announcing::default();
                let work = Settling { rules: self.refunds, announcing, has_seats: true, noted: &[] };
                settle(&mut tx, &BTreeSet::from([freeze.order_id]), work).await?;
            }
        }
        let said = freezing::fresh(batch, &steps).filter_map(|f| f.said.as_deref());
        note_said(&mut tx, &news(said, &recorded, key)?).await?;
        let stored = batch.iter().zip(&steps).filter(|(_, s)| matches!(s, Step::Stored | Step::Fresh));
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id IN (SELECT value FROM json_each(?1)) AND voided_at IS NULL \
             ORDER BY order_id, ticket_index"
        );
        let tickets = tickets_by_order(&mut tx, sql, stored.map(|(f, _)| f.order_id)).await?;
        crate::step!("before-freeze-commit");
        tx.commit().await?;
        let answer = |(freeze, step): (&Freeze, Step)| match step {
            Step::Stale => FreezeOutcome::Stale,
            Step::NumberTaken(number) => FreezeOutcome::NumberTaken(number),
            Step::Stored | Step::Fresh => {
                tickets.get(&freeze.order_id).cloned().map_or(FreezeOutcome::Stale, FreezeOutcome::Frozen)
            }
        };
        Ok(batch.iter().zip(steps).map(answer).collect())
    }

    async fn complete(&self, batch: &[Completion]) -> Result<Vec<bool>> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let orders = locked(&mut tx, batch.iter().map(|c| c.order_id)).await?;
        let mut answers = Vec::with_capacity(batch.len());
        for completion in batch {
            let Some(order) = freezing::fenced(&orders, completion.order_id, completion.fence) else {
                answers.push(false);
                continue;
            };
            let who = order.worker.as_deref().unwrap_or("worker");
            let mut progress = false;
            for done in &completion.generated {
                progress |= generated(&mut tx, now, who, completion.order_id, done).await?;
            }
            finish(&mut tx, now, completion, progress).await?;
            answers.push(true);
        }
        crate::step!("before-complete-commit");
        tx.commit().await?;
        Ok(answers)
    }

    async fn release(&self, batch: &[Release]) -> Result<Vec<bool>> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let mut orders = locked(&mut tx, batch.iter().map(|r| r.order_id)).await?;
        let mut answers = Vec::with_capacity(batch.len());
        for release in batch {
            let Some(order) = freezing::lent(&orders, release.order_id, release.fence).cloned() else {
                answers.push(false);
                continue;
            };
            orders.remove(&release.order_id);
            give_back(&mut tx, now, release).await?;
            if order.state == OrderState::Issued && matches!(release.then, NextStep::Park(_)) {
                list_not_asked(&mut tx, release.order_id, &release.reason).await?;
            }
            let parked = matches!(release.then, NextStep::Park(_));
            let who = order.worker.as_deref().unwrap_or("worker");
            for failed in &release.failed {
                fail(&mut tx, now, who, release.order_id, failed, parked).await?;
            }
            answers.push(true);
        }
        tx.commit().await?;
        Ok(answers)
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let sql = "SELECT min(due_at) AS due_at FROM orders WHERE due_at IS NOT NULL \
                   AND state <> 'voided'";
        let due = sqlx::query(sql).fetch_one(&self.read).await?.time("due_at")?;
        let now = self.now();
        Ok(due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default()))
    }
}

/// Orders that can be claimed, longest due first: due ones, including those whose lease has ended, then those with a
/// lease that no correct clock can have given.
async fn due(
    db: &mut SqliteConnection,
    now: Timestamp,
    lease: Duration,
    limit: usize,
    which: Claimable,
) -> Result<Vec<Claim>> {
    let sql = "SELECT o.order_id, o.state, o.frozen_at, o.fence + 1 AS fence, o.attempts + 1 AS attempts, \
               o.deaths + 1 AS deaths, o.parked_at, o.received_at, o.tried_since, o.payment_key, o.traceparent, o.refresh, \
               CASE WHEN o.state = 'issued' THEN o.snapshot END AS snapshot, coalesce(f.payment_id, p.payment_id) AS payment_id, \
               coalesce(f.customer_id, p.customer_id) AS customer_id, coalesce(f.amount, p.amount) AS amount, \
               coalesce(f.currency, p.currency) AS currency, \
               o.due_at AS was_due, o.worker FROM (SELECT * FROM (SELECT order_id AS id FROM orders \
                                    WHERE due_at IS NOT NULL AND due_at <= ?1 AND state <> 'voided' \
                                    AND (?4 = 0 OR (?4 = 1) = (frozen_at IS NOT NULL AND state <> 'issued')) \
                                    ORDER BY due_at, order_id LIMIT ?3) \
                     UNION ALL \
                     SELECT * FROM (SELECT order_id AS id FROM orders \
                                    WHERE worker IS NOT NULL AND due_at > ?2 \
                                    AND (?4 = 0 OR (?4 = 1) = (frozen_at IS NOT NULL AND state <> 'issued')) \
                                    AND state <> 'voided' LIMIT ?3) \
                     LIMIT ?3) AS found \
               JOIN orders o ON o.order_id = found.id LEFT JOIN payments p ON p.key = o.payment_key \
               LEFT JOIN payments f ON f.key = p.folded_into \
               ORDER BY o.due_at, o.order_id";
    let far = later(now, lease.saturating_mul(2));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = sqlx::query(sql).bind(rfc3339(now)).bind(rfc3339(far)).bind(limit).bind(claimable(which));
    let mut claims = Vec::new();
    for row in &query.fetch_all(db).await? {
        let mut claim = claim_from(row)?;
        // An order that another worker had was tried in that time.
        let due = row.time("was_due")?.filter(|due| *due < now);
        if let (Some(due), None) = (due, row.text("worker")?) {
            claim.tried_since = later(claim.tried_since, now.duration_since(due).unsigned_abs());
        }
        claims.push(claim);
    }
    Ok(claims)
}

/// Adds to the claim of an issued order what its refresh compares, and the latest payment.
async fn lend_issued(db: &mut Tx, claim: &mut Claim) -> Result<()> {
    let Some(refresh) = &mut claim.refresh else { return Ok(()) };
    let order = claim.order_id.to_string();
    refresh.tickets = tickets_of(db, claim.order_id).await?;
    let sql = "SELECT payment_id, customer_id FROM payments WHERE order_id = ?1 AND folded_into IS NULL \
               ORDER BY received_at DESC, key DESC LIMIT 1";
    if let Some(row) = sqlx::query(sql).bind(&order).fetch_optional(&mut **db).await? {
        (claim.payment_id, claim.customer_id) = (row.text("payment_id")?, row.text("customer_id")?);
    }
    Ok(())
}

async fn locked(db: &mut SqliteConnection, orders: impl Iterator<Item = OrderId>) -> Result<Orders> {
    let sql = "SELECT order_id, fence, state, worker, frozen_at, withdrawn FROM orders \
               WHERE order_id IN (SELECT value FROM json_each(?1))";
    let rows = sqlx::query(sql).bind(list(orders)?).fetch_all(db).await?;
    rows.iter().map(freezing::locked_from).collect::<Result<HashMap<OrderId, Locked>>>()
}

/// Records a file, unless the ticket has one or is void. Returns whether it did.
async fn generated(
    db: &mut Tx,
    now: Timestamp,
    who: &str,
    order: OrderId,
    done: &GeneratedTicket,
) -> Result<bool> {
    let ticket = &done.ticket;
    let sql = "SELECT status, delivered_at FROM tickets WHERE id = ?1 AND order_id = ?2 \
               AND status IN ('Pending', 'Failed') AND voided_at IS NULL";
    let found = sqlx::query(sql)
        .bind(ticket.id.to_string())
        .bind(order.to_string())
        .fetch_optional(&mut **db)
        .await?;
    let Some(row) = found else { return Ok(false) };
    let to = match row.time("delivered_at")? {
        Some(_) => TicketStatus::Delivered,
        None => TicketStatus::Generated,
    };
    let sql = "UPDATE tickets SET status = ?2, ticket_pdf_path = ?3, sha256 = ?4, size = ?5, generated_at = ?6, \
               sequence = ?7, flags = ?8, renderer = ?9, last_error = NULL, updated_at = ?10 WHERE id = ?1";
    sqlx::query(sql)
        .bind(ticket.id.to_string())
        .bind(to.as_str())
        .bind(ticket.document.path.as_deref().map(clean))
        .bind(ticket.document.sha256.as_ref().map(|h| &h[..]))
        .bind(ticket.document.size.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))
        .bind(ticket.document.generated_at.map(rfc3339))
        .bind(ticket.lifecycle.sequence)
        .bind(ticket.flags.to_stored())
        .bind(clean(&ticket.document.renderer))
        .bind(rfc3339(now))
        .execute(&mut **db)
        .await?;
    let from: TicketStatus = row.word("status")?;
    note(db, ticket.id, (from.as_str(), to.as_str()), who, None).await?;
    insert_events(db, now, &done.events).await?;
    Ok(true)
}

/// Ends the order when the completion is `finished` and nothing is left; progress gives it a new budget.
async fn finish(
    db: &mut SqliteConnection,
    now: Timestamp,
    completion: &Completion,
    progress: bool,
) -> Result<()> {
    let order = completion.order_id.to_string();
    if completion.finished {
        let sql = "UPDATE orders SET state = 'issued', reason = NULL, worker = NULL, \
                   due_at = CASE WHEN refresh > 0 THEN ?2 END, \
                   tried_since = CASE WHEN refresh > 0 THEN ?2 ELSE tried_since END, \
                   parked_at = NULL, attempts = 0, deaths = 0, updated_at = ?2 WHERE order_id = ?1 AND state <> 'issued' \
                   AND frozen_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tickets t \
                   WHERE t.order_id = ?1 AND t.status IN ('Pending', 'Failed') AND t.voided_at IS NULL)";
        sqlx::query(sql).bind(&order).bind(rfc3339(now)).execute(&mut *db).await?;
    }
    if progress {
        let sql = "UPDATE orders SET attempts = 0, deaths = 0, updated_at = ?2 WHERE order_id = ?1";
        sqlx::query(sql).bind(&order).bind(rfc3339(now)).execute(db).await?;
    }
    Ok(())
}

async fn give_back(db: &mut SqliteConnection, now: Timestamp, release: &Release) -> Result<()> {
    let (parked, given_back, after) = match release.then {
        NextStep::Retry(after) => (false, 0, Some(after)),
        NextStep::Wait(after) => (false, 1, Some(after)),
        NextStep::Park(after) => (true, 0, after),
    };
    if let NextStep::Wait(after) = release.then {
        let sql = "SELECT tried_since FROM orders WHERE order_id = ?1";
        let row = sqlx::query(sql).bind(release.order_id.to_string()).fetch_one(&mut *db).await?;
        let since = later(need("tried_since", row.time("tried_since")?)?, after);
        let sql = "UPDATE orders SET tried_since = ?2 WHERE order_id = ?1";
        sqlx::query(sql).bind(release.order_id.to_string()).bind(rfc3339(since)).execute(&mut *db).await?;
    }
    let sql = "UPDATE orders SET worker = NULL, reason = CASE WHEN state = 'issued' THEN reason ELSE ?2 END, due_at = ?3, attempts = max(attempts - ?4, 0), deaths = 0, \
               state = CASE WHEN ?5 AND state <> 'issued' THEN 'parked' ELSE state END, \
               parked_at = CASE WHEN ?5 THEN coalesce(parked_at, ?6) ELSE parked_at END, \
               refused_answer = coalesce(?7, refused_answer), updated_at = ?6 WHERE order_id = ?1";
    sqlx::query(sql)
        .bind(release.order_id.to_string())
        .bind(clean(&release.reason))
        .bind(after.map(|d| rfc3339(later(now, d))))
        .bind(given_back)
        .bind(parked)
        .bind(rfc3339(now))
        .bind(release.refused_answer.as_deref())
        .execute(db)
        .await?;
    Ok(())
}

/// Records a failed try of a ticket; if its order is parked, the ticket becomes Failed.
async fn fail(
    db: &mut Tx,
    now: Timestamp,
    who: &str,
    order: OrderId,
    failed: &FailedTicket,
    parked: bool,
) -> Result<()> {
    let reason = clean(&failed.reason);
    let sql = "UPDATE tickets SET attempts = attempts + 1, last_error = ?3, updated_at = ?4 WHERE id = ?1 \
               AND order_id = ?2 AND status IN ('Pending', 'Failed') AND voided_at IS NULL RETURNING status";
    let status: Option<String> = sqlx::query_scalar(sql)
        .bind(failed.id.to_string())
        .bind(order.to_string())
        .bind(&*reason)
        .bind(rfc3339(now))
        .fetch_optional(&mut **db)
        .await?;
    if parked && status.as_deref() == Some("Pending") {
        let sql = "UPDATE tickets SET status = 'Failed' WHERE id = ?1";
        sqlx::query(sql).bind(failed.id.to_string()).execute(&mut **db).await?;
        note(db, failed.id, ("Pending", "Failed"), who, Some(&reason)).await?;
    }
    Ok(())
}
