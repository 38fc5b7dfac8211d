//! Statements of the audit that no action contains.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::audit::{row, write};
use super::{Db as _, Sql, Transaction as _};
use crate::decide::earlier;
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::{Actor, Audit, AuditEntry, AuditFilter, AuditRecord, Result};

/// The newest records with a condition of their own; `$6` is its value.
macro_rules! newest {
    ($condition:literal) => {
        concat!(
            "SELECT id, at, via, actor, action, order_id, ticket_id, subject, times, position_from, position_to \
             FROM audit WHERE ",
            $condition,
            " AND at >= $1 AND (CAST($2 AS TEXT) IS NULL OR actor = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR action = $3 OR @strpos(action, $3 || '.') = 1) \
             AND (CAST($4 AS BIGINT) IS NULL OR id < $4) ORDER BY id DESC LIMIT $5"
        )
    };
}

#[async_trait]
impl<S: Sql> Audit for S {
    async fn record_audit(&self, entries: &[(Timestamp, AuditEntry)]) -> Result<()> {
        let rows = entries.iter().map(|(at, entry)| row(*at, entry)).collect();
        let mut tx = self.begin().await?;
        write(&mut tx, rows).await?;
        tx.commit().await
    }

    async fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>> {
        let mut tx = self.snapshot().await?;
        tx.without_limit().await?;
        let mut cells: Vec<SqlValue<'_>> = vec![
            filter.since.unwrap_or(Timestamp::MIN).into(),
            filter.actor.as_ref().into(),
            filter.action.as_ref().into(),
            filter.before.into(),
            SqlValue::limit(limit),
        ];
        // A ticket is narrower than its order.
        let sql = match (filter.ticket, filter.order) {
            (Some(ticket), _) => {
                cells.push(ticket.into());
                newest!("ticket_id = $6")
            }
            (None, Some(order)) => {
                cells.push(order.into());
                newest!("order_id = $6")
            }
            (None, None) => newest!("1 = 1"),
        };
        tx.fetch_all(sql, &cells).await?.iter().map(record_from).collect()
    }

    async fn prune_audit(&self, age: Duration, limit: usize) -> Result<u64> {
        let mut tx = self.begin().await?;
        let until = earlier(tx.now().await?, age);
        // Only a beginning of the audit is removed, so one record that is too new keeps those after it.
        let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < coalesce( \
                   (SELECT min(id) FROM audit WHERE at >= $1), (SELECT max(id) + 1 FROM audit)) \
                   ORDER BY id LIMIT $2)";
        let pruned = tx.execute(sql, &[until.into(), SqlValue::limit(limit)]).await?;
        tx.commit().await?;
        Ok(pruned)
    }
}

fn record_from(row: &impl Row) -> Result<AuditRecord> {
    let positions = row.int("position_from")?.zip(row.int("position_to")?);
    Ok(AuditRecord {
        id: need("id", row.int("id")?)?,
        at: need("at", row.time("at")?)?,
        entry: AuditEntry {
            actor: Actor::new(row.word("via")?, need("actor", row.text("actor")?)?),
            action: row.word("action")?,
            order_id: row.uuid("order_id")?.map(fulfillment_domain::OrderId),
            ticket_id: row.ticket_id("ticket_id")?,
            subject: row.text("subject")?,
            times: row.number("times")?,
            positions,
        },
    })
}
