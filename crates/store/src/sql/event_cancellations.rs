//! Statements about voiding all tickets of a cancelled event.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use uuid::Uuid;

use super::rows::audit::audit;
use super::settling::{Settling, apply, facts_of_all};
use super::{Db, Sql, Transaction as _};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::decide::unsaid::UNSAID;
use crate::decide::withdrawing::Effects;
use crate::{Action, Actor, Announcing, AuditEntry, EventCancellation, EventCancellations, Result};

/// Before every ticket.
const START: TicketId = TicketId(Uuid::nil());

/// The columns of a job.
macro_rules! columns {
    () => {
        "event_id, reason, who, requested_at, total, done, after_ticket, finished_at"
    };
}

fn job_from(row: &impl Row) -> Result<EventCancellation> {
    Ok(EventCancellation {
        event_id: need("event_id", row.text("event_id")?)?,
        reason: need("reason", row.text("reason")?)?,
        who: need("who", row.text("who")?)?,
        requested_at: need("requested_at", row.time("requested_at")?)?,
        total: row.number("total")?,
        done: row.number("done")?,
        finished_at: row.time("finished_at")?,
        after: need("after_ticket", row.ticket_id("after_ticket")?)?,
    })
}

fn number<'a>(number: u64) -> SqlValue<'a> {
    SqlValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[async_trait]
impl<S: Sql> EventCancellations for S {
    async fn cancel_event(&self, event: &str, reason: &str, by: &Actor) -> Result<Option<EventCancellation>> {
        let mut tx = self.begin().await?;
        let sql = "SELECT number FROM events WHERE event_id = $1";
        let Some(row) = tx.fetch_optional(sql, &[event.into()]).await? else { return Ok(None) };
        let sql = "SELECT count(*) AS live FROM tickets WHERE event_number = $1 AND voided_at IS NULL";
        let live: u64 = tx.fetch_one(sql, &[row.number::<u32>("number")?.into()]).await?.number("live")?;
        let sql = "DELETE FROM event_cancellations WHERE event_id = $1 AND finished_at IS NOT NULL";
        tx.execute(sql, &[event.into()]).await?;
        let sql = "INSERT INTO event_cancellations (event_id, reason, who, requested_at, total, after_ticket) \
                   VALUES ($1, $2, $3, @now, $4, $5) ON CONFLICT DO NOTHING";
        let cells = [event.into(), reason.into(), by.name().into(), number(live), START.into()];
        if tx.execute(sql, &cells).await? > 0 {
            audit(&mut tx, AuditEntry::new(by, Action::CancelEvent).subject(event).times(live)).await?;
        }
        let sql = concat!("SELECT ", columns!(), " FROM event_cancellations WHERE event_id = $1");
        let job = job_from(&tx.fetch_one(sql, &[event.into()]).await?)?;
        tx.commit().await?;
        Ok(Some(job))
    }

    async fn event_cancellations(&self) -> Result<Vec<EventCancellation>> {
        let sql = concat!("SELECT ", columns!(), " FROM event_cancellations ORDER BY requested_at, event_id");
        self.read().await?.fetch_all(sql, &[]).await?.iter().map(job_from).collect()
    }

    async fn void_next_of_event(
        &self,
        event: Option<&str>,
        limit: usize,
        announcing: &Announcing,
    ) -> Result<Option<EventCancellation>> {
        let which = event.unwrap_or_default();
        // Mostly there is none: looking takes no lock.
        let sql =
            "SELECT 1 FROM event_cancellations WHERE finished_at IS NULL AND ($1 = '' OR event_id = $1)";
        if !self.read().await?.exists(sql, &[which.into()]).await? {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM event_cancellations WHERE finished_at IS NULL AND ($1 = '' OR event_id = $1) \
             ORDER BY requested_at, event_id LIMIT 1 @lock"
        );
        let Some(row) = tx.fetch_optional(sql, &[which.into()]).await? else { return Ok(None) };
        let mut job = job_from(&row)?;
        let next = next(&mut tx, &job, limit).await?;
        let work = Settling { rules: self.refunds(), announcing, has_seats: false, noted: &[] };
        job.done += void(&mut tx, &job, &next, work).await?;
        match next.last() {
            Some((last, _)) => job.after = *last,
            None if job.after == START => job.finished_at = Some(tx.now().await?),
            None => job.after = START,
        }
        let sql = "UPDATE event_cancellations SET done = $2, after_ticket = $3, finished_at = $4 WHERE event_id = $1";
        let cells = [(&job.event_id).into(), number(job.done), job.after.into(), job.finished_at.into()];
        tx.execute(sql, &cells).await?;
        crate::step!("before-event-cancellation-commit");
        tx.commit().await?;
        Ok(Some(job))
    }
}

/// The next live tickets of the event, with their orders.
async fn next(db: &mut impl Db, job: &EventCancellation, limit: usize) -> Result<Vec<(TicketId, OrderId)>> {
    let sql = "SELECT id, order_id FROM tickets WHERE event_number = (SELECT number FROM events WHERE event_id = $1) \
               AND id > $2 AND voided_at IS NULL ORDER BY id LIMIT $3";
    let cells = [(&job.event_id).into(), job.after.into(), SqlValue::limit(limit)];
    let rows = db.fetch_all(sql, &cells).await?;
    rows.iter().map(|row| Ok((need("id", row.ticket_id("id")?)?, row.order_id()?))).collect()
}

/// Voids those of the tickets that are still live under their orders' locks; returns how many these were.
async fn void(
    db: &mut impl super::Batches,
    job: &EventCancellation,
    tickets: &[(TicketId, OrderId)],
    work: Settling<'_>,
) -> Result<u64> {
    let orders: BTreeSet<_> = tickets.iter().map(|(_, order)| *order).collect();
    let sql = "SELECT order_id, erased_at FROM orders WHERE order_id @any($1) ORDER BY order_id @lock";
    let mut reasons = BTreeMap::new();
    for row in db.fetch_all(sql, &[SqlValue::orders(orders.iter().copied())]).await? {
        let reason = if row.time("erased_at")?.is_some() { UNSAID } else { job.reason.as_str() };
        reasons.insert(row.order_id()?, reason);
    }
    let wanted: HashSet<_> = tickets.iter().map(|(ticket, _)| *ticket).collect();
    let (mut settled, mut voided) = (Vec::new(), 0);
    for facts in facts_of_all(db, &orders, work.rules).await? {
        let live = facts.tickets.iter().filter(|ticket| !ticket.is_void && wanted.contains(&ticket.id));
        let live: Vec<_> = live.map(|ticket| ticket.id).collect();
        voided += live.len() as u64;
        let reason = reasons.get(&facts.order_id).copied().unwrap_or(UNSAID);
        let effects = Effects::void_of(&facts, &live, reason);
        settled.push((facts, effects));
    }
    apply(db, &settled, &job.who, work).await?;
    Ok(voided)
}
