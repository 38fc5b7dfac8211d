//! The record of events: locked, noted, written.

use std::collections::BTreeMap;

use fulfillment_domain::event_record::event_updated;
use fulfillment_domain::{EventDetails, EventRecord};

use crate::decide::event_records::{
    OF_A_TICKET, details_of_ticket, event_record_columns, event_record_from, is_newer, news, stored,
};
use crate::decide::sql_values::{Row as _, SqlValue, clean, storable};
use crate::door_devices::end_of;
use crate::events::Said;
use crate::sql::{Batches, Db};
use crate::{Announcing, Result, StoreError};

/// The records of these events under their locks; none for an event without a number.
pub(crate) async fn locked<'a>(
    db: &mut impl Db,
    events: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<EventRecord>> {
    let sql = concat!(
        "SELECT ",
        event_record_columns!(),
        " FROM events WHERE event_id @any($1) ORDER BY event_id @bytewise @lock"
    );
    let rows = db.fetch_all(sql, &[SqlValue::texts(events)]).await?;
    let mut records = rows.iter().map(event_record_from).collect::<Result<Vec<_>>>()?;
    for record in &mut records {
        complete(db, record).await?;
    }
    Ok(records)
}

/// Where no answer is on record, the details of a ticket are what Ordering said.
pub(crate) async fn complete(db: &mut impl Db, record: &mut EventRecord) -> Result<()> {
    if record.said.is_some() {
        return Ok(());
    }
    let ticket = db.fetch_optional(OF_A_TICKET, &[record.number.into()]).await?;
    if let Some((details, at)) = ticket.as_ref().map(details_of_ticket).transpose()? {
        (record.said, record.said_at) = (Some(details), Some(at));
    }
    Ok(())
}

/// Notes what Ordering said, as [`news`] found it, unless a newer answer was noted
/// meanwhile.
pub(crate) async fn note(db: &mut impl Batches, news: &BTreeMap<String, &Said>) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let now = db.now().await?;
    for mut record in locked(db, news.keys().map(String::as_str)).await? {
        let Some(said) = news.get(&record.id) else { continue };
        // The time of a ticket that stands in is not when Ordering was asked.
        let first = record.head_version == 0;
        if !first && !is_newer(storable(said.asked_at), record.said_at, now) {
            continue;
        }
        let before = record.in_force();
        (record.said, record.said_at) = (Some(said.details.clone()), Some(said.asked_at));
        write(db, &mut record, &before, &said.announcing).await?;
    }
    Ok(())
}

/// Notes what one answer says, where it differs from the record.
pub(crate) async fn note_one(db: &mut impl Batches, said: &Said) -> Result<()> {
    let id = clean(&said.event_id);
    let sql = "SELECT said FROM events WHERE event_id = $1";
    let row = db.fetch_optional(sql, &[id.as_ref().into()]).await?;
    let recorded = row.map(|row| row.text("said")).transpose()?;
    let recorded = recorded.map(|recorded| (id.into_owned(), recorded)).into_iter().collect();
    note(db, &news([said], &recorded, |event| clean(event).into_owned())?).await
}

/// Writes a record that is locked. Returns whether the details in force changed; then its versions go up, and it is
/// published.
pub(crate) async fn write(
    db: &mut impl Batches,
    record: &mut EventRecord,
    before: &EventDetails,
    announcing: &Announcing,
) -> Result<bool> {
    let changed = record.in_force() != *before;
    if changed || record.head_version == 0 {
        record.feed_version += 1;
        record.head_version = record.feed_version;
    }
    let version = |version: u64| SqlValue::Int(i64::try_from(version).unwrap_or(i64::MAX));
    let sql = "UPDATE events SET said = $2, said_at = $3, set_by_operator = $4, feed_version = $5, \
               head_version = $6, set_at = $7 WHERE event_id = $1";
    let cells = [
        (&record.id).into(),
        record.said.as_ref().map(stored).transpose()?.into(),
        record.said_at.into(),
        stored(&record.overrides)?.into(),
        version(record.feed_version),
        version(record.head_version),
        record.set_at.to_stored().map_err(|e| StoreError::Refused(e.into()))?.into(),
    ];
    db.execute(sql, &cells).await?;
    if changed {
        // The devices of its doors work as long as the event.
        if let Some(end) = end_of(&record.in_force()) {
            let sql = "UPDATE door_devices SET expires_at = $2 WHERE event_number = $1";
            db.execute(sql, &[record.number.into(), end.into()]).await?;
        }
        let epoch = epoch(db).await?;
        let at = storable(db.now().await?);
        let event = event_updated(record, epoch, at, announcing.spelling, &announcing.of_updates())
            .map_err(|e| StoreError::Refused(e.into()))?;
        db.insert_events(&[event]).await?;
    }
    Ok(changed)
}

/// The store's epoch.
pub(crate) async fn epoch(db: &mut impl Db) -> Result<u64> {
    let sql = "SELECT epoch FROM installation WHERE id = 1";
    db.fetch_optional(sql, &[]).await?.map_or(Ok(1), |row| row.number("epoch"))
}
