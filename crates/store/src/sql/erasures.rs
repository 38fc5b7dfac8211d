//! Statements that remove personal data.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::event::{ids_of, without_person};
use fulfillment_domain::{OrderId, TicketId};
use serde_json::json;
use uuid::Uuid;

use super::rows::audit::audit;
use super::rows::locks;
use super::rows::orders::lock;
use super::rows::personal::{empty_letters, letters_of};
use super::rows::seats::owned;
use super::rows::tickets::tickets_with;
use super::settling::{Settling, apply, facts_of};
use super::{Db, Sql, Transaction as _};
use crate::decide::erasing::{self, files_from, letter_event};
use crate::decide::sql_values::{Row, SqlValue, need, odd, rfc3339};
use crate::decide::{earlier, later};
use crate::error::unavailable;
use crate::{
    Action, Actor, Announcing, AuditEntry, BegunErasure, Cleared, Erased, Erasures, Result, StoreError,
};

/// After how long the files of a ticket are removed for the second time.
const AGAIN: Duration = Duration::from_secs(3600);

/// The extra time for a day without hours.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// The due ones are selected first: a planner that knows little of the tables would begin with all tickets.
pub(crate) const FILES_DUE: &str = "WITH due AS MATERIALIZED (SELECT ticket_id, due_at FROM erased_files \
    WHERE due_at <= $1 ORDER BY due_at LIMIT $2) \
    SELECT t.id, t.ticket_pdf_path, @greatest(t.reserved_generation, t.generation) AS generations \
    FROM due CROSS JOIN tickets t WHERE t.id = due.ticket_id ORDER BY due.due_at";

#[async_trait]
impl<S: Sql> Erasures for S {
    async fn erase(&self, order: OrderId, by: &Actor) -> Result<Option<Erased>> {
        let mut tx = self.begin().await?;
        tx.without_limit().await?;
        let Some(now) = lock(&mut tx, order).await? else { return Ok(None) };
        tx.execute(erasing::ORDER, &[order.into(), now.into()]).await?;
        let Some(before) = facts_of(&mut tx, order, self.refunds()).await? else { return Ok(None) };
        let effects = erasing::effects(&before);
        locks::payments_of(&mut tx, [order]).await?;
        locks::withdrawals_of(&mut tx, [order]).await?;
        let voided = tickets_with(&mut tx, effects.voided.iter().map(|(id, _)| *id)).await?;
        owned(&mut tx, voided.values(), true).await?;
        locks::tickets_of(&mut tx, [order]).await?;
        let mut ids: Vec<_> = before.tickets.iter().flat_map(|t| ids_of(t.id, t.sequence)).collect();
        let announcing = &Announcing::default();
        let work = Settling { rules: self.refunds(), announcing, has_seats: true, noted: &[] };
        apply(&mut tx, &[(before, effects)], by.name(), work).await?;
        tx.execute(erasing::TICKETS, &[order.into(), now.into()]).await?;
        let letters = letters_of(&mut tx, order).await?;
        for letter in &letters {
            ids.push(letter_event(letter)?);
        }
        locks::events(&mut tx, &ids).await?;
        let messages = tx.execute(erasing::MESSAGES, &[order.into(), now.into()]).await?;
        let letters = empty_letters(&mut tx, &letters, now).await?;
        for sql in erasing::BESIDE {
            tx.execute(sql, &[order.into()]).await?;
        }
        let events = rewrite_events(&mut tx, ids).await?;
        let row = tx.fetch_one("SELECT erased_at FROM orders WHERE order_id = $1", &[order.into()]).await?;
        let sql = "SELECT id, ticket_pdf_path, @greatest(reserved_generation, generation) AS generations \
                   FROM tickets WHERE order_id = $1 ORDER BY ticket_index";
        let rows = tx.fetch_all(sql, &[order.into()]).await?;
        audit(&mut tx, AuditEntry::new(by, Action::EraseOrder).order(order)).await?;
        tx.commit().await?;
        let files = rows.iter().map(files_from).collect::<Result<Vec<_>>>()?;
        let tickets = files.iter().map(|(ticket, _)| *ticket).collect();
        let erased_at = need("erased_at", row.time("erased_at")?)?;
        Ok(Some(Erased { order_id: order, erased_at, tickets, files, messages, letters, events }))
    }

    async fn begin_erasure(&self, whom: &[u8; 16], orders: &[OrderId]) -> Result<Option<BegunErasure>> {
        let mut tx = self.begin().await?;
        let mut begun = begun(&mut tx, whom).await?;
        if begun.is_none() && orders.is_empty() {
            return Ok(None);
        }
        let all = begun.get_or_insert_default();
        all.orders.extend(orders);
        all.orders.sort_unstable();
        all.orders.dedup();
        note(&mut tx, whom, all).await?;
        tx.commit().await?;
        Ok(begun)
    }

    async fn end_erasure(&self, whom: &[u8; 16]) -> Result<()> {
        self.write("DELETE FROM erasure_requests WHERE whom = $1", &[whom.into()]).await?;
        Ok(())
    }

    async fn erase_letters(&self, whom: &[u8; 16], letters: &[i64], by: &Actor) -> Result<u64> {
        let mut tx = self.begin().await?;
        let now = tx.now().await?;
        let mut rows = Vec::with_capacity(letters.len());
        for letter in letters {
            let sql = "SELECT id, fingerprint FROM dead_letters WHERE id = $1 AND length(raw) > 0";
            rows.extend(tx.fetch_optional(sql, &[(*letter).into()]).await?);
        }
        locks::events(&mut tx, &rows.iter().map(letter_event).collect::<Result<Vec<_>>>()?).await?;
        let emptied = empty_letters(&mut tx, &rows, now).await?;
        let mut begun = begun(&mut tx, whom).await?.unwrap_or_default();
        begun.letters += emptied;
        if emptied > 0 {
            note(&mut tx, whom, &begun).await?;
            audit(&mut tx, AuditEntry::new(by, Action::EraseLetters).times(emptied)).await?;
        }
        tx.commit().await?;
        Ok(begun.letters)
    }

    async fn clear_files(&self) -> Result<Cleared> {
        Sql::clear_files(self).await
    }

    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>> {
        let mut db = self.read().await?;
        let now = db.now().await?;
        let (before, day_before) = (earlier(now, age), earlier(now, age.saturating_add(A_DAY)));
        let cells = [before.into(), day_before.into(), SqlValue::limit(limit)];
        db.fetch_all(S::PAST_ORDERS, &cells).await?.iter().map(Row::order_id).collect()
    }

    async fn files_due(&self, limit: usize) -> Result<Vec<(TicketId, Vec<String>)>> {
        let mut db = self.read().await?;
        let cells = [db.now().await?.into(), SqlValue::limit(limit)];
        db.fetch_all(FILES_DUE, &cells).await?.iter().map(files_from).collect()
    }

    async fn files_tried(&self, tried: &[(TicketId, bool)], late: Duration, retry: Duration) -> Result<()> {
        let removed: HashSet<_> = tried.iter().filter(|(_, removed)| *removed).map(|(id, _)| *id).collect();
        let mut tx = self.begin().await?;
        let now = tx.now().await?;
        let ids = SqlValue::tickets(tried.iter().map(|(id, _)| *id));
        let sql = "SELECT 1 FROM erased_files WHERE ticket_id @any($1) ORDER BY ticket_id @lock";
        tx.execute(sql, std::slice::from_ref(&ids)).await?;
        let (mut finished, mut again) = (Vec::new(), Vec::new());
        let sql = "SELECT id, erased_at FROM tickets WHERE id @any($1) AND erased_at IS NOT NULL";
        for row in tx.fetch_all(sql, &[ids]).await? {
            let id = need("id", row.ticket_id("id")?)?;
            let age = now.duration_since(need("erased_at", row.time("erased_at")?)?).unsigned_abs();
            let wait = match removed.contains(&id) {
                true if age >= late => {
                    finished.push(id);
                    continue;
                }
                true => age.max(AGAIN),
                false => retry,
            };
            again.push(json!({ "id": id.0, "due": rfc3339(later(now, wait)) }));
        }
        if !finished.is_empty() {
            let sql = "DELETE FROM erased_files WHERE ticket_id @any($1)";
            tx.execute(sql, &[SqlValue::tickets(finished)]).await?;
        }
        if !again.is_empty() {
            let sql = "UPDATE erased_files SET due_at = n.due FROM @records(id uuid, due timestamptz) \
                       WHERE erased_files.ticket_id = n.id";
            tx.execute(sql, &[serde_json::Value::from(again).to_string().into()]).await?;
        }
        tx.commit().await
    }
}

/// An erasure by address that is not finished.
async fn begun(db: &mut impl Db, whom: &[u8; 16]) -> Result<Option<BegunErasure>> {
    let sql = "SELECT orders, letters FROM erasure_requests WHERE whom = $1 @lock";
    let Some(row) = db.fetch_optional(sql, &[whom.into()]).await? else { return Ok(None) };
    let orders = need("orders", row.text("orders")?)?;
    let orders = serde_json::from_str(&orders).map_err(|e| odd("orders", e))?;
    Ok(Some(BegunErasure { orders, letters: row.number("letters")? }))
}

async fn note(db: &mut impl Db, whom: &[u8; 16], begun: &BegunErasure) -> Result<()> {
    let sql = "INSERT INTO erasure_requests (whom, orders, letters, begun_at) VALUES ($1, $2, $3, @now) \
               ON CONFLICT (whom) DO UPDATE SET orders = excluded.orders, letters = excluded.letters";
    let orders = serde_json::to_string(&begun.orders).map_err(unavailable)?;
    let letters = i64::try_from(begun.letters).unwrap_or(i64::MAX);
    db.execute(sql, &[whom.into(), orders.into(), letters.into()]).await?;
    Ok(())
}

/// Removes personal data from events, and ends undelivered events about a ticket. The rows are locked.
async fn rewrite_events(db: &mut impl Db, ids: Vec<Uuid>) -> Result<u64> {
    let ids = [SqlValue::Uuids(ids)];
    let sql = "UPDATE outbox_delivery SET state = 'suppressed', lent = FALSE, \
               reason = 'its personal data was erased', updated_at = @now \
               WHERE state IN ('pending', 'parked') AND outbox_id IN (SELECT id FROM outbox \
               WHERE event_id @any($1) AND kind IN ('ticket-issued', 'ticket-reissued'))";
    db.execute(sql, &ids).await?;
    // What they held back is due.
    let sql = "UPDATE outbox_delivery SET due_at = @now WHERE state = 'pending' AND lent = FALSE AND due_at > @now \
               AND outbox_id IN (SELECT id FROM outbox WHERE event_id @any($1)) AND NOT EXISTS \
               (SELECT 1 FROM outbox_delivery e WHERE e.destination = outbox_delivery.destination \
               AND e.ticket_id = outbox_delivery.ticket_id AND e.state = 'pending' \
               AND e.sequence < outbox_delivery.sequence)";
    db.execute(sql, &ids).await?;
    let mut rewritten = 0;
    let sql = "SELECT id, value FROM outbox WHERE event_id @any($1) ORDER BY id";
    for row in db.fetch_all(sql, &ids).await? {
        let value = need("value", row.bytes("value")?)?;
        let left = without_person(&value).map_err(|e| StoreError::Refused(e.into()))?;
        if left != value {
            let id: i64 = row.number("id")?;
            db.execute("UPDATE outbox SET value = $2 WHERE id = $1", &[id.into(), (&left).into()]).await?;
            rewritten += 1;
        }
    }
    Ok(rewritten)
}
