//! Statements that remove personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::event::{ids_of, without_person};
use fulfillment_domain::{OrderId, Ticket, TicketId};
use uuid::Uuid;

use super::rows::locks;
use super::rows::orders::lock;
use super::rows::personal::{empty_letters, letters_of};
use super::rows::seats::owned;
use super::settling::{Settling, apply, facts_of};
use super::{Db, Sql, Transaction as _};
use crate::decide::earlier;
use crate::decide::erasing::{self, files_from, letter_event, quoted};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::{Announcing, Erased, Erasures, Result, StoreError};

const ORDERS_OF: &str = "SELECT order_id FROM tickets WHERE lower($2) IN (lower(customer_email), lower(holder_email)) \
     UNION SELECT t.order_id FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id WHERE @intext(r.record) \
     UNION SELECT t.order_id FROM ticket_drafts d JOIN tickets t ON t.id = d.ticket_id WHERE @intext(d.draft) \
     UNION SELECT order_id FROM orders WHERE @inbytes(snapshot) OR @inbytes(refused_answer) \
     UNION SELECT order_id FROM inbox WHERE pruned_at IS NULL AND @inbytes(raw) \
     UNION SELECT order_id FROM dead_letters WHERE order_id IN (SELECT order_id FROM orders) AND @inbytes(raw)";

/// The extra time for a day without hours.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl<S: Sql> Erasures for S {
    async fn orders_of(&self, email: &str) -> Result<Vec<OrderId>> {
        let mut tx = self.snapshot().await?;
        tx.without_limit().await?;
        let rows = tx.fetch_all(ORDERS_OF, &[quoted(email).into(), email.into()]).await?;
        tx.commit().await?;
        let mut orders = rows.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
        orders.sort_unstable();
        Ok(orders)
    }

    async fn erase(&self, order: OrderId) -> Result<Option<Erased>> {
        let mut tx = self.begin().await?;
        tx.without_limit().await?;
        let Some(now) = lock(&mut tx, order).await? else { return Ok(None) };
        tx.execute(erasing::ORDER, &[order.into(), now.into()]).await?;
        let Some(before) = facts_of(&mut tx, order, self.refunds()).await? else { return Ok(None) };
        let effects = erasing::effects(&before);
        locks::payments_of(&mut tx, [order]).await?;
        locks::withdrawals_of(&mut tx, [order]).await?;
        let voided = |t: &&Ticket| effects.voided.iter().any(|(id, _)| *id == t.id);
        owned(&mut tx, before.tickets.iter().filter(voided), true).await?;
        locks::tickets_of(&mut tx, [order]).await?;
        let mut ids: Vec<_> = before.tickets.iter().flat_map(ids_of).collect();
        let announcing = &Announcing::default();
        let work = Settling { rules: self.refunds(), announcing, has_seats: true };
        apply(&mut tx, &[(before, effects)], "operator", work).await?;
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
        tx.commit().await?;
        self.forget_erased().await;
        let tickets = rows.iter().map(files_from).collect::<Result<Vec<_>>>()?;
        let (tickets, files): (Vec<_>, Vec<_>) = tickets.into_iter().unzip();
        let erased_at = need("erased_at", row.time("erased_at")?)?;
        let files = files.concat();
        Ok(Some(Erased { order_id: order, erased_at, tickets, files, messages, letters, events }))
    }

    async fn erase_letters(&self, email: &str) -> Result<u64> {
        let mut tx = self.begin().await?;
        tx.without_limit().await?;
        let now = tx.now().await?;
        let sql =
            "SELECT id, fingerprint FROM dead_letters WHERE length(raw) > 0 AND @inbytes(raw) ORDER BY id";
        let rows = tx.fetch_all(sql, &[quoted(email).into()]).await?;
        locks::events(&mut tx, &rows.iter().map(letter_event).collect::<Result<Vec<_>>>()?).await?;
        let emptied = empty_letters(&mut tx, &rows, now).await?;
        tx.commit().await?;
        self.forget_erased().await;
        Ok(emptied)
    }

    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>> {
        let mut db = self.read().await?;
        let now = db.now().await?;
        let (before, day_before) = (earlier(now, age), earlier(now, age.saturating_add(A_DAY)));
        let cells = [before.into(), day_before.into(), SqlValue::limit(limit)];
        db.fetch_all(S::PAST_ORDERS, &cells).await?.iter().map(Row::order_id).collect()
    }

    async fn files_of_erased(
        &self,
        age: Duration,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<(TicketId, Vec<String>)>> {
        // The few erased tickets are selected first: in the key's order all tickets would be read.
        macro_rules! erased {
            ($which:literal) => {
                concat!(
                    "WITH erased AS MATERIALIZED (SELECT id, ticket_pdf_path, \
                     @greatest(reserved_generation, generation) AS generations FROM tickets WHERE erased_at > $1) \
                     SELECT * FROM erased",
                    $which,
                    " ORDER BY id LIMIT $2"
                )
            };
        }
        let mut db = self.read().await?;
        let mut cells = vec![earlier(db.now().await?, age).into(), SqlValue::limit(limit)];
        cells.extend(after.map(SqlValue::from));
        let sql = if after.is_some() { erased!(" WHERE id > $3") } else { erased!("") };
        db.fetch_all(sql, &cells).await?.iter().map(files_from).collect()
    }
}

/// Removes personal data from events, and ends undelivered events about a ticket. The rows are locked.
async fn rewrite_events(db: &mut impl Db, ids: Vec<Uuid>) -> Result<u64> {
    let ids = [SqlValue::Uuids(ids)];
    let sql = "UPDATE outbox_delivery SET state = 'suppressed', lent = FALSE, \
               reason = 'its personal data was erased', updated_at = @now \
               WHERE state IN ('pending', 'parked') AND outbox_id IN (SELECT id FROM outbox \
               WHERE event_id @any($1) AND kind IN ('ticket-issued', 'ticket-reissued'))";
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
