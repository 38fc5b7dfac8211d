//! Removing personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::event::{ids_of, without_person};
use fulfillment_domain::{OrderId, TicketId};
use sqlx::SqliteConnection;
use tracing::warn;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::personal::{empty_letters, empty_messages, mentions};
use super::rows::values::list;
use super::settling::{carry_out, case};
use crate::shared::cells::{Row, need, rfc3339};
use crate::shared::earlier;
use crate::shared::erasing::{self, files_from, quoted};
use crate::{Announcing, Erased, Erasures, Result, StoreError};

const ORDERS_OF: &str = concat!(
    "SELECT order_id FROM tickets WHERE lower($2) IN (lower(customer_email), lower(holder_email)) \
     UNION SELECT t.order_id FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id WHERE ",
    mentions!("r.record"),
    " UNION SELECT t.order_id FROM ticket_drafts d JOIN tickets t ON t.id = d.ticket_id WHERE ",
    mentions!("d.draft"),
    " UNION SELECT order_id FROM orders WHERE ",
    mentions!("snapshot"),
    " OR ",
    mentions!("refused_answer"),
    " UNION SELECT order_id FROM inbox WHERE pruned_at IS NULL AND ",
    mentions!("raw"),
    " UNION SELECT order_id FROM dead_letters WHERE order_id IN (SELECT order_id FROM orders) AND ",
    mentions!("raw"),
    " ORDER BY order_id"
);

/// Whether the event of the ticket `$t` is past since `?1`, or `?2` where its hours are not known. Times that are none
/// (see `event_time` in the domain) say nothing, and an end counts where it is not before the start nor far behind it.
macro_rules! is_past {
    ($t:literal) => {
        concat!(
            "(SELECT max(coalesce(starts, ends), \
               CASE WHEN starts IS NULL OR julianday(ends) - julianday(starts) <= 400 THEN ends ELSE starts END) FROM \
              (SELECT CASE WHEN ", $t, ".event_starts_at >= '2000' AND ", $t, ".event_starts_at < '2200' \
                      THEN ", $t, ".event_starts_at END AS starts, \
                      CASE WHEN ", $t, ".event_ends_at >= '2000' AND ", $t, ".event_ends_at < '2200' \
                      THEN ", $t, ".event_ends_at END AS ends)) \
             < CASE WHEN ", $t, ".flags LIKE '%without_hour%' THEN ?2 ELSE ?1 END"
        )
    };
}

/// Orders all of whose events are past, as far as they have dates. The plain comparison goes first: it is fast, and
/// leaves out nearly all that are not.
const PAST_ORDERS: &str = concat!(
    "SELECT DISTINCT order_id FROM tickets t WHERE erased_at IS NULL \
     AND (t.event_starts_at < ?1 OR t.event_ends_at < ?1) AND ",
    is_past!("t"),
    " AND NOT EXISTS (SELECT 1 FROM tickets o WHERE o.order_id = t.order_id AND NOT ",
    is_past!("o"),
    ") LIMIT ?3"
);

/// How much longer a day without hours is.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl Erasures for SqliteStore {
    async fn orders_of(&self, email: &str) -> Result<Vec<OrderId>> {
        let query = sqlx::query(ORDERS_OF).bind(quoted(email)).bind(email);
        query.fetch_all(&self.read).await?.iter().map(Row::order_id).collect()
    }

    async fn erase(&self, order: OrderId) -> Result<Option<Erased>> {
        let id = order.to_string();
        let mut tx = self.begin().await?;
        let at = self.now();
        let now = rfc3339(at);
        if sqlx::query(erasing::ORDER).bind(&id).bind(&now).execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let Some(before) = case(&mut tx, at, order, self.refunds).await? else { return Ok(None) };
        let (ruling, quiet) = (erasing::ruling(&before), Announcing::default());
        carry_out(&mut tx, &before, &ruling, "operator", &quiet).await?;
        sqlx::query(erasing::TICKETS).bind(&id).bind(&now).execute(&mut *tx).await?;
        let (messages, letters) = empty_messages(&mut tx, order, &now).await?;
        for sql in erasing::BESIDE {
            sqlx::query(sql).bind(&id).execute(&mut *tx).await?;
        }
        let ids: Vec<_> = before.tickets.iter().flat_map(ids_of).collect();
        let events = rewrite_events(&mut tx, &ids, &now).await?;
        let sql = "SELECT erased_at FROM orders WHERE order_id = ?1";
        let row = sqlx::query(sql).bind(&id).fetch_one(&mut *tx).await?;
        let sql = "SELECT id, ticket_pdf_path, max(reserved_generation, generation) AS generations \
                   FROM tickets WHERE order_id = ?1 ORDER BY ticket_index";
        let rows = sqlx::query(sql).bind(&id).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        self.fold_log().await;
        let tickets = rows.iter().map(files_from).collect::<Result<Vec<_>>>()?;
        let (tickets, files): (Vec<_>, Vec<_>) = tickets.into_iter().unzip();
        let erased_at = need("erased_at", row.time("erased_at")?)?;
        let files = files.concat();
        Ok(Some(Erased { order_id: order, erased_at, tickets, files, messages, letters, events }))
    }

    async fn erase_letters(&self, email: &str) -> Result<u64> {
        let mut tx = self.begin().await?;
        let sql =
            concat!("SELECT id, fingerprint FROM dead_letters WHERE length(raw) > 0 AND ", mentions!("raw"));
        let rows = sqlx::query(sql).bind(quoted(email)).fetch_all(&mut *tx).await?;
        let emptied = empty_letters(&mut tx, &rows, &rfc3339(self.now())).await?;
        tx.commit().await?;
        self.fold_log().await;
        Ok(emptied)
    }

    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>> {
        let now = self.now();
        let query = sqlx::query(PAST_ORDERS)
            .bind(rfc3339(earlier(now, age)))
            .bind(rfc3339(earlier(now, age.saturating_add(A_DAY))));
        let rows = query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.read).await?;
        rows.iter().map(Row::order_id).collect()
    }

    async fn files_of_erased(
        &self,
        age: Duration,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<(TicketId, Vec<String>)>> {
        // By the index of those that were erased: the key's order would lead through all tickets.
        let sql = "SELECT id, ticket_pdf_path, max(reserved_generation, generation) AS generations \
                   FROM tickets WHERE erased_at > ?1 AND +id > ?2 ORDER BY +id LIMIT ?3";
        let rows = sqlx::query(sql)
            .bind(rfc3339(earlier(self.now(), age)))
            .bind(after.map(|t| t.to_string()).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(files_from).collect()
    }
}

impl SqliteStore {
    /// Writes the log beside the file into it and empties it: it has pages from before. While somebody reads there
    /// it stays until a later checkpoint.
    async fn fold_log(&self) {
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.write).await {
            warn!(%error, "the store's log is not folded into its file yet; it has what was erased until then");
        }
    }
}

/// Takes the person out of events, and ends the deliveries of those that tell of a ticket.
async fn rewrite_events(db: &mut SqliteConnection, ids: &[Uuid], now: &str) -> Result<u64> {
    let ids = list(ids)?;
    let sql = "UPDATE outbox_delivery SET state = 'suppressed', lent = 0, \
               reason = 'its personal data was erased', updated_at = ?2 \
               WHERE state IN ('pending', 'parked') AND outbox_id IN (SELECT id FROM outbox \
               WHERE event_id IN (SELECT value FROM json_each(?1)) AND kind IN ('ticket-issued', 'ticket-reissued'))";
    sqlx::query(sql).bind(&ids).bind(now).execute(&mut *db).await?;
    let sql = "SELECT id, value FROM outbox WHERE event_id IN (SELECT value FROM json_each(?1))";
    let mut rewritten = 0;
    for row in sqlx::query(sql).bind(&ids).fetch_all(&mut *db).await? {
        let value = need("value", row.bytes("value")?)?;
        let left = without_person(&value).map_err(|e| StoreError::Refused(e.into()))?;
        if left != value {
            let id: i64 = row.number("id")?;
            let sql = "UPDATE outbox SET value = ?2 WHERE id = ?1";
            sqlx::query(sql).bind(id).bind(left).execute(&mut *db).await?;
            rewritten += 1;
        }
    }
    Ok(rewritten)
}
