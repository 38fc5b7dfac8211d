//! What people ask for.

use async_trait::async_trait;
use fulfillment_domain::{Delivered, OrderId, Ticket, TicketId};
use jiff::Timestamp;
use uuid::Uuid;

use super::PgStore;
use super::rows::history::note;
use super::rows::tickets::{locked, tickets_of};
use super::rows::values::{At, rows_at_most};
use super::rows::{attention, withdrawals};
use crate::shared::cells::clean;
use crate::shared::delivering::{self, FORMER, NOTE_FORMER, Of};
use crate::shared::order::{order_from, payment_from};
use crate::shared::standing::{STANDING, standing_from};
use crate::shared::summary::{self, counts, summary_from};
use crate::shared::ticket::{redraw_note, ticket_columns, ticket_from};
use crate::{CodeStanding, OrderRecord, Records, Redrawn, Result, RetrySelection, Summary};

/// What stands apart, by the indexes that hold it.
const COUNTS: &str = counts!("strpos(flags, 'seat_conflict') > 0");

#[async_trait]
impl Records for PgStore {
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>> {
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1");
        let row = sqlx::query(sql).bind(id.0).fetch_optional(&self.pool).await?;
        row.as_ref().map(ticket_from).transpose()
    }

    async fn ticket_by_number(&self, number: &str) -> Result<Option<Ticket>> {
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE ticket_number = $1");
        let row = sqlx::query(sql).bind(clean(number)).fetch_optional(&self.pool).await?;
        row.as_ref().map(ticket_from).transpose()
    }

    async fn code_standing(&self, cti: [u8; 10]) -> Result<CodeStanding> {
        let query = sqlx::query(STANDING).bind(&cti[..]).bind(hex::encode(cti));
        standing_from(&query.fetch_one(&self.pool).await?)
    }

    async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>> {
        let mut tx = self.begin().await?;
        // One snapshot for the three answers.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *tx).await?;
        let sql = "SELECT order_id, state, reason, attempts, worker, due_at, received_at, updated_at, notes, \
                   erased_at \
                   FROM orders WHERE order_id = $1";
        let Some(order) = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx).await? else {
            return Ok(None);
        };
        let sql = "SELECT key, order_id, amount::text AS amount, currency, outcome, duplicates, received_at, folded_into \
                   FROM payments WHERE order_id = $1 \
                   ORDER BY folded_into IS NOT NULL, outcome <> 'accepted', received_at, key";
        let payments = sqlx::query(sql).bind(id.0).fetch_all(&mut *tx).await?;
        let tickets = tickets_of(&mut tx, id).await?;
        let withdrawals = withdrawals::of_order(&mut tx, id).await?;
        let attention = attention::of_order(&mut tx, id).await?;
        tx.commit().await?;
        let payments = payments.iter().map(payment_from).collect::<Result<_>>()?;
        order_from(&order, payments, withdrawals, tickets, attention).map(Some)
    }

    async fn orders_since(
        &self,
        since: Timestamp,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        // By the primary key: all parts together read the table once.
        let sql = "SELECT order_id FROM orders WHERE ($2::uuid IS NULL OR order_id > $2) AND received_at >= $1 \
                   AND payment_key <> '' ORDER BY order_id LIMIT $3";
        let query =
            sqlx::query_scalar(sql).bind(At(since)).bind(after.map(|o| o.0)).bind(rows_at_most(limit));
        let ids: Vec<Uuid> = query.fetch_all(&self.pool).await?;
        Ok(ids.into_iter().map(OrderId).collect())
    }

    async fn tickets_after(&self, order: OrderId, after: u32, limit: u32) -> Result<Vec<Ticket>> {
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id = $1 AND ticket_index > $2 ORDER BY ticket_index LIMIT $3"
        );
        let query = sqlx::query(sql).bind(order.0).bind(i64::from(after)).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(ticket_from).collect()
    }

    async fn deliver(&self, delivered: &Delivered, at: Timestamp) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        let Some(before) = locked(&mut tx, delivered.ticket_id).await? else { return Ok(None) };
        if delivering::asks_former(&before, delivered) {
            let former = sqlx::query(FORMER).bind(before.id.0).fetch_all(&mut *tx).await?;
            let former = former.iter().map(delivering::former_from).collect::<Result<Vec<_>>>()?;
            match delivering::of(delivered, &former) {
                Of::Live => {}
                Of::Nothing => return Ok(Some(before)),
                Of::Former(generation) => {
                    sqlx::query(NOTE_FORMER)
                        .bind(before.id.0)
                        .bind(i64::from(generation))
                        .bind(At(delivered.delivered_at.unwrap_or(at)))
                        .bind(delivered.channel.as_deref().map(clean))
                        .execute(&mut *tx)
                        .await?;
                    let (status, why) = (before.lifecycle.status.as_str(), delivering::note(generation));
                    note(&mut tx, before.id, (status, status), "notification", Some(&why)).await?;
                    tx.commit().await?;
                    return Ok(Some(before));
                }
            }
        }
        if before.lifecycle.delivered_at.is_some() {
            return Ok(Some(before));
        }
        let sql = concat!(
            "UPDATE tickets SET delivered_at = $2, delivery_channel = $3, updated_at = clock_timestamp(), \
             status = CASE status WHEN 'Generated' THEN 'Delivered' ELSE status END WHERE id = $1 RETURNING ",
            ticket_columns!()
        );
        let row = sqlx::query(sql)
            .bind(delivered.ticket_id.0)
            .bind(At(delivered.delivered_at.unwrap_or(at)))
            .bind(delivered.channel.as_deref().map(clean))
            .fetch_one(&mut *tx)
            .await?;
        let after = ticket_from(&row)?;
        if after.lifecycle.status != before.lifecycle.status {
            let step = (before.lifecycle.status.as_str(), after.lifecycle.status.as_str());
            note(&mut tx, after.id, step, "notification", None).await?;
        }
        tx.commit().await?;
        Ok(Some(after))
    }

    async fn downloaded(&self, id: TicketId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE tickets SET first_downloaded_at = $2, updated_at = clock_timestamp() \
                   WHERE id = $1 AND first_downloaded_at IS NULL";
        sqlx::query(sql).bind(id.0).bind(At(at)).execute(&self.pool).await?;
        Ok(())
    }

    async fn redrawn(&self, id: TicketId, redrawn: &Redrawn) -> Result<()> {
        let mut tx = self.begin().await?;
        let before = locked(&mut tx, id).await?;
        let Some(before) =
            before.filter(|t| t.lifecycle.erased_at.is_none() && t.code.generation == redrawn.generation)
        else {
            return Ok(());
        };
        if before.document.sha256 != Some(redrawn.sha256) {
            let sql = "UPDATE tickets SET sha256 = $2, size = $3, renderer = $4, updated_at = clock_timestamp() \
                       WHERE id = $1";
            sqlx::query(sql)
                .bind(id.0)
                .bind(&redrawn.sha256[..])
                .bind(i64::try_from(redrawn.size).unwrap_or(i64::MAX))
                .bind(clean(&redrawn.renderer))
                .execute(&mut *tx)
                .await?;
        }
        let why = redraw_note(before.document.sha256, redrawn);
        let status = before.lifecycle.status.as_str();
        note(&mut tx, id, (status, status), "storage", Some(&why)).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn retry(&self, selection: RetrySelection) -> Result<u64> {
        let (order, ticket) = match selection {
            RetrySelection::All => (None, None),
            RetrySelection::Order(order) => (Some(order.0), None),
            RetrySelection::Ticket(ticket) => (None, Some(ticket.0)),
        };
        let mut tx = self.begin().await?;
        let sql = "UPDATE orders SET attempts = 0, deaths = 0, due_at = clock_timestamp(), parked_at = NULL, \
                   tried_since = clock_timestamp(), \
                   updated_at = clock_timestamp(), \
                   state = CASE WHEN frozen_at IS NULL THEN 'received' ELSE 'enriched' END \
                   WHERE worker IS NULL \
                   AND voided_at IS NULL AND erased_at IS NULL AND payment_key <> '' \
                   AND (state = 'parked' OR (state IN ('received', 'enriched') AND due_at > now())) \
                   AND ($1::uuid IS NULL OR order_id = $1) \
                   AND ($2::uuid IS NULL OR order_id = (SELECT order_id FROM tickets WHERE id = $2)) \
                   RETURNING order_id";
        let going: Vec<Uuid> = sqlx::query_scalar(sql).bind(order).bind(ticket).fetch_all(&mut *tx).await?;
        let count = going.len() as u64;
        if count > 0 {
            let sql = "WITH again AS (UPDATE tickets SET status = 'Pending', updated_at = clock_timestamp() \
                       WHERE order_id = ANY($1::uuid[]) AND status = 'Failed' AND voided_at IS NULL RETURNING id) \
                       INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
                       SELECT id, clock_timestamp(), 'Failed', 'Pending', 'operator', 'tried again' FROM again";
            sqlx::query(sql).bind(going).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn summary(&self) -> Result<Summary> {
        let sql = "SELECT clock_timestamp()";
        let now: At = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        let groups = sqlx::query(summary::GROUPS).bind(now).fetch_all(&self.pool).await?;
        let counts = sqlx::query(COUNTS).bind(now).fetch_one(&self.pool).await?;
        summary_from(&groups, &counts)
    }

    async fn any_generated(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tickets WHERE status IN ('Generated', 'Delivered'))";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }
}
