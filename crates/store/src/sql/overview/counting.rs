//! Counts the tickets and check-ins of events in the background, in queries that each read a bounded part.

use std::time::{Duration, Instant};

use fulfillment_domain::TicketId;
use jiff::{SignedDuration, Timestamp};

use crate::decide::event_records::{event_record_columns, event_record_from};
use crate::decide::later;
use crate::decide::sql_values::{Row, SqlValue};
use crate::sql::rows::event_records::complete;
use crate::sql::{Db, Sql, Transaction as _};
use crate::{EventTotals, Result, StoreError};

/// Tickets, or check-ins, read by one query.
const PART: i64 = 10_000;
/// The time between two counts of an event whose figures change, and the longest while they do not.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(600);
/// The time between two counts of an event that is over.
const WHEN_OVER: Duration = Duration::from_hours(24);
/// A count takes at most this part of the time: one of five million tickets is not repeated every minute.
const SHARE: u32 = 50;
/// How long after its end an event is still of interest.
const AFTER_EVENT: SignedDuration = SignedDuration::from_hours(24);

/// What the doors of an event have counted since a check-in.
pub(super) struct DoorTotals {
    pub(super) checked_in: u64,
    pub(super) conflicts: u64,
    since: Option<Timestamp>,
    seen: i64,
}

/// What was counted before.
struct Before {
    number: u32,
    totals: EventTotals,
    conflicts_since: Option<Timestamp>,
    seen: i64,
    pause: Duration,
    is_first: bool,
}

/// Reads the totals of a row of `event_counts`.
pub(super) fn totals_from(row: &impl Row) -> Result<EventTotals> {
    Ok(EventTotals {
        sold: row.number("sold")?,
        issued: row.number("issued")?,
        voided: row.number("voided")?,
        delivered: row.number("delivered")?,
        downloaded: row.number("downloaded")?,
        checked_in: row.number("checked_in")?,
        conflicts: row.number("conflicts")?,
    })
}

pub(super) async fn count_next<S: Sql>(store: &S, lease: Duration) -> Result<bool> {
    add_events(store).await?;
    let Some(before) = claim(store, lease).await? else { return Ok(false) };
    let began = Instant::now();
    let mut db = store.read().await?;
    let tickets = tickets_of(&mut db, before.number).await?;
    let doors = check_ins_of(&mut db, before.number, before.seen).await?;
    let totals = EventTotals {
        checked_in: before.totals.checked_in + doors.checked_in,
        conflicts: before.totals.conflicts + doors.conflicts,
        ..tickets
    };
    let over_at = over_at(&mut db, before.number).await?;
    let now = db.now().await?;
    drop(db);
    let is_over = over_at.is_some_and(|at| at <= now);
    let pause = if is_over {
        WHEN_OVER
    } else if before.is_first || totals != before.totals {
        SHORTEST
    } else {
        (before.pause * 2).clamp(SHORTEST, LONGEST)
    };
    let due = later(now, pause.max(began.elapsed() * SHARE));
    let number = |n: u64| SqlValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let cells = [
        before.number.into(),
        due.into(),
        number(pause.as_secs()),
        over_at.into(),
        now.into(),
        number(totals.sold),
        number(totals.issued),
        number(totals.voided),
        number(totals.delivered),
        number(totals.downloaded),
        number(totals.checked_in),
        number(totals.conflicts),
        before.conflicts_since.or(doors.since).into(),
        doors.seen.into(),
        before.seen.into(),
    ];
    // Check-ins are added up: a process whose lease ended must not add the same ones again.
    let sql = "UPDATE event_counts SET due_at = $2, pause = $3, over_at = $4, counted_at = $5, sold = $6, issued = $7, \
               voided = $8, delivered = $9, downloaded = $10, checked_in = $11, conflicts = $12, \
               conflicts_since = $13, seen = $14 WHERE event_number = $1 AND seen = $15";
    store.write(sql, &cells).await?;
    Ok(true)
}

/// Adds the events that were sold since. Numbers are given one after the other.
async fn add_events<S: Sql>(store: &S) -> Result<()> {
    // Mostly there is none: looking writes nothing.
    let new = "SELECT 1 FROM events WHERE number > (SELECT coalesce(max(event_number), 0) FROM event_counts) LIMIT 1";
    if store.read().await?.exists(new, &[]).await? {
        let sql = "INSERT INTO event_counts (event_number, due_at) SELECT number, @now FROM events \
                   WHERE number > (SELECT coalesce(max(event_number), 0) FROM event_counts) ON CONFLICT DO NOTHING";
        store.write(sql, &[]).await?;
    }
    Ok(())
}

async fn claim<S: Sql>(store: &S, lease: Duration) -> Result<Option<Before>> {
    let due = "SELECT 1 FROM event_counts WHERE due_at <= @now LIMIT 1";
    if !store.read().await?.exists(due, &[]).await? {
        return Ok(None);
    }
    let mut tx = store.begin().await?;
    let until = later(tx.now().await?, lease);
    // The condition is there twice: after waiting for a concurrent claim, only the outer one is looked at again.
    let sql = "UPDATE event_counts SET due_at = $1 WHERE due_at <= @now AND event_number = (SELECT event_number \
               FROM event_counts WHERE due_at <= @now ORDER BY due_at LIMIT 1) RETURNING event_number, sold, issued, \
               voided, delivered, downloaded, checked_in, conflicts, conflicts_since, seen, pause, counted_at";
    let row = tx.fetch_optional(sql, &[until.into()]).await?;
    let claimed = row.map(|row| {
        Ok::<_, StoreError>(Before {
            number: row.number("event_number")?,
            totals: totals_from(&row)?,
            conflicts_since: row.time("conflicts_since")?,
            seen: row.number("seen")?,
            pause: Duration::from_secs(row.number("pause")?),
            is_first: row.time("counted_at")?.is_none(),
        })
    });
    let claimed = claimed.transpose()?;
    tx.commit().await?;
    Ok(claimed)
}

/// From when an event is no longer of interest; none while it has no date.
async fn over_at(db: &mut impl Db, number: u32) -> Result<Option<Timestamp>> {
    let sql = concat!("SELECT ", event_record_columns!(), " FROM events WHERE number = $1");
    let Some(row) = db.fetch_optional(sql, &[number.into()]).await? else { return Ok(None) };
    let mut record = event_record_from(&row)?;
    complete(db, &mut record).await?;
    let details = record.in_force();
    // Of a day without an hour noon is recorded.
    let end = details.ends_at.max(details.starts_at);
    Ok(end.map(|end| end.checked_add(AFTER_EVENT).unwrap_or(Timestamp::MAX)))
}

/// Counts the tickets of an event.
pub(super) async fn tickets_of(db: &mut impl Db, number: u32) -> Result<EventTotals> {
    let (mut totals, mut after) = (EventTotals::default(), None::<TicketId>);
    loop {
        // By an index alone: where this part ends.
        let end = "SELECT id FROM tickets WHERE event_number = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3";
        let begin = after.unwrap_or(TicketId(uuid::Uuid::nil()));
        let end = db.fetch_optional(end, &[number.into(), begin.into(), PART.into()]).await?;
        let end = end.map(|row| row.ticket_id("id")).transpose()?.flatten();
        let sql = "SELECT count(*) AS sold, count(CASE WHEN status IN ('Generated', 'Delivered') THEN 1 END) AS issued, \
                   count(voided_at) AS voided, count(delivered_at) AS delivered, \
                   count(first_downloaded_at) AS downloaded FROM tickets \
                   WHERE event_number = $1 AND id > $2 AND id <= $3";
        let last = end.unwrap_or(TicketId(uuid::Uuid::max()));
        let row = db.fetch_one(sql, &[number.into(), begin.into(), last.into()]).await?;
        totals.sold += row.number::<u64>("sold")?;
        totals.issued += row.number::<u64>("issued")?;
        totals.voided += row.number::<u64>("voided")?;
        totals.delivered += row.number::<u64>("delivered")?;
        totals.downloaded += row.number::<u64>("downloaded")?;
        if end.is_none() {
            return Ok(totals);
        }
        after = end;
    }
}

/// Counts the check-ins of an event after one. A ticket is counted with its first entry.
pub(super) async fn check_ins_of(db: &mut impl Db, number: u32, after: i64) -> Result<DoorTotals> {
    let mut totals = DoorTotals { checked_in: 0, conflicts: 0, since: None, seen: after };
    let sql = "SELECT sequence FROM doors WHERE event_number = $1";
    let door = db.fetch_optional(sql, &[number.into()]).await?;
    let last = door.map(|row| row.number::<i64>("sequence")).transpose()?.unwrap_or_default();
    while totals.seen < last {
        let end = (totals.seen + PART).min(last);
        let sql = "SELECT count(CASE WHEN c.counts = 1 AND c.direction = 'entry' AND c.subject IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM check_ins f WHERE f.event_number = c.event_number \
                   AND f.subject = c.subject AND f.counts = 1 AND f.direction = 'entry' AND f.sequence < c.sequence) \
                   THEN 1 END) AS admitted, count(c.conflict) AS conflicts, \
                   min(CASE WHEN c.conflict IS NOT NULL THEN c.received_at END) AS since \
                   FROM check_ins c WHERE c.event_number = $1 AND c.sequence > $2 AND c.sequence <= $3";
        let row = db.fetch_one(sql, &[number.into(), totals.seen.into(), end.into()]).await?;
        totals.checked_in += row.number::<u64>("admitted")?;
        totals.conflicts += row.number::<u64>("conflicts")?;
        totals.since = totals.since.or(row.time("since")?);
        totals.seen = end;
    }
    Ok(totals)
}
