//! The outbox in SQLite: delivery of events.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::values::list;
use crate::decide::event::{AFTER, LENT_BYTES, delivery_from, event_columns, published_from, unsent_from};
use crate::decide::sql_values::{Row, clean, rfc3339};
use crate::decide::{earlier, later};
use crate::{Delivery, DeliveryOutcome, Outbox, PublishedEvent, Result, Unsent};

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_deliveries(
        &self,
        destination: &str,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>> {
        let mut tx = self.begin().await?;
        let now = self.time_to_claim(&mut tx).await?;
        // A round that finds only deliveries to end or to hold back has made room for the next.
        let mut lent = Vec::new();
        loop {
            let (found, held) = due(&mut tx, destination, now, limit).await?;
            if found.is_empty() && held == 0 {
                break;
            }
            for (delivery, moot) in found {
                let until = later(now, lease);
                mark(&mut tx, destination, &delivery, moot, now, until).await?;
                if moot {
                    free_next(&mut tx, destination, delivery.outbox_id, now).await?;
                } else {
                    lent.push(delivery);
                }
            }
            if !lent.is_empty() {
                break;
            }
        }
        tx.commit().await?;
        Ok(lent)
    }

    async fn record_deliveries(&self, destination: &str, outcomes: &[(i64, DeliveryOutcome)]) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = self.now();
        for (id, outcome) in outcomes {
            let (state, due, reason) = match outcome {
                DeliveryOutcome::Sent => ("sent", now, None),
                DeliveryOutcome::Retry { after, reason } => ("pending", later(now, *after), Some(reason)),
                DeliveryOutcome::Parked { reason } => ("parked", now, Some(reason)),
            };
            let sql = "UPDATE outbox_delivery SET state = ?3, lent = 0, due_at = ?4, reason = ?5, updated_at = ?6 \
                       WHERE outbox_id = ?1 AND destination = ?2 AND state = 'pending'";
            sqlx::query(sql)
                .bind(id)
                .bind(destination)
                .bind(state)
                .bind(rfc3339(due))
                .bind(reason.map(|r| clean(r)))
                .bind(rfc3339(now))
                .execute(&mut *tx)
                .await?;
            if state != "pending" {
                free_next(&mut tx, destination, *id, now).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    async fn sequence_events(&self, limit: usize) -> Result<i64> {
        let mut tx = self.begin().await?;
        let mut top: i64 =
            sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM outbox").fetch_one(&mut *tx).await?;
        let sql =
            "SELECT id FROM outbox WHERE position IS NULL AND kind <> 'dead-letter' ORDER BY id LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids: Vec<i64> = sqlx::query_scalar(sql).bind(limit).fetch_all(&mut *tx).await?;
        for id in ids {
            top += 1;
            let sql = "UPDATE outbox SET position = ?2 WHERE id = ?1";
            sqlx::query(sql).bind(id).bind(top).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(top)
    }

    async fn events_after(&self, position: i64, limit: usize) -> Result<Vec<PublishedEvent>> {
        let sql = concat!(
            "SELECT o.position, ",
            event_columns!(),
            " FROM outbox o WHERE o.position > ?1 ORDER BY o.position LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(position).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(published_from).collect()
    }

    async fn position_of(&self, event: Uuid) -> Result<Option<i64>> {
        let sql = "SELECT position FROM outbox WHERE event_id = ?1";
        let row = sqlx::query(sql).bind(event.to_string()).fetch_optional(&self.read).await?;
        row.map_or(Ok(None), |row| row.int("position"))
    }

    async fn backlog(&self, destination: &str) -> Result<(u64, Option<Timestamp>)> {
        let sql = "SELECT d.waiting, o.created_at AS since FROM \
                   (SELECT count(*) AS waiting, min(outbox_id) AS first FROM outbox_delivery \
                    WHERE destination = ?1 AND state = 'pending') AS d LEFT JOIN outbox o ON o.id = d.first";
        let row = sqlx::query(sql).bind(destination).fetch_one(&self.read).await?;
        Ok((row.number("waiting")?, row.time("since")?))
    }

    async fn unsent(&self, events: &[Uuid]) -> Result<Vec<Unsent>> {
        let sql = "SELECT o.event_id, o.kind, o.ticket_id, d.destination, d.state, d.reason, o.created_at \
                   FROM outbox o JOIN outbox_delivery d ON d.outbox_id = o.id \
                   WHERE o.event_id IN (SELECT value FROM json_each(?1)) AND d.state IN ('pending', 'parked') \
                   ORDER BY o.id, d.destination";
        let rows = sqlx::query(sql).bind(list(events)?).fetch_all(&self.read).await?;
        rows.iter().map(unsent_from).collect()
    }

    async fn send_again(&self, event: Uuid) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE outbox_delivery SET state = 'pending', attempts = 0, lent = 0, due_at = ?2, updated_at = ?2 \
                   WHERE outbox_id = (SELECT id FROM outbox WHERE event_id = ?1) \
                   AND state IN ('pending', 'parked') AND (lent = 0 OR due_at <= ?2)";
        let query = sqlx::query(sql).bind(event.to_string()).bind(rfc3339(self.now()));
        let again = query.execute(&mut *tx).await?.rows_affected() > 0;
        tx.commit().await?;
        Ok(again)
    }

    async fn prune(&self, age: Duration, limit: usize) -> Result<u64> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let before = rfc3339(earlier(now, age));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "UPDATE inbox SET raw = NULL, headers = NULL, key = NULL, pruned_at = ?3 WHERE id IN \
                   (SELECT id FROM inbox WHERE pruned_at IS NULL AND received_at < ?1 ORDER BY received_at LIMIT ?2)";
        let raw = sqlx::query(sql).bind(&before).bind(limit).bind(rfc3339(now)).execute(&mut *tx).await?;
        let sql = "DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o WHERE o.created_at < ?1 \
                   AND (o.position IS NOT NULL OR o.kind = 'dead-letter') \
                   AND o.position IS NOT (SELECT max(position) FROM outbox) \
                   AND NOT EXISTS (SELECT 1 FROM outbox_delivery d \
                                   WHERE d.outbox_id = o.id AND d.state = 'pending') \
                   ORDER BY o.created_at LIMIT ?2)";
        let sent = sqlx::query(sql).bind(&before).bind(limit).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(raw.rows_affected() + sent.rows_affected())
    }
}

/// What is due, and whether a void made it pointless: as far as the values before it have less than [`LENT_BYTES`]. What
/// an earlier event of its ticket holds back is due after that one from now on; returns of how many that is new.
async fn due(
    db: &mut SqliteConnection,
    destination: &str,
    now: Timestamp,
    limit: usize,
) -> Result<(Vec<(Delivery, bool)>, usize)> {
    // The length of a value is known without reading it.
    let sql = "SELECT o.id, length(o.value) AS bytes, d.due_at, d.held_until FROM (SELECT d.outbox_id, d.due_at, \
         CASE WHEN d.sequence > 1 THEN (SELECT e.due_at FROM outbox_delivery e WHERE e.destination = ?1 \
              AND e.ticket_id = d.ticket_id AND e.state = 'pending' AND e.sequence < d.sequence \
              ORDER BY e.sequence LIMIT 1) END AS held_until \
         FROM outbox_delivery d WHERE d.destination = ?1 AND d.state = 'pending' AND d.due_at <= ?2 \
         ORDER BY d.due_at, d.outbox_id LIMIT ?3) AS d \
         JOIN outbox o ON o.id = d.outbox_id ORDER BY d.due_at, d.outbox_id";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = sqlx::query(sql).bind(destination).bind(rfc3339(now)).bind(limit);
    let (mut ids, mut bytes, mut held) = (Vec::new(), 0, 0);
    for row in query.fetch_all(&mut *db).await? {
        let id: i64 = row.number("id")?;
        if let Some(until) = row.time("held_until")? {
            let due = later(until, AFTER);
            if row.time("due_at")? != Some(due) {
                let sql = "UPDATE outbox_delivery SET due_at = ?3 WHERE outbox_id = ?1 AND destination = ?2";
                sqlx::query(sql).bind(id).bind(destination).bind(rfc3339(due)).execute(&mut *db).await?;
                held += 1;
            }
        } else if bytes < LENT_BYTES {
            ids.push(id);
            bytes += row.number::<i64>("bytes")?;
        }
    }
    let sql = concat!(
        "SELECT o.id, d.attempts + 1 AS attempts, \
         t.voided_at IS NOT NULL AND o.kind IN ('ticket-issued', 'ticket-reissued') AS moot, ",
        event_columns!(),
        " FROM outbox_delivery d JOIN outbox o ON o.id = d.outbox_id LEFT JOIN tickets t ON t.id = o.ticket_id \
          WHERE d.destination = ?1 AND d.outbox_id IN (SELECT value FROM json_each(?2)) ORDER BY o.id"
    );
    let ids = serde_json::Value::from(ids).to_string();
    let rows = sqlx::query(sql).bind(destination).bind(ids).fetch_all(db).await?;
    let found = rows.iter().map(|row| Ok((delivery_from(row)?, row.number::<u8>("moot")? == 1)));
    Ok((found.collect::<Result<_>>()?, held))
}

/// The next event of the same ticket, if it is not lent, is due now: the one before it was sent or given up.
async fn free_next(
    db: &mut SqliteConnection,
    destination: &str,
    outbox_id: i64,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE outbox_delivery SET due_at = ?3 WHERE due_at > ?3 AND lent = 0 AND (outbox_id, destination) = \
               (SELECT e.outbox_id, e.destination FROM outbox_delivery d JOIN outbox_delivery e \
                ON e.ticket_id = d.ticket_id AND e.destination = d.destination AND e.state = 'pending' \
                WHERE d.outbox_id = ?1 AND d.destination = ?2 ORDER BY e.sequence LIMIT 1)";
    sqlx::query(sql).bind(outbox_id).bind(destination).bind(rfc3339(now)).execute(db).await?;
    Ok(())
}

/// Lends a delivery, or ends it when a void made it pointless.
async fn mark(
    db: &mut SqliteConnection,
    destination: &str,
    delivery: &Delivery,
    moot: bool,
    now: Timestamp,
    until: Timestamp,
) -> Result<()> {
    let sql = if moot {
        "UPDATE outbox_delivery SET state = 'suppressed', reason = 'the ticket was voided', lent = 0, \
         due_at = ?3, updated_at = ?3 WHERE outbox_id = ?1 AND destination = ?2"
    } else {
        "UPDATE outbox_delivery SET attempts = attempts + 1, lent = 1, due_at = ?4, updated_at = ?3 \
         WHERE outbox_id = ?1 AND destination = ?2"
    };
    let query = sqlx::query(sql).bind(delivery.outbox_id).bind(destination).bind(rfc3339(now));
    if moot {
        query.execute(db).await?
    } else {
        query.bind(rfc3339(until)).execute(db).await?
    };
    Ok(())
}
