//! Statements about check-ins.

mod facts;
mod listed;
mod writing;

use async_trait::async_trait;
use fulfillment_domain::{TicketId, zones};
use fulfillment_door::Rules;
use jiff::tz::TimeZone;

use super::rows::audit::audit;
use super::rows::event_records::{complete, epoch};
use super::rows::locks;
use super::{Db, Sql, Transaction as _};
use crate::decide::checking_in::{Door, judge_all};
use crate::decide::event_records::{event_record_columns, event_record_from, rules_from};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::{
    Action, Actor, Announcing, AuditEntry, CheckIn, CheckInOutcome, CheckIns, DoorStatus, Holder,
    Installation, NewCheckIn, Result,
};

#[async_trait]
impl<S: Sql + Installation> CheckIns for S {
    async fn check_in(
        &self,
        event: &str,
        scans: &[NewCheckIn],
        announcing: &Announcing,
    ) -> Result<Option<Vec<CheckInOutcome>>> {
        let mut tx = self.begin().await?;
        let typed: Vec<_> = scans.iter().filter(|scan| scan.override_reason.is_some()).cloned().collect();
        if !typed.is_empty() {
            // What a supervisor types about an order is not recorded beside its erasure.
            let tickets = facts::tickets(&mut tx, &typed).await?;
            locks::orders(&mut tx, tickets.iter().map(|ticket| ticket.order_id)).await?;
        }
        let Some(mut door) = locked(&mut tx, event).await? else { return Ok(None) };
        let before = door.sequence;
        let mut facts = facts::read(&mut tx, &door, scans).await?;
        let judged = judge_all(&mut door, &mut facts, scans, announcing);
        crate::step!("before-check-in-write");
        if door.sequence > before {
            writing::write(&mut tx, &door, &facts, scans, &judged).await?;
        }
        crate::step!("before-check-in-commit");
        tx.commit().await?;
        crate::step!("after-check-in-commit");
        Ok(Some(judged.outcomes))
    }

    async fn holders(&self, tickets: &[TicketId]) -> Result<Vec<Holder>> {
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, seat, coalesce(holder_name, customer_name) AS name, erased_at FROM tickets \
                   WHERE id @any($1)";
        let rows = self.read().await?.fetch_all(sql, &[SqlValue::tickets(tickets.iter().copied())]).await?;
        let holders = rows.iter().map(|row| {
            let erased = row.time("erased_at")?.is_some();
            Ok(Holder {
                ticket_id: need("id", row.ticket_id("id")?)?,
                seat: need("seat", row.text("seat")?)?,
                name: if erased { None } else { row.text("name")? },
            })
        });
        holders.collect()
    }

    async fn check_ins_after(&self, event: &str, after: u64, limit: usize) -> Result<Option<Vec<CheckIn>>> {
        listed::after(&mut self.read().await?, event, after, limit).await
    }

    async fn check_ins_of(&self, ticket: TicketId) -> Result<Vec<CheckIn>> {
        listed::of_ticket(&mut self.read().await?, ticket).await
    }

    async fn door_status(&self, event: &str) -> Result<Option<DoorStatus>> {
        listed::status(&mut self.snapshot().await?, event).await
    }

    async fn door_rules(&self, event: &str) -> Result<Option<Rules>> {
        let sql = "SELECT rules FROM events WHERE event_id = $1";
        let row = self.read().await?.fetch_optional(sql, &[event.into()]).await?;
        row.map(|row| rules_from(&row)).transpose()
    }

    async fn set_door_rules(&self, event: &str, rules: &Rules, by: &Actor) -> Result<bool> {
        self.event_number(event).await?;
        let mut tx = self.begin().await?;
        let sql = "SELECT rules FROM events WHERE event_id = $1 @lock";
        let before = rules_from(&tx.fetch_one(sql, &[event.into()]).await?)?;
        if before == *rules {
            return Ok(false);
        }
        let sql = "UPDATE events SET rules = $2, feed_version = feed_version + 1, \
                   head_version = CASE WHEN head_version > 0 THEN feed_version + 1 ELSE 0 END \
                   WHERE event_id = $1";
        tx.execute(sql, &[event.into(), rules.to_json().into()]).await?;
        audit(&mut tx, AuditEntry::new(by, Action::SetDoorRules).subject(event)).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// The door of an event, under its lock: whoever has it checks tickets in alone.
async fn locked(db: &mut impl Db, event: &str) -> Result<Option<Door>> {
    let sql = concat!("SELECT rules, ", event_record_columns!(), " FROM events WHERE event_id = $1");
    let Some(row) = db.fetch_optional(sql, &[event.into()]).await? else { return Ok(None) };
    let rules = rules_from(&row)?;
    let mut record = event_record_from(&row)?;
    complete(db, &mut record).await?;
    let number = record.number;
    let sequence = "SELECT sequence FROM doors WHERE event_number = $1 @lock";
    let row = if let Some(row) = db.fetch_optional(sequence, &[number.into()]).await? {
        row
    } else {
        let sql = "INSERT INTO doors (event_number, sequence) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        db.execute(sql, &[number.into()]).await?;
        db.fetch_one(sequence, &[number.into()]).await?
    };
    let zone = record.in_force().time_zone.as_deref().and_then(zones::named);
    Ok(Some(Door {
        event_id: record.id,
        event: number,
        rules,
        zone: zone.unwrap_or(TimeZone::UTC),
        feed_version: record.feed_version,
        epoch: epoch(db).await?,
        sequence: row.number("sequence")?,
        now: db.now().await?,
    }))
}
