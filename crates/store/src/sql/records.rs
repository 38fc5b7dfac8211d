//! Queries for tickets, orders, payments and counts.

use async_trait::async_trait;
use fulfillment_domain::{Delivered, OrderId, Ticket, TicketId};
use jiff::Timestamp;

use super::rows::audit::audit_orders;
use super::rows::history::note;
use super::rows::tickets::{locked, tickets_after};
use super::rows::{attention, locks, withdrawals};
use super::{Db as _, Sql, Transaction as _};
use crate::decide::column::Column;
use crate::decide::delivering::{self, FORMER, NOTE_FORMER, Of};
use crate::decide::order::{order_from, payment_from};
use crate::decide::sql_values::{Row, SqlValue};
use crate::decide::standing::{STANDING, standing_from};
use crate::decide::summary::{self, summary_from};
use crate::decide::ticket::{redraw_note, ticket_columns, ticket_from};
use crate::{
    Action, Actor, CodeStanding, OrderPages, OrderRecord, Records, Redrawn, Result, RetrySelection, Summary,
};

#[async_trait]
impl<S: Sql> Records for S {
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>> {
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1");
        let row = self.read().await?.fetch_optional(sql, &[id.into()]).await?;
        row.as_ref().map(ticket_from).transpose()
    }

    async fn ticket_by_number(&self, number: &str) -> Result<Option<Ticket>> {
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE ticket_number = $1");
        let row = self.read().await?.fetch_optional(sql, &[number.into()]).await?;
        row.as_ref().map(ticket_from).transpose()
    }

    async fn code_standing(&self, cti: [u8; 10]) -> Result<CodeStanding> {
        let cells = [(&cti).into(), hex::encode(cti).into()];
        standing_from(&self.read().await?.fetch_one(STANDING, &cells).await?)
    }

    async fn order_beginning(&self, id: OrderId, tickets: u32) -> Result<Option<OrderRecord>> {
        let mut tx = self.snapshot().await?;
        let sql = "SELECT order_id, state, reason, attempts, worker, due_at, received_at, updated_at, notes, \
                   voided_at, erased_at FROM orders WHERE order_id = $1";
        let Some(order) = tx.fetch_optional(sql, &[id.into()]).await? else { return Ok(None) };
        let sql = "SELECT key, order_id, CAST(amount AS TEXT) AS amount, currency, outcome, duplicates, received_at, \
                   folded_into FROM payments WHERE order_id = $1 \
                   ORDER BY folded_into IS NOT NULL, outcome <> 'accepted', received_at, key";
        let payments = tx.fetch_all(sql, &[id.into()]).await?;
        let tickets = tickets_after(&mut tx, id, 0, tickets).await?;
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
        // By the primary key: all pages together read the table once.
        macro_rules! since {
            ($and:literal) => {
                concat!(
                    "SELECT order_id FROM orders WHERE received_at >= $1 AND payment_key <> ''",
                    $and,
                    " ORDER BY order_id LIMIT $2"
                )
            };
        }
        let mut cells = vec![since.into(), SqlValue::limit(limit)];
        cells.extend(after.map(SqlValue::from));
        let sql = if after.is_some() { since!(" AND order_id > $3") } else { since!("") };
        self.read().await?.fetch_all(sql, &cells).await?.iter().map(Row::order_id).collect()
    }

    async fn tickets_after(&self, order: OrderId, after: u32, limit: u32) -> Result<Vec<Ticket>> {
        tickets_after(&mut self.read().await?, order, after, limit).await
    }

    async fn order_pages(&self, order: OrderId) -> Result<OrderPages> {
        let sql = "SELECT CAST(coalesce(sum(generation), 0) AS BIGINT) AS generations, \
                   count(CASE WHEN voided_at IS NULL AND erased_at IS NULL AND status IN ('Generated', 'Delivered') \
                   AND @strpos(flags, 'legacy') = 0 THEN 1 END) AS pages FROM tickets WHERE order_id = $1";
        let row = self.read().await?.fetch_one(sql, &[order.into()]).await?;
        Ok(OrderPages { generations: row.number("generations")?, pages: row.number("pages")? })
    }

    async fn deliver(&self, delivered: &Delivered, at: Timestamp) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        let Some(before) = locked(&mut tx, delivered.ticket_id).await? else { return Ok(None) };
        let id = before.id;
        // A channel can name a person: none is kept of what was erased.
        let channel = delivered.channel.as_ref().filter(|_| before.lifecycle.erased_at.is_none());
        let at = delivered.delivered_at.unwrap_or(at);
        if delivering::asks_former(&before, delivered) {
            let former = tx.fetch_all(FORMER, &[id.into()]).await?;
            let former = former.iter().map(delivering::former_from).collect::<Result<Vec<_>>>()?;
            match delivering::of(delivered, &former) {
                Of::Live => {}
                Of::Nothing => return Ok(Some(before)),
                Of::Former(generation) => {
                    let cells = [id.into(), generation.into(), at.into(), channel.into()];
                    tx.execute(NOTE_FORMER, &cells).await?;
                    let (status, why) = (before.lifecycle.status.as_str(), delivering::note(generation));
                    note(&mut tx, id, (status, status), "notification", Some(&why)).await?;
                    tx.commit().await?;
                    return Ok(Some(before));
                }
            }
        }
        if before.lifecycle.delivered_at.is_some() {
            return Ok(Some(before));
        }
        let sql = concat!(
            "UPDATE tickets SET delivered_at = $2, delivery_channel = $3, updated_at = @now, \
             status = CASE status WHEN 'Generated' THEN 'Delivered' ELSE status END WHERE id = $1 RETURNING ",
            ticket_columns!()
        );
        let after = ticket_from(&tx.fetch_one(sql, &[id.into(), at.into(), channel.into()]).await?)?;
        if after.lifecycle.status != before.lifecycle.status {
            let step = (before.lifecycle.status.as_str(), after.lifecycle.status.as_str());
            note(&mut tx, id, step, "notification", None).await?;
        }
        tx.commit().await?;
        Ok(Some(after))
    }

    async fn downloaded(&self, id: TicketId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE tickets SET first_downloaded_at = $2, updated_at = @now \
                   WHERE id = $1 AND first_downloaded_at IS NULL";
        self.write(sql, &[id.into(), at.into()]).await?;
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
            let sql =
                "UPDATE tickets SET sha256 = $2, size = $3, renderer = $4, updated_at = @now WHERE id = $1";
            let size = Column::cell(&redrawn.size);
            tx.execute(sql, &[id.into(), (&redrawn.sha256).into(), size, (&redrawn.renderer).into()]).await?;
        }
        let why = redraw_note(before.document.sha256, redrawn);
        let status = before.lifecycle.status.as_str();
        note(&mut tx, id, (status, status), "storage", Some(&why)).await?;
        tx.commit().await
    }

    async fn retry(&self, selection: RetrySelection, by: &Actor) -> Result<u64> {
        macro_rules! waiting {
            ($which:literal) => {
                concat!(
                    "SELECT order_id FROM orders WHERE worker IS NULL \
                     AND voided_at IS NULL AND erased_at IS NULL AND payment_key <> '' \
                     AND (state = 'parked' OR (state IN ('received', 'enriched') AND due_at > $1))",
                    $which,
                    " ORDER BY order_id @lock"
                )
            };
        }
        let (sql, which) = match selection {
            RetrySelection::All => (waiting!(""), None),
            RetrySelection::Order(order) => (waiting!(" AND order_id = $2"), Some(order.into())),
            RetrySelection::Ticket(ticket) => {
                let sql = waiting!(" AND order_id = (SELECT order_id FROM tickets WHERE id = $2)");
                (sql, Some(ticket.into()))
            }
        };
        let mut tx = self.begin().await?;
        let now = tx.now().await?;
        let mut cells = vec![now.into()];
        cells.extend(which);
        let rows = tx.fetch_all(sql, &cells).await?;
        let going = rows.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
        let count = going.len() as u64;
        if count > 0 {
            let sql = "UPDATE orders SET attempts = 0, deaths = 0, due_at = $2, parked_at = NULL, tried_since = $2, \
                       updated_at = $2, state = CASE WHEN frozen_at IS NULL THEN 'received' ELSE 'enriched' END \
                       WHERE order_id @any($1)";
            tx.execute(sql, &[SqlValue::orders(going.iter().copied()), now.into()]).await?;
            locks::tickets_of(&mut tx, going.iter().copied()).await?;
            let cells = [SqlValue::orders(going.iter().copied()), by.name().into()];
            let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
                       SELECT id, @now, 'Failed', 'Pending', $2, 'tried again' FROM tickets \
                       WHERE order_id @any($1) AND status = 'Failed' AND voided_at IS NULL";
            tx.execute(sql, &cells).await?;
            let sql = "UPDATE tickets SET status = 'Pending', updated_at = @now \
                       WHERE order_id @any($1) AND status = 'Failed' AND voided_at IS NULL";
            tx.execute(sql, &cells[..1]).await?;
            audit_orders(&mut tx, by, Action::RetryOrders, going).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn summary(&self) -> Result<Summary> {
        let mut db = self.read().await?;
        let now = [db.now().await?.into()];
        let groups = db.fetch_all(summary::GROUPS, &now).await?;
        summary_from(&groups, &db.fetch_one(summary::COUNTS, &now).await?)
    }

    async fn any_generated(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM tickets WHERE status IN ('Generated', 'Delivered') LIMIT 1";
        self.read().await?.exists(sql, &[]).await
    }
}
