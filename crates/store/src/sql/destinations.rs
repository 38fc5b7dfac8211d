//! Statements about destinations.

use async_trait::async_trait;
use fulfillment_domain::{OutboxEvent, Ticket};

use super::rows::audit::audit;
use super::rows::history::note;
use super::rows::orders::lock;
use super::rows::tickets::locked;
use super::{Batches as _, Db as _, Sql, Transaction as _};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::{Action, Actor, AuditEntry, DestinationBacklog, Destinations, Resent, Result};

#[async_trait]
impl<S: Sql> Destinations for S {
    async fn destinations(&self) -> Result<Vec<DestinationBacklog>> {
        let mut db = self.read().await?;
        // Steps from name to name by the partial indexes: the deliveries that were sent are never read.
        let sql = "WITH RECURSIVE waiting (name) AS (SELECT min(destination) FROM outbox_delivery \
                   WHERE state = 'pending' UNION ALL SELECT (SELECT min(destination) FROM outbox_delivery \
                   WHERE state = 'pending' AND destination > w.name) FROM waiting w WHERE w.name IS NOT NULL), \
                   parked (name) AS (SELECT min(destination) FROM outbox_delivery WHERE state = 'parked' \
                   UNION ALL SELECT (SELECT min(destination) FROM outbox_delivery \
                   WHERE state = 'parked' AND destination > p.name) FROM parked p WHERE p.name IS NOT NULL) \
                   SELECT n.name, \
                   (SELECT count(*) FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'pending') \
                   AS waiting, \
                   (SELECT count(*) FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'parked') \
                   AS parked, \
                   (SELECT o.created_at FROM outbox o WHERE o.id = (SELECT min(d.outbox_id) FROM outbox_delivery d \
                   WHERE d.destination = n.name AND d.state IN ('pending', 'parked'))) AS since, \
                   (SELECT d.reason FROM outbox_delivery d WHERE d.destination = n.name \
                   AND d.state IN ('pending', 'parked') ORDER BY d.outbox_id LIMIT 1) AS reason \
                   FROM (SELECT name FROM waiting UNION SELECT name FROM parked) AS n \
                   WHERE n.name IS NOT NULL ORDER BY n.name";
        let rows = db.fetch_all(sql, &[]).await?;
        let backlog = rows.iter().map(|row| {
            Ok(DestinationBacklog {
                name: need("name", row.text("name")?)?,
                waiting: row.number("waiting")?,
                parked: row.number("parked")?,
                since: row.time("since")?,
                reason: row.text("reason")?,
            })
        });
        backlog.collect()
    }

    async fn resend(&self, ticket: &Ticket, event: &OutboxEvent, by: &Actor) -> Result<Resent> {
        let mut tx = self.begin().await?;
        let (id, order) = (ticket.id, ticket.order_id);
        lock(&mut tx, order).await?;
        let Some(live) = locked(&mut tx, id).await? else { return Ok(Resent::Changed) };
        if tx.exists("SELECT 1 FROM outbox WHERE event_id = $1", &[event.id.into()]).await? {
            return Ok(Resent::Known);
        }
        let is_same = live.lifecycle.sequence + 1 == ticket.lifecycle.sequence
            && live.code.generation == ticket.code.generation
            && live.shown_status() == ticket.shown_status();
        if !is_same {
            return Ok(Resent::Changed);
        }
        let sql = "UPDATE tickets SET sequence = sequence + 1, updated_at = @now WHERE id = $1";
        tx.execute(sql, &[id.into()]).await?;
        let status = live.lifecycle.status.as_str();
        let to = if event.destinations.is_empty() {
            "the stream".to_owned()
        } else {
            event.destinations.join(", ")
        };
        note(&mut tx, id, (status, status), by.name(), Some(&format!("sent again to {to}"))).await?;
        tx.insert_events(std::slice::from_ref(event)).await?;
        audit(&mut tx, AuditEntry::new(by, Action::ResendTicket).order(order).ticket(id).subject(to)).await?;
        tx.commit().await?;
        Ok(Resent::Written)
    }

    async fn close_deliveries(&self, destination: &str, why: &str, limit: usize, by: &Actor) -> Result<u64> {
        let sql = "UPDATE outbox_delivery SET state = 'suppressed', reason = $2, updated_at = @now \
                   WHERE destination = $1 AND outbox_id IN (SELECT d.outbox_id FROM outbox_delivery d \
                   WHERE d.destination = $1 AND d.state IN ('pending', 'parked') ORDER BY d.outbox_id LIMIT $3 @lock)";
        let mut tx = self.begin().await?;
        let closed = tx.execute(sql, &[destination.into(), why.into(), SqlValue::limit(limit)]).await?;
        if closed > 0 {
            let entry = AuditEntry::new(by, Action::DropDestination).subject(destination).times(closed);
            audit(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(closed)
    }
}
