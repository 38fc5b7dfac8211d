//! Removing personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::event::{ids_of, without_person};
use fulfillment_domain::{OrderId, TicketId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::rows::personal::{empty_letters, empty_messages, mentions};
use super::rows::values::{At, micros, rows_at_most};
use super::settling::{carry_out, case};
use crate::shared::cells::{Row, need};
use crate::shared::erasing::{self, files_from, quoted};
use crate::{Announcing, Erased, Erasures, Result, StoreError};

const ORDERS_OF: &str = concat!(
    "SELECT order_id FROM tickets WHERE lower($2) IN (lower(customer_email), lower(holder_email)) \
     UNION SELECT t.order_id FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id WHERE ",
    mentions!(text "r.record"),
    " UNION SELECT t.order_id FROM ticket_drafts d JOIN tickets t ON t.id = d.ticket_id WHERE ",
    mentions!(text "d.draft"),
    " UNION SELECT order_id FROM orders WHERE ",
    mentions!(bytes "snapshot"),
    " OR ",
    mentions!(bytes "refused_answer"),
    " UNION SELECT order_id FROM inbox WHERE pruned_at IS NULL AND ",
    mentions!(bytes "raw"),
    " UNION SELECT order_id FROM dead_letters WHERE order_id IN (SELECT order_id FROM orders) AND ",
    mentions!(bytes "raw")
);

/// Whether the event of the ticket `$t` is past since `$1` microseconds, a day more where its hours are not known.
/// Times that are none (see `event_time` in the domain) say nothing, and an end counts where it is not before the start
/// nor far behind it.
macro_rules! is_past {
    ($t:literal) => {
        concat!(
            "(SELECT greatest(starts, \
               CASE WHEN starts IS NULL OR ends - starts <= interval '400 days' THEN ends END) FROM \
              (SELECT CASE WHEN ",
            $t,
            ".event_starts_at >= '2000-01-01T00:00:00Z' AND ",
            $t,
            ".event_starts_at < '2200-01-01T00:00:00Z' \
                      THEN ",
            $t,
            ".event_starts_at END AS starts, \
                      CASE WHEN ",
            $t,
            ".event_ends_at >= '2000-01-01T00:00:00Z' AND ",
            $t,
            ".event_ends_at < '2200-01-01T00:00:00Z' \
                      THEN ",
            $t,
            ".event_ends_at END AS ends) AS believed) \
             < now() - $1 * interval '1 microsecond' \
               - CASE WHEN ",
            $t,
            ".flags LIKE '%without_hour%' THEN interval '24 hours' ELSE interval '0' END"
        )
    };
}

/// Orders all of whose events are past, as far as they have dates. The plain comparison goes first: it is fast, and
/// leaves out nearly all that are not.
const PAST_ORDERS: &str = concat!(
    "SELECT DISTINCT order_id FROM tickets t WHERE erased_at IS NULL \
     AND least(t.event_starts_at, t.event_ends_at) < now() - $1 * interval '1 microsecond' AND ",
    is_past!("t"),
    " AND NOT EXISTS (SELECT 1 FROM tickets o WHERE o.order_id = t.order_id AND NOT ",
    is_past!("o"),
    ") LIMIT $2"
);

#[async_trait]
impl Erasures for PgStore {
    async fn orders_of(&self, email: &str) -> Result<Vec<OrderId>> {
        let mut tx = self.begin().await?;
        // It reads whole tables, on an operator's word.
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
        let query = sqlx::query_scalar(ORDERS_OF).bind(quoted(email)).bind(email);
        let mut orders: Vec<Uuid> = query.fetch_all(&mut *tx).await?;
        tx.commit().await?;
        orders.sort_unstable();
        Ok(orders.into_iter().map(OrderId).collect())
    }

    async fn erase(&self, order: OrderId) -> Result<Option<Erased>> {
        let mut tx = self.begin().await?;
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
        let lock = "SELECT erased_at FROM orders WHERE order_id = $1 FOR NO KEY UPDATE";
        if sqlx::query(lock).bind(order.0).fetch_optional(&mut *tx).await?.is_none() {
            return Ok(None);
        }
        let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *tx).await?;
        sqlx::query(erasing::ORDER).bind(order.0).bind(now).execute(&mut *tx).await?;
        let Some(before) = case(&mut tx, order, self.refunds).await? else { return Ok(None) };
        let ruling = erasing::ruling(&before);
        carry_out(&mut tx, &before, &ruling, "operator", &Announcing::default()).await?;
        sqlx::query(erasing::TICKETS).bind(order.0).bind(now).execute(&mut *tx).await?;
        let (messages, letters) = empty_messages(&mut tx, order, now).await?;
        for sql in erasing::BESIDE {
            sqlx::query(sql).bind(order.0).execute(&mut *tx).await?;
        }
        let ids: Vec<_> = before.tickets.iter().flat_map(ids_of).collect();
        let events = rewrite_events(&mut tx, &ids).await?;
        let sql = "SELECT erased_at FROM orders WHERE order_id = $1";
        let row = sqlx::query(sql).bind(order.0).fetch_one(&mut *tx).await?;
        let sql = "SELECT id, ticket_pdf_path, greatest(reserved_generation, generation) AS generations \
                   FROM tickets WHERE order_id = $1 ORDER BY ticket_index";
        let rows = sqlx::query(sql).bind(order.0).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        let tickets = rows.iter().map(files_from).collect::<Result<Vec<_>>>()?;
        let (tickets, files): (Vec<_>, Vec<_>) = tickets.into_iter().unzip();
        let erased_at = need("erased_at", row.time("erased_at")?)?;
        let files = files.concat();
        Ok(Some(Erased { order_id: order, erased_at, tickets, files, messages, letters, events }))
    }

    async fn erase_letters(&self, email: &str) -> Result<u64> {
        let mut tx = self.begin().await?;
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
        let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *tx).await?;
        let sql = concat!(
            "SELECT id, fingerprint FROM dead_letters WHERE length(raw) > 0 AND ",
            mentions!(bytes "raw")
        );
        let rows = sqlx::query(sql).bind(quoted(email)).fetch_all(&mut *tx).await?;
        let emptied = empty_letters(&mut tx, &rows, now).await?;
        tx.commit().await?;
        Ok(emptied)
    }

    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>> {
        let query = sqlx::query_scalar(PAST_ORDERS).bind(micros(age)).bind(rows_at_most(limit));
        let orders: Vec<Uuid> = query.fetch_all(&self.pool).await?;
        Ok(orders.into_iter().map(OrderId).collect())
    }

    async fn files_of_erased(
        &self,
        age: Duration,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<(TicketId, Vec<String>)>> {
        // The few that were erased first: the key's order alone would lead through all tickets.
        let sql = "WITH erased AS MATERIALIZED (SELECT id, ticket_pdf_path, \
                   greatest(reserved_generation, generation) AS generations FROM tickets \
                   WHERE erased_at > now() - $1 * interval '1 microsecond') \
                   SELECT * FROM erased WHERE $2::uuid IS NULL OR id > $2 ORDER BY id LIMIT $3";
        let query = sqlx::query(sql).bind(micros(age)).bind(after.map(|t| t.0)).bind(rows_at_most(limit));
        query.fetch_all(&self.pool).await?.iter().map(files_from).collect()
    }
}

/// Takes the person out of events, and ends the deliveries of those that tell of a ticket.
async fn rewrite_events(db: &mut PgConnection, ids: &[Uuid]) -> Result<u64> {
    let sql = "UPDATE outbox_delivery d SET state = 'suppressed', lent = FALSE, \
               reason = 'its personal data was erased', updated_at = clock_timestamp() FROM outbox o \
               WHERE o.event_id = ANY($1::uuid[]) AND o.kind IN ('ticket-issued', 'ticket-reissued') \
               AND d.outbox_id = o.id AND d.state IN ('pending', 'parked')";
    sqlx::query(sql).bind(ids).execute(&mut *db).await?;
    let sql = "SELECT id, value FROM outbox WHERE event_id = ANY($1::uuid[]) ORDER BY id FOR UPDATE";
    let mut rewritten = 0;
    for row in sqlx::query(sql).bind(ids).fetch_all(&mut *db).await? {
        let value = need("value", row.bytes("value")?)?;
        let left = without_person(&value).map_err(|e| StoreError::Refused(e.into()))?;
        if left != value {
            let id: i64 = row.number("id")?;
            let sql = "UPDATE outbox SET value = $2 WHERE id = $1";
            sqlx::query(sql).bind(id).bind(left).execute(&mut *db).await?;
            rewritten += 1;
        }
    }
    Ok(rewritten)
}
