//! Statements about the record of events.

use std::collections::HashMap;

use async_trait::async_trait;
use fulfillment_domain::event_record::Moment;
use fulfillment_domain::{EventPatch, EventRecord, Unreadable};

use super::rows::audit::audit;
use super::rows::event_records::{complete, locked, write};
use super::{Db, Sql, Transaction as _};
use crate::decide::event_records::{event_record_columns, event_record_from, unknown_event};
use crate::decide::sql_values::{Row as _, SqlValue};
use crate::events::{EventOnRecord, Events, SetEvent};
use crate::{Action, Actor, Announcing, AuditEntry, Installation, Result};

#[async_trait]
impl<S: Sql + Installation> Events for S {
    async fn event(&self, id: &str) -> Result<Option<EventOnRecord>> {
        let mut db = self.snapshot().await?;
        let found = by_id(&mut db, id).await?;
        Ok(counted(&mut db, found.into_iter().collect()).await?.pop())
    }

    async fn events(&self, after: u32, limit: usize) -> Result<Vec<EventOnRecord>> {
        let mut db = self.snapshot().await?;
        let sql = concat!(
            "SELECT ",
            event_record_columns!(),
            " FROM events WHERE number > $1 ORDER BY number LIMIT $2"
        );
        let rows = db.fetch_all(sql, &[after.into(), SqlValue::limit(limit)]).await?;
        let mut records = rows.iter().map(event_record_from).collect::<Result<Vec<_>>>()?;
        for record in &mut records {
            complete(&mut db, record).await?;
        }
        counted(&mut db, records).await
    }

    async fn set_event(
        &self,
        id: &str,
        patch: &EventPatch,
        announcing: &Announcing,
        by: &Actor,
    ) -> Result<SetEvent> {
        // What would be refused creates nothing.
        let known = by_id(&mut self.read().await?, id).await?;
        let mut wanted = known.unwrap_or_else(|| unknown_event(id));
        if let Err(refused) = patched(&mut wanted, patch) {
            return Ok(SetEvent::Refused(refused));
        }
        self.event_number(id).await?;
        let mut tx = self.begin().await?;
        let mut record = locked(&mut tx, [id]).await?.pop().unwrap_or_else(|| unknown_event(id));
        let (before, overrides) = (record.in_force(), record.overrides.clone());
        if let Err(refused) = patched(&mut record, patch) {
            return Ok(SetEvent::Refused(refused));
        }
        let is_first = record.head_version == 0;
        if record.overrides == overrides && !is_first {
            return Ok(SetEvent::Set(Box::new(record), false));
        }
        patch.mark(Moment::by_operator(tx.now().await?), &mut record.set_at);
        let changed = write(&mut tx, &mut record, &before, announcing).await?;
        if record.overrides != overrides || is_first {
            audit(&mut tx, AuditEntry::new(by, Action::SetEvent).subject(id)).await?;
        }
        tx.commit().await?;
        Ok(SetEvent::Set(Box::new(record), changed))
    }
}

/// Makes the changes, unless a time that they change contradicts another one.
fn patched(record: &mut EventRecord, patch: &EventPatch) -> std::result::Result<(), Unreadable> {
    patch.apply(&mut record.overrides);
    if patch.changes_times() { record.check_times() } else { Ok(()) }
}

async fn by_id(db: &mut impl Db, id: &str) -> Result<Option<EventRecord>> {
    let sql = concat!("SELECT ", event_record_columns!(), " FROM events WHERE event_id = $1");
    let Some(row) = db.fetch_optional(sql, &[id.into()]).await? else { return Ok(None) };
    let mut record = event_record_from(&row)?;
    complete(db, &mut record).await?;
    Ok(Some(record))
}

/// Events that follow each other by number, with their tickets.
async fn counted(db: &mut impl Db, records: Vec<EventRecord>) -> Result<Vec<EventOnRecord>> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Vec::new()) };
    let sql = "SELECT event_number, count(*) AS issued, count(voided_at) AS voided FROM tickets \
               WHERE event_number BETWEEN $1 AND $2 GROUP BY event_number";
    let mut counts = HashMap::new();
    for row in db.fetch_all(sql, &[first.number.into(), last.number.into()]).await? {
        let count: (u64, u64) = (row.number("issued")?, row.number("voided")?);
        counts.insert(row.number::<u32>("event_number")?, count);
    }
    let with_count = |record: EventRecord| {
        let (issued, voided) = counts.get(&record.number).copied().unwrap_or_default();
        EventOnRecord { record, issued, voided }
    };
    Ok(records.into_iter().map(with_count).collect())
}
