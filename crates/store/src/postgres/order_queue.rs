//! The queue of orders in PostgreSQL: claim, freeze, complete, release.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OrderState, TicketId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::events::insert_events;
use super::rows::seats::take_seats;
use super::rows::tickets::{insert_tickets, tickets_by_order};
use super::rows::values::{At, from_micros, micros, rows_at_most};
use super::{PgStore, Tx};
use crate::FreezeOutcome::{Frozen, NumberTaken, Stale};
use crate::decide::event_records::news;
use crate::decide::freezing::{self, Orders, Step};
use crate::decide::order::{claim_from, claimable, notes_cell};
use crate::decide::sql_values::{Row, clean};
use crate::decide::ticket::{index_key, ticket_columns};
use crate::sql::COLLISIONS;
use crate::sql::rows::attention::list_not_asked;
use crate::sql::rows::event_records::note;
use crate::sql::rows::locks;
use crate::sql::rows::tickets::tickets_of;
use crate::sql::settling::{Settling, settle};
use crate::{
    Announcing, Claim, Claimable, Completion, Freeze, FreezeOutcome, GeneratedTicket, NextStep, OrderQueue,
    Release, Result, StoreError,
};

/// Orders that can be claimed, longest due first: due ones, including those whose lease has ended, then those with a
/// lease that no correct clock can have given. `now()` and not `clock_timestamp()`: it can be compared by an index.
const CLAIM: &str = "WITH due AS (\
        SELECT order_id, due_at, worker FROM orders WHERE due_at IS NOT NULL AND due_at <= now() \
        AND state <> 'voided' AND ($4 = 0 OR ($4 = 1) = (frozen_at IS NOT NULL AND state <> 'issued')) \
        ORDER BY due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED), \
    stepped AS (\
        SELECT order_id, due_at, worker FROM orders WHERE worker IS NOT NULL \
        AND due_at > now() + 2 * $3 * interval '1 microsecond' AND state <> 'voided' \
        AND ($4 = 0 OR ($4 = 1) = (frozen_at IS NOT NULL AND state <> 'issued')) \
        LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED), \
    found AS (SELECT * FROM due UNION ALL SELECT * FROM stepped LIMIT $2) \
    UPDATE orders o SET fence = o.fence + 1, attempts = o.attempts + 1, \
        deaths = o.deaths + 1, worker = $1, \
        tried_since = o.tried_since + CASE WHEN found.worker IS NULL AND found.due_at < now() \
            THEN now() - found.due_at ELSE interval '0' END, \
        due_at = clock_timestamp() + $3 * interval '1 microsecond', updated_at = clock_timestamp() \
    FROM found LEFT JOIN orders b ON b.order_id = found.order_id LEFT JOIN payments p ON p.key = b.payment_key \
        LEFT JOIN payments f ON f.key = p.folded_into \
    WHERE o.order_id = found.order_id \
    RETURNING o.order_id, o.state, o.frozen_at, o.fence, o.attempts, o.deaths, o.parked_at, \
        o.received_at, o.tried_since, o.payment_key, o.traceparent, o.refresh, \
        CASE WHEN o.state = 'issued' THEN o.snapshot END AS snapshot, \
        coalesce(f.payment_id, p.payment_id) AS payment_id, coalesce(f.customer_id, p.customer_id) AS customer_id, \
        coalesce(f.amount, p.amount)::text AS amount, coalesce(f.currency, p.currency) AS currency, \
        found.due_at AS was_due";

#[async_trait]
impl OrderQueue for PgStore {
    async fn claim_some(
        &self,
        worker: &str,
        limit: usize,
        lease: Duration,
        which: Claimable,
    ) -> Result<Vec<Claim>> {
        let mut tx = self.begin().await?;
        let query = sqlx::query(CLAIM).bind(clean(worker)).bind(rows_at_most(limit)).bind(micros(lease));
        let rows = query.bind(claimable(which)).fetch_all(&mut *tx).await?;
        let mut claims = Vec::with_capacity(rows.len());
        for row in &rows {
            claims.push((row.time("was_due")?, claim_from(row)?));
        }
        claims.sort_by_key(|(due, claim)| (*due, claim.order_id));
        let mut claims: Vec<_> = claims.into_iter().map(|(_, claim)| claim).collect();
        let frozen = claims.iter().filter(|c| c.state == OrderState::Enriched).map(|c| c.order_id.0);
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id = ANY($1::uuid[]) \
             AND status IN ('Pending', 'Failed') AND voided_at IS NULL ORDER BY order_id, ticket_index"
        );
        let mut tickets = tickets_by_order(&mut tx, sql, frozen.collect()).await?;
        for claim in &mut claims {
            claim.tickets = tickets.remove(&claim.order_id).unwrap_or_default();
            lend_issued(&mut tx, claim).await?;
        }
        tx.commit().await?;
        Ok(claims)
    }

    async fn renew(&self, claims: &[(OrderId, i64)], lease: Duration) -> Result<Vec<OrderId>> {
        let (orders, fences): (Vec<_>, Vec<_>) =
            claims.iter().map(|(order, fence)| (order.0, *fence)).unzip();
        let sql = "WITH held AS (SELECT order_id, fence, worker, state FROM orders \
                   WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE) \
                   UPDATE orders o SET due_at = clock_timestamp() + $3 * interval '1 microsecond' \
                   FROM held JOIN unnest($1::uuid[], $2::bigint[]) AS c(id, fence) \
                   ON c.id = held.order_id AND c.fence = held.fence \
                   WHERE o.order_id = held.order_id AND held.worker IS NOT NULL \
                   AND held.state <> 'voided' RETURNING o.order_id";
        let query = sqlx::query_scalar(sql).bind(orders).bind(fences).bind(micros(lease));
        let held: HashSet<Uuid> = query.fetch_all(&self.pool).await?.into_iter().collect();
        Ok(claims.iter().map(|(order, _)| *order).filter(|o| held.contains(&o.0)).collect())
    }

    async fn freeze(&self, batch: &[Freeze]) -> Result<Vec<FreezeOutcome>> {
        for _ in 0..COLLISIONS {
            if let Some(outcomes) = self.try_freeze(batch).await? {
                return Ok(outcomes);
            }
        }
        // A number that another batch took meanwhile is seen on the next attempt; a taken id stays taken.
        Err(StoreError::Refused("a ticket of the batch is on record with another number or line".into()))
    }

    async fn complete(&self, batch: &[Completion]) -> Result<Vec<bool>> {
        let mut tx = self.begin().await?;
        let orders = locked(&mut tx, batch.iter().map(|c| c.order_id.0).collect()).await?;
        let live = |c: &&Completion| freezing::fenced(&orders, c.order_id, c.fence).is_some();
        let answers = batch.iter().map(|c| live(&c)).collect();
        let mut given: Vec<(&Completion, &GeneratedTicket)> = Vec::new();
        let mut seen = HashSet::new();
        for completion in batch.iter().filter(live) {
            given.extend(
                completion.generated.iter().filter(|g| seen.insert(g.ticket.id)).map(|g| (completion, g)),
            );
        }
        let done = generated(&mut tx, &orders, &given).await?;
        let events =
            given.iter().filter(|(_, g)| done.contains_key(&g.ticket.id)).flat_map(|(_, g)| &g.events);
        insert_events(&mut tx, &events.collect::<Vec<_>>()).await?;
        let finished: Vec<Uuid> =
            batch.iter().filter(live).filter(|c| c.finished).map(|c| c.order_id.0).collect();
        if !finished.is_empty() {
            sqlx::query(FINISH).bind(finished).execute(&mut *tx).await?;
        }
        if !done.is_empty() {
            let progressed: HashSet<Uuid> = done.values().copied().collect();
            let sql = "UPDATE orders SET attempts = 0, deaths = 0, updated_at = clock_timestamp() \
                       WHERE order_id = ANY($1::uuid[]) AND (attempts <> 0 OR deaths <> 0)";
            sqlx::query(sql).bind(progressed.into_iter().collect::<Vec<_>>()).execute(&mut *tx).await?;
        }
        crate::step!("before-complete-commit");
        tx.commit().await?;
        Ok(answers)
    }

    async fn release(&self, batch: &[Release]) -> Result<Vec<bool>> {
        let mut tx = self.begin().await?;
        let mut orders = locked(&mut tx, batch.iter().map(|r| r.order_id.0).collect()).await?;
        let mut answers = Vec::with_capacity(batch.len());
        let mut given = Vec::new();
        let mut not_asked = Vec::new();
        for release in batch {
            let order = freezing::lent(&orders, release.order_id, release.fence).cloned();
            answers.push(order.is_some());
            if let Some(order) = order {
                orders.remove(&release.order_id);
                if order.state == OrderState::Issued && matches!(release.then, NextStep::Park(_)) {
                    not_asked.push(release);
                }
                given.push((release, order.worker.unwrap_or_default()));
            }
        }
        give_back(&mut tx, &given).await?;
        fail(&mut tx, &given).await?;
        for release in not_asked {
            list_not_asked(&mut tx, release.order_id, &release.reason).await?;
        }
        tx.commit().await?;
        Ok(answers)
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let sql = "SELECT (extract(epoch FROM min(due_at) - clock_timestamp()) * 1000000)::bigint \
                   FROM orders WHERE due_at IS NOT NULL AND state <> 'voided'";
        let due: Option<i64> = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(due.map(from_micros))
    }
}

/// Ends orders that have nothing left; Ordering is asked again about those with another payment. A count and not an
/// anti-join, which reads all unfinished tickets.
const FINISH: &str = "UPDATE orders o SET state = 'issued', reason = NULL, worker = NULL, \
    due_at = CASE WHEN o.refresh > 0 THEN clock_timestamp() END, \
    tried_since = CASE WHEN o.refresh > 0 THEN clock_timestamp() ELSE o.tried_since END, \
    parked_at = NULL, attempts = 0, deaths = 0, updated_at = clock_timestamp() \
    WHERE o.order_id = ANY($1::uuid[]) AND o.state <> 'issued' AND o.frozen_at IS NOT NULL \
    AND 0 = (SELECT count(*) FROM tickets t WHERE t.order_id = o.order_id \
             AND t.status IN ('Pending', 'Failed') AND t.voided_at IS NULL)";

impl PgStore {
    /// None when a ticket could not be written because another batch wrote it first: nothing was written.
    async fn try_freeze(&self, batch: &[Freeze]) -> Result<Option<Vec<FreezeOutcome>>> {
        let mut tx = self.begin().await?;
        let orders = locked(&mut tx, batch.iter().map(|f| f.order_id.0).collect()).await?;
        let numbers: Vec<_> = batch.iter().flat_map(|f| &f.tickets).map(|t| t.number.as_str()).collect();
        let key = |event: &str| index_key(clean(event).into_owned());
        let events: Vec<_> = freezing::events_of(batch).into_iter().map(key).collect();
        let sql = "SELECT NULL AS event_id, ticket_number AS text FROM tickets \
                   WHERE ticket_number = ANY($1::text[]) \
                   UNION ALL SELECT event_id, said FROM events WHERE event_id = ANY($2::text[])";
        let known = sqlx::query(sql).bind(numbers).bind(events).fetch_all(&mut *tx).await?;
        let (taken, recorded) = freezing::known_from(&known)?;
        // A frozen order has its own numbers recorded; `plan` checks that first.
        let steps = freezing::plan(batch, &orders, &taken);
        let fresh: Vec<_> = freezing::fresh(batch, &steps).collect();
        let withdrawn = |f: &Freeze| orders.get(&f.order_id).is_some_and(|o| o.withdrawn);
        locks::withdrawals_of(&mut tx, fresh.iter().filter(|f| withdrawn(f)).map(|f| f.order_id)).await?;
        let owners = take_seats(&mut tx, freezing::seats(batch, &steps)).await?;
        let mut tickets: Vec<_> = fresh.iter().flat_map(|f| freezing::flagged(f, &owners)).collect();
        tickets.sort_by(|a, b| a.number.cmp(&b.number));
        if !insert_tickets(&mut tx, &tickets).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        if !fresh.is_empty() {
            let sql = "UPDATE orders o SET state = n.state, reason = coalesce(n.reason, o.reason), \
                       frozen_at = clock_timestamp(), snapshot = n.snapshot, notes = n.notes, \
                       worker = CASE n.state WHEN 'issued' THEN NULL ELSE o.worker END, \
                       due_at = CASE WHEN n.state <> 'issued' THEN o.due_at WHEN o.refresh > 0 THEN clock_timestamp() END, \
                       parked_at = CASE n.state WHEN 'issued' THEN NULL ELSE o.parked_at END, \
                       updated_at = clock_timestamp() \
                       FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[]) \
                       AS n(id, snapshot, notes, state, reason) WHERE o.order_id = n.id";
            let ends = fresh.iter().map(|f| freezing::frozen_as(f));
            let (states, reasons): (Vec<_>, Vec<_>) = ends.map(|(state, why)| (state.as_str(), why)).unzip();
            let notes = fresh.iter().map(|f| notes_cell(&f.notes)).collect::<Result<Vec<_>>>()?;
            sqlx::query(sql)
                .bind(fresh.iter().map(|f| f.order_id.0).collect::<Vec<_>>())
                .bind(fresh.iter().map(|f| &f.snapshot[..]).collect::<Vec<_>>())
                .bind(notes)
                .bind(states)
                .bind(reasons)
                .execute(&mut *tx)
                .await?;
        }
        let news = news(fresh.iter().filter_map(|f| f.said.as_deref()), &recorded, key)?;
        let noted: Vec<_> = news.keys().map(String::as_str).collect();
        let announcing = &Announcing::default();
        let work = Settling { rules: self.refunds, announcing, has_seats: true, noted: &noted };
        settle(&mut tx, &fresh.iter().filter(|f| withdrawn(f)).map(|f| f.order_id).collect(), work).await?;
        note(&mut tx, &news).await?;
        let asked = |(f, s): &(&Freeze, &Step)| **s == Step::Stored || withdrawn(f);
        let asked: HashSet<_> = batch.iter().zip(&steps).filter(asked).map(|(f, _)| f.order_id.0).collect();
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id = ANY($1::uuid[]) AND voided_at IS NULL \
             ORDER BY order_id, ticket_index"
        );
        let mut by_order = tickets_by_order(&mut tx, sql, asked.iter().copied().collect()).await?;
        crate::step!("before-freeze-commit");
        tx.commit().await?;
        for ticket in tickets.into_iter().filter(|t| !asked.contains(&t.order_id.0)) {
            by_order.entry(ticket.order_id).or_default().push(ticket);
        }
        for tickets in by_order.values_mut() {
            tickets.sort_by_key(|t| t.line.index);
            tickets.dedup_by_key(|t| t.id);
        }
        let answer = |(freeze, step): (&Freeze, Step)| match step {
            Step::Stale => Stale,
            Step::NumberTaken(number) => NumberTaken(number),
            // Several freezes of the batch may ask for a stored order; only one has the fresh tickets.
            Step::Stored | Step::Fresh if asked.contains(&freeze.order_id.0) => {
                by_order.get(&freeze.order_id).cloned().map_or(Stale, Frozen)
            }
            Step::Stored | Step::Fresh => by_order.remove(&freeze.order_id).map_or(Stale, Frozen),
        };
        Ok(Some(batch.iter().zip(steps).map(answer).collect()))
    }
}

/// Adds to the claim of an issued order what its refresh compares, and the latest payment.
async fn lend_issued(db: &mut Tx, claim: &mut Claim) -> Result<()> {
    let Some(refresh) = &mut claim.refresh else { return Ok(()) };
    refresh.tickets = tickets_of(db, claim.order_id).await?;
    let sql = "SELECT payment_id, customer_id FROM payments WHERE order_id = $1 AND folded_into IS NULL \
               ORDER BY received_at DESC, key DESC LIMIT 1";
    if let Some(row) = sqlx::query(sql).bind(claim.order_id.0).fetch_optional(&mut **db).await? {
        (claim.payment_id, claim.customer_id) = (row.text("payment_id")?, row.text("customer_id")?);
    }
    Ok(())
}

async fn locked(db: &mut PgConnection, orders: Vec<Uuid>) -> Result<Orders> {
    let sql = "SELECT order_id, fence, state, worker, frozen_at, withdrawn FROM orders \
               WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE";
    let rows = sqlx::query(sql).bind(orders).fetch_all(db).await?;
    rows.iter().map(freezing::locked_from).collect()
}

/// Records files, unless the ticket has one or is void. Returns the recorded tickets and their orders.
async fn generated(
    db: &mut PgConnection,
    orders: &Orders,
    given: &[(&Completion, &GeneratedTicket)],
) -> Result<HashMap<TicketId, Uuid>> {
    macro_rules! column {
        ($t:ident => $value:expr) => {
            given.iter().map(|(_, g)| &g.ticket).map(|$t| $value).collect::<Vec<_>>()
        };
    }
    if given.is_empty() {
        return Ok(HashMap::new());
    }
    let who: Vec<&str> = given
        .iter()
        .map(|(c, _)| orders.get(&c.order_id).and_then(|o| o.worker.as_deref()).unwrap_or("worker"))
        .collect();
    let sql = "WITH n AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[], \
               $6::timestamptz[], $7::bigint[], $8::text[], $9::text[], $10::text[]) \
               AS n(id, order_id, path, sha256, size, generated_at, sequence, flags, renderer, who)), \
               old AS (SELECT id, order_id, status, voided_at FROM tickets WHERE id = ANY($1::uuid[]) \
               ORDER BY id FOR NO KEY UPDATE), \
               done AS (UPDATE tickets t SET \
               status = CASE WHEN t.delivered_at IS NULL THEN 'Generated' ELSE 'Delivered' END, \
               ticket_pdf_path = n.path, sha256 = n.sha256, size = n.size, generated_at = n.generated_at, \
               sequence = n.sequence, flags = n.flags, renderer = n.renderer, last_error = NULL, \
               updated_at = clock_timestamp() \
               FROM n JOIN old ON old.id = n.id AND old.order_id = n.order_id WHERE t.id = n.id \
               AND old.status IN ('Pending', 'Failed') AND old.voided_at IS NULL \
               RETURNING t.id, t.order_id, old.status AS before, t.status, n.who), \
               noted AS (INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who) \
               SELECT id, clock_timestamp(), before, status, who FROM done) \
               SELECT id, order_id FROM done";
    let done: Vec<(Uuid, Uuid)> = sqlx::query_as(sql)
        .bind(column!(t => t.id.0))
        .bind(given.iter().map(|(c, _)| c.order_id.0).collect::<Vec<_>>())
        .bind(column!(t => t.document.path.as_deref().map(clean)))
        .bind(column!(t => t.document.sha256.as_ref().map(|h| &h[..])))
        .bind(column!(t => t.document.size.map(|n| i64::try_from(n).unwrap_or(i64::MAX))))
        .bind(column!(t => t.document.generated_at.map(At)))
        .bind(column!(t => i64::from(t.lifecycle.sequence)))
        .bind(column!(t => t.flags.to_stored()))
        .bind(column!(t => clean(&t.document.renderer)))
        .bind(who)
        .fetch_all(db)
        .await?;
    Ok(done.into_iter().map(|(ticket, order)| (TicketId(ticket), order)).collect())
}

async fn give_back(db: &mut PgConnection, given: &[(&Release, String)]) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let after = |then: NextStep| match then {
        NextStep::Retry(after) | NextStep::Wait(after) => Some(micros(after)),
        NextStep::Park(after) => after.map(micros),
    };
    let sql = "UPDATE orders o SET worker = NULL, \
               reason = CASE WHEN o.state = 'issued' THEN o.reason ELSE n.reason END, \
               due_at = clock_timestamp() + n.after * interval '1 microsecond', \
               attempts = greatest(o.attempts - n.returned, 0), deaths = 0, \
               tried_since = o.tried_since + n.returned * coalesce(n.after, 0) * interval '1 microsecond', \
               state = CASE WHEN n.parked AND o.state <> 'issued' THEN 'parked' ELSE o.state END, \
               parked_at = CASE WHEN n.parked THEN coalesce(o.parked_at, clock_timestamp()) ELSE o.parked_at END, \
               refused_answer = coalesce(n.refused, o.refused_answer), updated_at = clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bytea[]) \
               AS n(id, reason, after, returned, parked, refused) WHERE o.order_id = n.id";
    sqlx::query(sql)
        .bind(given.iter().map(|(r, _)| r.order_id.0).collect::<Vec<_>>())
        .bind(given.iter().map(|(r, _)| clean(&r.reason)).collect::<Vec<_>>())
        .bind(given.iter().map(|(r, _)| after(r.then)).collect::<Vec<_>>())
        .bind(given.iter().map(|(r, _)| i64::from(matches!(r.then, NextStep::Wait(_)))).collect::<Vec<_>>())
        .bind(given.iter().map(|(r, _)| matches!(r.then, NextStep::Park(_))).collect::<Vec<_>>())
        .bind(given.iter().map(|(r, _)| r.refused_answer.as_deref()).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Records failed tries of tickets; if their order is parked, the tickets become Failed.
async fn fail(db: &mut PgConnection, given: &[(&Release, String)]) -> Result<()> {
    let failed: Vec<_> =
        given.iter().flat_map(|(r, who)| r.failed.iter().map(move |f| (*r, who, f))).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let sql = "WITH n AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::text[]) \
               AS n(id, order_id, reason, parked, who)), \
               old AS (SELECT id, order_id, status, voided_at FROM tickets WHERE id = ANY($1::uuid[]) \
               ORDER BY id FOR NO KEY UPDATE), \
               done AS (UPDATE tickets t SET attempts = t.attempts + 1, last_error = n.reason, \
               status = CASE WHEN n.parked THEN 'Failed' ELSE t.status END, updated_at = clock_timestamp() \
               FROM n JOIN old ON old.id = n.id AND old.order_id = n.order_id WHERE t.id = n.id \
               AND old.status IN ('Pending', 'Failed') AND old.voided_at IS NULL \
               RETURNING t.id, old.status AS before, t.status, n.who, n.reason) \
               INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, clock_timestamp(), before, status, who, reason FROM done WHERE before <> status";
    sqlx::query(sql)
        .bind(failed.iter().map(|(_, _, f)| f.id.0).collect::<Vec<_>>())
        .bind(failed.iter().map(|(r, _, _)| r.order_id.0).collect::<Vec<_>>())
        .bind(failed.iter().map(|(_, _, f)| clean(&f.reason)).collect::<Vec<_>>())
        .bind(failed.iter().map(|(r, _, _)| matches!(r.then, NextStep::Park(_))).collect::<Vec<_>>())
        .bind(failed.iter().map(|(_, who, _)| who.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}
