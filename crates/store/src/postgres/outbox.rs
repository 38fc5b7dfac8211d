//! The outbox in PostgreSQL: delivery of events.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::PgStore;
use super::rows::values::{micros, rows_at_most};
use crate::decide::event::{AFTER, LENT_BYTES, delivery_from, event_columns, published_from, unsent_from};
use crate::decide::sql_values::{Row, clean};
use crate::{Delivery, DeliveryOutcome, Outbox, PublishedEvent, Result, Unsent};

/// Lends what is due, as far as the values before it have less than `$4` bytes; ends deliveries that a void made
/// pointless. What an earlier event of its ticket (the first has none) holds back is due `$5` after that one from now
/// on, so that the next call does not look at it again. The first row says of how many that is new, the others have no
/// event.
const LEND: &str = concat!(
    "WITH found AS (SELECT d.outbox_id, d.due_at, d.ticket_id, d.sequence FROM outbox_delivery d \
        WHERE d.destination = $1 AND d.state = 'pending' AND d.due_at <= now() \
        ORDER BY d.due_at, d.outbox_id LIMIT $2 FOR UPDATE OF d SKIP LOCKED), \
     looked AS MATERIALIZED (SELECT f.outbox_id, f.due_at, CASE WHEN f.sequence > 1 THEN \
        (SELECT e.due_at + $5 * interval '1 microsecond' FROM outbox_delivery e WHERE e.destination = $1 \
         AND e.ticket_id = f.ticket_id AND e.state = 'pending' AND e.sequence < f.sequence \
         ORDER BY e.sequence LIMIT 1) END AS held_until FROM found f), \
     held AS (UPDATE outbox_delivery d SET due_at = l.held_until FROM looked l WHERE d.outbox_id = l.outbox_id \
        AND d.destination = $1 AND l.held_until <> l.due_at RETURNING 1), \
     sized AS (SELECT f.outbox_id, sum(octet_length(o.value)) OVER (ORDER BY f.due_at, f.outbox_id) \
        - octet_length(o.value) AS before FROM looked f JOIN outbox o ON o.id = f.outbox_id \
        WHERE f.held_until IS NULL), \
     marked AS (UPDATE outbox_delivery d SET \
        state = CASE WHEN m.moot THEN 'suppressed' ELSE 'pending' END, \
        reason = CASE WHEN m.moot THEN 'the ticket was voided' ELSE d.reason END, \
        attempts = d.attempts + CASE WHEN m.moot THEN 0 ELSE 1 END, lent = NOT m.moot, \
        due_at = clock_timestamp() + CASE WHEN m.moot THEN 0 ELSE $3 END * interval '1 microsecond', \
        updated_at = clock_timestamp() \
        FROM (SELECT f.outbox_id, t.voided_at IS NOT NULL AND o.kind IN ('ticket-issued', 'ticket-reissued') AS moot \
              FROM sized f JOIN outbox o ON o.id = f.outbox_id LEFT JOIN tickets t ON t.id = o.ticket_id \
              WHERE f.before < $4) AS m \
        WHERE d.outbox_id = m.outbox_id AND d.destination = $1 \
        RETURNING d.outbox_id, d.attempts, m.moot) \
     SELECT h.held, o.id, d.attempts, d.moot, ",
    event_columns!(),
    " FROM (SELECT count(*) AS held FROM held) AS h LEFT JOIN (marked d JOIN outbox o ON o.id = d.outbox_id) ON TRUE \
      ORDER BY o.id"
);

/// The next events of the same tickets as `$2`, if they are not lent, are due now: those before them were sent or given
/// up. A statement of its own: the rows are not among those that were locked before, sorted.
const FREE_NEXT: &str = "WITH next AS (SELECT n.outbox_id FROM outbox_delivery n WHERE n.destination = $1 \
        AND n.state = 'pending' AND NOT n.lent AND n.due_at > clock_timestamp() AND n.ticket_id = ANY( \
            SELECT d.ticket_id FROM outbox_delivery d WHERE d.destination = $1 AND d.outbox_id = ANY($2::bigint[])) \
        AND NOT EXISTS (SELECT 1 FROM outbox_delivery e WHERE e.destination = $1 AND e.ticket_id = n.ticket_id \
            AND e.state = 'pending' AND e.sequence < n.sequence) \
        ORDER BY n.outbox_id FOR UPDATE OF n SKIP LOCKED) \
     UPDATE outbox_delivery d SET due_at = clock_timestamp() FROM next \
     WHERE d.outbox_id = next.outbox_id AND d.destination = $1";

#[async_trait]
impl Outbox for PgStore {
    async fn claim_deliveries(
        &self,
        destination: &str,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>> {
        loop {
            let query = sqlx::query(LEND).bind(destination).bind(rows_at_most(limit)).bind(micros(lease));
            let rows = query.bind(LENT_BYTES).bind(micros(AFTER)).fetch_all(&self.pool).await?;
            let (mut lent, mut ended, mut held) = (Vec::with_capacity(rows.len()), Vec::new(), 0);
            for row in &rows {
                held = row.number("held")?;
                match sqlx::Row::try_get::<Option<bool>, _>(row, "moot")? {
                    Some(true) => ended.push(row.number("id")?),
                    Some(false) => lent.push(delivery_from(row)?),
                    None => {}
                }
            }
            if !ended.is_empty() {
                self.free_next(destination, &ended).await?;
            }
            // A round that found only deliveries to end or to hold back has made room for the next.
            if !lent.is_empty() || (ended.is_empty() && held == 0) {
                return Ok(lent);
            }
        }
    }

    async fn record_deliveries(&self, destination: &str, outcomes: &[(i64, DeliveryOutcome)]) -> Result<()> {
        let mut outcomes: Vec<_> = outcomes.iter().collect();
        outcomes.sort_by_key(|(id, _)| *id);
        let columns = outcomes.iter().map(|(_, outcome)| match outcome {
            DeliveryOutcome::Sent => ("sent", 0, None),
            DeliveryOutcome::Retry { after, reason } => ("pending", micros(*after), Some(clean(reason))),
            DeliveryOutcome::Parked { reason } => ("parked", 0, Some(clean(reason))),
        });
        let (states, rest): (Vec<_>, Vec<_>) =
            columns.map(|(state, after, reason)| (state, (after, reason))).unzip();
        let (after, reasons): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
        let sql = "WITH held AS (SELECT outbox_id, state FROM outbox_delivery \
                   WHERE destination = $1 AND outbox_id = ANY($2::bigint[]) ORDER BY outbox_id FOR UPDATE) \
                   UPDATE outbox_delivery d SET state = n.state, lent = FALSE, reason = n.reason, \
                   due_at = clock_timestamp() + n.after * interval '1 microsecond', updated_at = clock_timestamp() \
                   FROM held JOIN unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[]) \
                   AS n(id, state, after, reason) ON n.id = held.outbox_id \
                   WHERE d.outbox_id = held.outbox_id AND d.destination = $1 AND held.state = 'pending'";
        sqlx::query(sql)
            .bind(destination)
            .bind(outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>())
            .bind(states)
            .bind(after)
            .bind(reasons)
            .execute(&self.pool)
            .await?;
        let over = outcomes.iter().filter(|(_, outcome)| !matches!(outcome, DeliveryOutcome::Retry { .. }));
        let over: Vec<i64> = over.map(|(id, _)| *id).collect();
        if over.is_empty() { Ok(()) } else { self.free_next(destination, &over).await }
    }

    async fn sequence_events(&self, limit: usize) -> Result<i64> {
        let mut tx = self.begin().await?;
        // One sequencer at a time; the next statement sees what was committed before the lock was acquired.
        let lock =
            "SELECT pg_advisory_xact_lock(hashtextextended('fulfillment sequencer ' || current_schema(), 0))";
        sqlx::query(lock).execute(&mut *tx).await?;
        let sql = "WITH top AS (SELECT coalesce(max(position), 0) AS position FROM outbox), \
                   next AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM (SELECT id FROM outbox \
                   WHERE position IS NULL AND kind <> 'dead-letter' ORDER BY id LIMIT $1 FOR NO KEY UPDATE) \
                   AS unsequenced), \
                   done AS (UPDATE outbox o SET position = top.position + next.n FROM next, top \
                   WHERE o.id = next.id RETURNING o.position) \
                   SELECT coalesce((SELECT max(position) FROM done), (SELECT position FROM top))";
        let top = sqlx::query_scalar(sql).bind(rows_at_most(limit)).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(top)
    }

    async fn events_after(&self, position: i64, limit: usize) -> Result<Vec<PublishedEvent>> {
        let sql = concat!(
            "SELECT o.position, ",
            event_columns!(),
            " FROM outbox o WHERE o.position > $1 ORDER BY o.position LIMIT $2"
        );
        let rows = sqlx::query(sql).bind(position).bind(rows_at_most(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(published_from).collect()
    }

    async fn position_of(&self, event: Uuid) -> Result<Option<i64>> {
        let sql = "SELECT position FROM outbox WHERE event_id = $1";
        let row = sqlx::query(sql).bind(event).fetch_optional(&self.pool).await?;
        row.map_or(Ok(None), |row| row.int("position"))
    }

    async fn backlog(&self, destination: &str) -> Result<(u64, Option<Timestamp>)> {
        let sql = "SELECT d.waiting, o.created_at AS since FROM \
                   (SELECT count(*) AS waiting, min(outbox_id) AS first FROM outbox_delivery \
                    WHERE destination = $1 AND state = 'pending') AS d LEFT JOIN outbox o ON o.id = d.first";
        let row = sqlx::query(sql).bind(destination).fetch_one(&self.pool).await?;
        Ok((row.number("waiting")?, row.time("since")?))
    }

    async fn unsent(&self, events: &[Uuid]) -> Result<Vec<Unsent>> {
        let sql = "SELECT o.event_id, o.kind, o.ticket_id, d.destination, d.state, d.reason, o.created_at \
                   FROM outbox o JOIN outbox_delivery d ON d.outbox_id = o.id \
                   WHERE o.event_id = ANY($1::uuid[]) AND d.state IN ('pending', 'parked') \
                   ORDER BY o.id, d.destination";
        let rows = sqlx::query(sql).bind(events).fetch_all(&self.pool).await?;
        rows.iter().map(unsent_from).collect()
    }

    async fn send_again(&self, event: Uuid) -> Result<bool> {
        let sql = "WITH held AS (SELECT d.outbox_id, d.destination FROM outbox_delivery d \
                   JOIN outbox o ON o.id = d.outbox_id WHERE o.event_id = $1 \
                   ORDER BY d.outbox_id, d.destination FOR UPDATE OF d) \
                   UPDATE outbox_delivery d SET state = 'pending', attempts = 0, lent = FALSE, \
                   due_at = clock_timestamp(), updated_at = clock_timestamp() \
                   FROM held WHERE d.outbox_id = held.outbox_id AND d.destination = held.destination \
                   AND d.state IN ('pending', 'parked') AND (NOT d.lent OR d.due_at <= clock_timestamp())";
        Ok(sqlx::query(sql).bind(event).execute(&self.pool).await?.rows_affected() > 0)
    }

    async fn prune(&self, age: Duration, limit: usize) -> Result<u64> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE inbox SET raw = NULL, headers = NULL, key = NULL, pruned_at = now() WHERE id IN \
                   (SELECT id FROM inbox WHERE pruned_at IS NULL \
                    AND received_at < now() - $1 * interval '1 microsecond' \
                    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
        let raw = sqlx::query(sql).bind(micros(age)).bind(rows_at_most(limit)).execute(&mut *tx).await?;
        let sql = "SELECT o.id FROM outbox o \
                   WHERE o.created_at < now() - $1 * interval '1 microsecond' \
                   AND (o.position IS NOT NULL OR o.kind = 'dead-letter') \
                   AND o.position IS DISTINCT FROM (SELECT max(position) FROM outbox) \
                   AND NOT EXISTS (SELECT 1 FROM outbox_delivery d \
                                   WHERE d.outbox_id = o.id AND d.state = 'pending') \
                   ORDER BY o.created_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED";
        let old = sqlx::query_scalar(sql).bind(micros(age)).bind(rows_at_most(limit));
        let old: Vec<i64> = old.fetch_all(&mut *tx).await?;
        if !old.is_empty() {
            // The deletion takes the deliveries along, in whatever order.
            let sql = "SELECT 1 FROM outbox_delivery WHERE outbox_id = ANY($1::bigint[]) \
                       ORDER BY outbox_id, destination FOR UPDATE";
            sqlx::query(sql).bind(&old).execute(&mut *tx).await?;
            sqlx::query("DELETE FROM outbox WHERE id = ANY($1::bigint[])")
                .bind(&old)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(raw.rows_affected() + old.len() as u64)
    }
}

impl PgStore {
    /// See [`FREE_NEXT`].
    async fn free_next(&self, destination: &str, over: &[i64]) -> Result<()> {
        sqlx::query(FREE_NEXT).bind(destination).bind(over).execute(&self.pool).await?;
        Ok(())
    }
}
