//! Reads check-ins back, and counts them.

use fulfillment_domain::TicketId;
use fulfillment_door::Verdict;
use jiff::Timestamp;

use crate::decide::checking_in::{Moved, Place};
use crate::decide::sql_values::{Row, SqlValue, need, odd};
use crate::sql::Db;
use crate::{CheckIn, DoorCount, DoorStatus, Result};

/// The columns of a check-in.
macro_rules! CONTENT {
    () => {
        "content, override_reason"
    };
}
pub(super) use CONTENT;

/// Reads them.
pub(super) fn check_in_from(row: &impl Row) -> Result<CheckIn> {
    let content = need("content", row.text("content")?)?;
    let mut check_in: CheckIn = serde_json::from_str(&content).map_err(|error| odd("content", error))?;
    check_in.override_reason = row.text("override_reason")?;
    Ok(check_in)
}

/// Reads a row of `door_counts`.
pub(super) fn counted_from(row: &impl Row) -> Result<(Place, Moved)> {
    let text = |column| need(column, row.text(column)?);
    let place = Place { day: text("day")?, gate: text("gate")?, area: text("area")? };
    Ok((place, Moved { entries: row.number("entries")?, exits: row.number("exits")? }))
}

async fn number_of(db: &mut impl Db, event: &str) -> Result<Option<u32>> {
    let row = db.fetch_optional("SELECT number FROM events WHERE event_id = $1", &[event.into()]).await?;
    row.map(|row| row.number("number")).transpose()
}

pub(super) async fn after(
    db: &mut impl Db,
    event: &str,
    after: u64,
    limit: usize,
) -> Result<Option<Vec<CheckIn>>> {
    let Some(number) = number_of(db, event).await? else { return Ok(None) };
    let sql = concat!(
        "SELECT ",
        CONTENT!(),
        " FROM check_ins WHERE event_number = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
    );
    let after = SqlValue::Int(i64::try_from(after).unwrap_or(i64::MAX));
    let rows = db.fetch_all(sql, &[number.into(), after, SqlValue::limit(limit)]).await?;
    rows.iter().map(check_in_from).collect::<Result<_>>().map(Some)
}

pub(super) async fn of_ticket(db: &mut impl Db, ticket: TicketId) -> Result<Vec<CheckIn>> {
    let sql = concat!(
        "SELECT ",
        CONTENT!(),
        " FROM check_ins WHERE ticket_id = $1 ORDER BY event_number, sequence"
    );
    db.fetch_all(sql, &[ticket.into()]).await?.iter().map(check_in_from).collect()
}

pub(super) async fn status(db: &mut impl Db, event: &str) -> Result<Option<DoorStatus>> {
    let Some(number) = number_of(db, event).await? else { return Ok(None) };
    let one = [number.into()];
    let sql = "SELECT count(*) AS sold FROM tickets WHERE event_number = $1 AND voided_at IS NULL";
    let sold = db.fetch_one(sql, &one).await?.number("sold")?;
    let sql = "SELECT count(DISTINCT subject) AS admitted FROM check_ins \
               WHERE event_number = $1 AND counts = 1 AND direction = 'entry'";
    let admitted = db.fetch_one(sql, &one).await?.number("admitted")?;
    let sql = "SELECT day, gate, area, entries, exits FROM door_counts WHERE event_number = $1 \
               ORDER BY day, gate, area";
    let counts = db.fetch_all(sql, &one).await?;
    let named = |name: String| Some(name).filter(|name| !name.is_empty());
    let counts = counts.iter().map(|row| {
        let (place, moved) = counted_from(row)?;
        let (gate, area) = (named(place.gate), named(place.area));
        Ok(DoorCount { day: place.day, gate, area, entries: moved.entries, exits: moved.exits })
    });
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let sql = "SELECT verdict, count(*) AS times FROM check_ins WHERE event_number = $1 AND direction <> 'check' \
               AND repeat_of IS NULL AND verdict <> 'admitted' GROUP BY verdict ORDER BY verdict";
    let refused = db.fetch_all(sql, &one).await?;
    let refused = refused.iter().map(|row| Ok((row.word::<Verdict>("verdict")?, row.number("times")?)));
    let refused = refused.collect::<Result<Vec<_>>>()?;
    let row = db.fetch_optional("SELECT sequence FROM doors WHERE event_number = $1", &one).await?;
    let sequence = row.map(|row| row.number("sequence")).transpose()?.unwrap_or_default();
    let sql = "SELECT count(conflict) AS conflicts, count(CASE WHEN on_record = 0 THEN 1 END) AS unknown \
               FROM check_ins WHERE event_number = $1";
    let row = db.fetch_one(sql, &one).await?;
    let (conflicts, not_on_record) = (row.number("conflicts")?, row.number("unknown")?);
    let minutes = minutes(db, number).await?;
    Ok(Some(DoorStatus { sold, admitted, not_on_record, conflicts, counts, minutes, refused, sequence }))
}

/// Entries by minute, of the last day that had any.
async fn minutes(db: &mut impl Db, number: u32) -> Result<Vec<(Timestamp, u64)>> {
    let sql = "SELECT max(scanned_at) AS last FROM check_ins WHERE event_number = $1 AND counts = 1 \
               AND direction = 'entry'";
    let Some(last) = db.fetch_one(sql, &[number.into()]).await?.time("last")? else { return Ok(Vec::new()) };
    let since = last.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(last);
    let sql = "SELECT scanned_at FROM check_ins WHERE event_number = $1 AND counts = 1 AND direction = 'entry' \
               AND scanned_at > $2 ORDER BY scanned_at";
    let mut minutes: Vec<(Timestamp, u64)> = Vec::new();
    for row in db.fetch_all(sql, &[number.into(), since.into()]).await? {
        let at = need("scanned_at", row.time("scanned_at")?)?;
        let minute = Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at);
        match minutes.last_mut() {
            Some((known, entries)) if *known == minute => *entries += 1,
            _ => minutes.push((minute, 1)),
        }
    }
    Ok(minutes)
}
