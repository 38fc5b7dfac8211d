//! What stands apart until somebody looks at it.

use async_trait::async_trait;
use fulfillment_domain::OrderId;

use super::SqliteStore;
use super::settling::{Settling, settle};
use crate::shared::cells::{clean, rfc3339};
use crate::shared::letters::{SEEN_TO, closed_as, letter_columns, letter_from, message_from, parked_from};
use crate::{Announcing, Closing, DeadLetterRecord, KeptMessage, Letters, ParkedOrder, Result};

#[async_trait]
impl Letters for SqliteStore {
    async fn dead_letters(&self, after: i64, closed: bool, limit: usize) -> Result<Vec<DeadLetterRecord>> {
        let sql = concat!(
            "SELECT ",
            letter_columns!(),
            " FROM dead_letters WHERE id > ?1 AND (?2 OR closed_at IS NULL) ORDER BY id LIMIT ?3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(after).bind(closed).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(letter_from).collect()
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetterRecord>> {
        let sql = concat!("SELECT ", letter_columns!(), " FROM dead_letters WHERE id = ?1");
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(letter_from).transpose()
    }

    async fn close_dead_letter(&self, id: i64, closing: &Closing) -> Result<bool> {
        let (word, note) = closed_as(closing);
        let mut tx = self.begin().await?;
        let sql = "UPDATE dead_letters SET closed_as = ?2, note = ?3, attempts = attempts + (?2 IS NULL), \
                   closed_at = CASE WHEN ?2 IS NULL THEN NULL ELSE ?4 END \
                   WHERE id = ?1 AND closed_at IS NULL";
        let query = sqlx::query(sql).bind(id).bind(word).bind(clean(note)).bind(rfc3339(self.now()));
        let done = query.execute(&mut *tx).await?.rows_affected() == 1;
        tx.commit().await?;
        Ok(done)
    }

    async fn parked_orders(&self, limit: usize) -> Result<Vec<ParkedOrder>> {
        let sql = "SELECT order_id, reason, attempts, coalesce(parked_at, received_at) AS parked_at, due_at \
                   FROM orders WHERE state = 'parked' \
                   ORDER BY coalesce(parked_at, received_at), order_id LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(parked_from).collect()
    }

    async fn messages_of(&self, order: OrderId) -> Result<Vec<KeptMessage>> {
        let sql = "SELECT source, key, raw, headers, outcome, received_at FROM inbox WHERE order_id = ?1 ORDER BY id";
        let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(&self.read).await?;
        rows.iter().map(message_from).collect()
    }

    async fn acknowledge_late(&self, order: OrderId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "SELECT 1 FROM orders WHERE order_id = ?1 AND state = 'parked' AND voided_at IS NOT NULL";
        if sqlx::query(sql).bind(order.to_string()).fetch_optional(&mut *tx).await?.is_none() {
            return Ok(false);
        }
        sqlx::query(SEEN_TO).bind(order.to_string()).execute(&mut *tx).await?;
        let work = Settling { now: self.now(), rules: self.refunds, announcing: &Announcing::default() };
        settle(&mut tx, order, work).await?;
        tx.commit().await?;
        Ok(true)
    }
}
