//! Operators' commands for refunds and cancellations.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};

use super::rows::audit::audit;
use super::rows::locks;
use super::rows::orders::lock;
use super::settling::{Settling, apply, facts_of, list_anew};
use super::{Db, Sql, Transaction as _};
use crate::decide::earlier;
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::decide::unsaid::UNSAID;
use crate::decide::withdrawing::{Effects, sql, withdrawal_columns, withdrawal_from};
use crate::{Action, Actor, Announcing, AuditEntry, Result, WithdrawalRecord, Withdrawals};

#[async_trait]
impl<S: Sql> Withdrawals for S {
    async fn void_ticket(
        &self,
        id: TicketId,
        reason: &str,
        announcing: &Announcing,
        by: &Actor,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order is locked before its tickets, as everywhere.
        let sql = "SELECT order_id, erased_at FROM orders WHERE order_id = (SELECT order_id FROM tickets WHERE id = $1) @lock";
        let Some(row) = tx.fetch_optional(sql, &[id.into()]).await? else { return Ok(false) };
        let order = row.order_id()?;
        let Some(facts) = facts_of(&mut tx, order, self.refunds()).await? else { return Ok(false) };
        if !facts.tickets.iter().any(|t| t.id == id && !t.is_void) {
            return Ok(false);
        }
        let reason = if row.time("erased_at")?.is_some() { UNSAID } else { reason };
        let effects = Effects::void_of(&facts, &[id], reason);
        let work = Settling { rules: self.refunds(), announcing, has_seats: false, noted: &[] };
        apply(&mut tx, &[(facts, effects)], by.name(), work).await?;
        audit(&mut tx, AuditEntry::new(by, Action::VoidTicket).order(order).ticket(id)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_withdrawal(&self, key: &str, reason: &str, by: &Actor) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order is locked first: a concurrent settling has finished with this refund, or has not begun.
        let sql = "SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM withdrawals WHERE key = $1) @lock";
        let Some(row) = tx.fetch_optional(sql, &[key.into()]).await? else { return Ok(false) };
        let order = row.order_id()?;
        let now = tx.now().await?;
        let done = tx.execute(sql::LIFT, &[key.into(), reason.into(), now.into()]).await? == 1;
        if done {
            put_aside(&mut tx, order).await?;
            list_anew(&mut tx, order, self.refunds()).await?;
            let entry = AuditEntry::new(by, Action::DismissRefund).order(order).subject(key);
            audit(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    async fn lift_unpaid(&self, order: OrderId, reason: &str, by: &Actor) -> Result<bool> {
        let mut tx = self.begin().await?;
        let Some(now) = lock(&mut tx, order).await? else { return Ok(false) };
        let lifted = tx.execute(sql::LIFT_UNPAID, &[order.into(), reason.into(), now.into()]).await?;
        if lifted > 0 {
            put_aside(&mut tx, order).await?;
            audit(&mut tx, AuditEntry::new(by, Action::DismissUnpaid).order(order)).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }

    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize> {
        let mut tx = self.begin().await?;
        let now = tx.now().await?;
        let sql = "SELECT key, order_id FROM withdrawals WHERE state = 'waiting' AND received_at < $1 \
               ORDER BY received_at, key LIMIT $2";
        let overdue = tx.fetch_all(sql, &[earlier(now, age).into(), SqlValue::limit(limit)]).await?;
        let orders = overdue.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
        locks::orders(&mut tx, orders.iter().copied()).await?;
        locks::withdrawals_of(&mut tx, orders).await?;
        let keys = overdue.iter().map(|row| need("key", row.text("key")?)).collect::<Result<Vec<_>>>()?;
        let keys = SqlValue::texts(keys.iter().map(String::as_str));
        let parked = tx.execute(sql::PARK_OVERDUE, &[keys, now.into()]).await?;
        tx.commit().await?;
        Ok(usize::try_from(parked).unwrap_or(usize::MAX))
    }

    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>> {
        let sql = concat!(
            "SELECT ",
            withdrawal_columns!(),
            " FROM withdrawals w WHERE w.state IN ('waiting', 'parked') ORDER BY w.received_at, w.key LIMIT $1"
        );
        let rows = self.read().await?.fetch_all(sql, &[SqlValue::limit(limit)]).await?;
        rows.iter().map(withdrawal_from).collect()
    }
}

/// Removes an order from the list that is not paid and has nothing open. Its row is locked.
async fn put_aside(db: &mut impl Db, order: OrderId) -> Result<()> {
    let now = db.now().await?;
    db.execute(sql::PUT_ASIDE, &[order.into(), sql::NOBODY_PAID.into(), now.into()]).await?;
    Ok(())
}
