//! What people ask for.

use async_trait::async_trait;
use fulfillment_domain::{Delivered, OrderId, Ticket, TicketId};
use jiff::Timestamp;

use super::SqliteStore;
use super::rows::history::{Transition, note};
use super::rows::tickets::{ticket, tickets_of};
use super::rows::{attention, withdrawals};
use crate::shared::cells::{Row, clean, rfc3339};
use crate::shared::delivering::{self, FORMER, NOTE_FORMER, Of};
use crate::shared::order::{order_from, payment_from};
use crate::shared::standing::{STANDING, standing_from};
use crate::shared::summary::{self, counts, summary_from};
use crate::shared::ticket::{redraw_note, ticket_columns, ticket_from};
use crate::{CodeStanding, OrderRecord, Records, Redrawn, Result, RetrySelection, Summary};

/// What stands apart, by the indexes that hold it.
const COUNTS: &str = counts!("instr(flags, 'seat_conflict') > 0");

#[async_trait]
impl Records for SqliteStore {
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>> {
        ticket(&mut *self.read.acquire().await?, id).await
    }

    async fn ticket_by_number(&self, number: &str) -> Result<Option<Ticket>> {
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE ticket_number = ?1");
        let row = sqlx::query(sql).bind(number).fetch_optional(&self.read).await?;
        row.as_ref().map(ticket_from).transpose()
    }

    async fn code_standing(&self, cti: [u8; 10]) -> Result<CodeStanding> {
        let query = sqlx::query(STANDING).bind(&cti[..]).bind(hex::encode(cti));
        standing_from(&query.fetch_one(&self.read).await?)
    }

    async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>> {
        // One snapshot for the three answers.
        let mut tx = self.read.begin().await?;
        let sql = "SELECT order_id, state, reason, attempts, worker, due_at, received_at, updated_at, notes, \
                   erased_at \
                   FROM orders WHERE order_id = ?1";
        let Some(order) = sqlx::query(sql).bind(id.to_string()).fetch_optional(&mut *tx).await? else {
            return Ok(None);
        };
        let sql = "SELECT key, order_id, amount, currency, outcome, duplicates, received_at, folded_into \
                   FROM payments WHERE order_id = ?1 \
                   ORDER BY folded_into IS NOT NULL, outcome <> 'accepted', received_at, key";
        let payments = sqlx::query(sql).bind(id.to_string()).fetch_all(&mut *tx).await?;
        let tickets = tickets_of(&mut tx, id).await?;
        let withdrawals = withdrawals::of_order(&mut tx, id).await?;
        let attention = attention::of_order(&mut tx, id).await?;
        let payments = payments.iter().map(payment_from).collect::<Result<_>>()?;
        order_from(&order, payments, withdrawals, tickets, attention).map(Some)
    }

    async fn orders_since(
        &self,
        since: Timestamp,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let sql = "SELECT order_id FROM orders WHERE order_id > ?2 AND received_at >= ?1 AND payment_key <> '' \
                   ORDER BY order_id LIMIT ?3";
        let rows = sqlx::query(sql)
            .bind(rfc3339(since))
            .bind(after.map(|o| o.to_string()).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(Row::order_id).collect()
    }

    async fn tickets_after(&self, order: OrderId, after: u32, limit: u32) -> Result<Vec<Ticket>> {
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE order_id = ?1 AND ticket_index > ?2 ORDER BY ticket_index LIMIT ?3"
        );
        let query = sqlx::query(sql).bind(order.to_string()).bind(i64::from(after)).bind(i64::from(limit));
        query.fetch_all(&self.read).await?.iter().map(ticket_from).collect()
    }

    async fn deliver(&self, delivered: &Delivered, at: Timestamp) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let Some(before) = ticket(&mut tx, delivered.ticket_id).await? else { return Ok(None) };
        if delivering::asks_former(&before, delivered) {
            let former = sqlx::query(FORMER).bind(before.id.to_string()).fetch_all(&mut *tx).await?;
            let former = former.iter().map(delivering::former_from).collect::<Result<Vec<_>>>()?;
            match delivering::of(delivered, &former) {
                Of::Live => {}
                Of::Nothing => return Ok(Some(before)),
                Of::Former(generation) => {
                    sqlx::query(NOTE_FORMER)
                        .bind(before.id.to_string())
                        .bind(generation)
                        .bind(rfc3339(delivered.delivered_at.unwrap_or(at)))
                        .bind(delivered.channel.as_deref().map(clean))
                        .execute(&mut *tx)
                        .await?;
                    let (status, why) = (before.lifecycle.status.as_str(), delivering::note(generation));
                    let (from, to, who) = (status, status, "notification");
                    let step = Transition { ticket: before.id, from, to, who, why: Some(&why) };
                    note(&mut tx, now, step).await?;
                    tx.commit().await?;
                    return Ok(Some(before));
                }
            }
        }
        if before.lifecycle.delivered_at.is_some() {
            return Ok(Some(before));
        }
        let sql = "UPDATE tickets SET delivered_at = ?2, delivery_channel = ?3, updated_at = ?4, \
                   status = CASE status WHEN 'Generated' THEN 'Delivered' ELSE status END WHERE id = ?1";
        sqlx::query(sql)
            .bind(delivered.ticket_id.to_string())
            .bind(rfc3339(delivered.delivered_at.unwrap_or(at)))
            .bind(delivered.channel.as_deref().map(clean))
            .bind(rfc3339(now))
            .execute(&mut *tx)
            .await?;
        let after = ticket(&mut tx, delivered.ticket_id).await?;
        if let Some(after) = after.as_ref().filter(|after| after.lifecycle.status != before.lifecycle.status)
        {
            let (from, to) = (before.lifecycle.status.as_str(), after.lifecycle.status.as_str());
            note(&mut tx, now, Transition { ticket: after.id, from, to, who: "notification", why: None })
                .await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    async fn downloaded(&self, id: TicketId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE tickets SET first_downloaded_at = ?2, updated_at = ?3 \
                   WHERE id = ?1 AND first_downloaded_at IS NULL";
        let mut tx = self.begin().await?;
        let query = sqlx::query(sql).bind(id.to_string()).bind(rfc3339(at)).bind(rfc3339(self.now()));
        query.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn redrawn(&self, id: TicketId, redrawn: &Redrawn) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let before = ticket(&mut tx, id).await?;
        let Some(before) =
            before.filter(|t| t.lifecycle.erased_at.is_none() && t.code.generation == redrawn.generation)
        else {
            return Ok(());
        };
        if before.document.sha256 != Some(redrawn.sha256) {
            let sql =
                "UPDATE tickets SET sha256 = ?2, size = ?3, renderer = ?4, updated_at = ?5 WHERE id = ?1";
            sqlx::query(sql)
                .bind(id.to_string())
                .bind(&redrawn.sha256[..])
                .bind(i64::try_from(redrawn.size).unwrap_or(i64::MAX))
                .bind(clean(&redrawn.renderer))
                .bind(rfc3339(now))
                .execute(&mut *tx)
                .await?;
        }
        let why = redraw_note(before.document.sha256, redrawn);
        let status = before.lifecycle.status.as_str();
        let step = Transition { ticket: id, from: status, to: status, who: "storage", why: Some(&why) };
        note(&mut tx, now, step).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn retry(&self, selection: RetrySelection) -> Result<u64> {
        let (order, ticket) = match selection {
            RetrySelection::All => (None, None),
            RetrySelection::Order(order) => (Some(order.to_string()), None),
            RetrySelection::Ticket(ticket) => (None, Some(ticket.to_string())),
        };
        let mut tx = self.begin().await?;
        let now = rfc3339(self.now());
        let sql = "UPDATE orders SET attempts = 0, deaths = 0, due_at = ?1, parked_at = NULL, tried_since = ?1, \
                   updated_at = ?1, \
                   state = CASE WHEN frozen_at IS NULL THEN 'received' ELSE 'enriched' END \
                   WHERE worker IS NULL \
                   AND voided_at IS NULL AND erased_at IS NULL AND payment_key <> '' \
                   AND (state = 'parked' OR (state IN ('received', 'enriched') AND due_at > ?1)) \
                   AND (?2 IS NULL OR order_id = ?2) \
                   AND (?3 IS NULL OR order_id = (SELECT order_id FROM tickets WHERE id = ?3)) \
                   RETURNING order_id";
        let going: Vec<String> =
            sqlx::query_scalar(sql).bind(&now).bind(order).bind(ticket).fetch_all(&mut *tx).await?;
        for order in &going {
            let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
                       SELECT id, ?2, 'Failed', 'Pending', 'operator', 'tried again' FROM tickets \
                       WHERE order_id = ?1 AND status = 'Failed' AND voided_at IS NULL";
            sqlx::query(sql).bind(order).bind(&now).execute(&mut *tx).await?;
            let sql = "UPDATE tickets SET status = 'Pending', updated_at = ?2 \
                       WHERE order_id = ?1 AND status = 'Failed' AND voided_at IS NULL";
            sqlx::query(sql).bind(order).bind(&now).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(going.len() as u64)
    }

    async fn summary(&self) -> Result<Summary> {
        let mut tx = self.read.begin().await?;
        let now = rfc3339(self.now());
        let groups = sqlx::query(summary::GROUPS).bind(&now).fetch_all(&mut *tx).await?;
        let counts = sqlx::query(COUNTS).bind(&now).fetch_one(&mut *tx).await?;
        summary_from(&groups, &counts)
    }

    async fn any_generated(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tickets WHERE status IN ('Generated', 'Delivered'))";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.read).await?)
    }
}
