//! Events with their counts, and the unfinished tickets of each.

use std::collections::HashMap;

use super::counting::{self, totals_from};
use super::open::limit as open_limit;
use crate::decide::event_records::{event_record_columns, event_record_from};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::sql::Db;
use crate::sql::rows::event_records::complete;
use crate::{EventOverview, EventTotals, EventsWanted, Result, Unfinished};

/// Unfinished tickets, by event, their status and their order's state; `$1` is the limit.
pub(crate) const UNFINISHED: &str = "SELECT q.event_number, q.status, q.state, count(*) AS n \
     FROM (SELECT t.event_number, t.status, o.state FROM tickets t JOIN orders o ON o.order_id = t.order_id \
     WHERE t.status IN ('Pending', 'Failed') AND t.voided_at IS NULL ORDER BY t.order_id, t.ticket_index LIMIT $1) AS q \
     GROUP BY q.event_number, q.status, q.state";

/// Events below the number `$1`, highest first, at most `$2`: all if `$3` is 1, otherwise those that are not over, and
/// those whose numbers are in `$4`.
pub(crate) const EVENTS: &str = concat!(
    "SELECT ",
    event_record_columns!(),
    ", c.counted_at, c.sold, c.issued, c.voided, c.delivered, c.downloaded, c.checked_in, c.conflicts \
     FROM events LEFT JOIN event_counts c ON c.event_number = number WHERE number < $1 \
     AND ($3 = 1 OR c.over_at IS NULL OR c.over_at > @now OR CAST(number AS TEXT) @any($4)) \
     ORDER BY number DESC LIMIT $2"
);

pub(super) async fn at_a_glance(
    db: &mut impl Db,
    wanted: EventsWanted,
    limit: usize,
) -> Result<Vec<EventOverview>> {
    let unfinished = unfinished(db).await?;
    let before = wanted.before.map_or(i64::MAX, i64::from);
    let numbers: Vec<String> = unfinished.keys().map(u32::to_string).collect();
    let open = SqlValue::texts(numbers.iter().map(String::as_str));
    let cells = [before.into(), SqlValue::limit(limit), wanted.past.into(), open];
    let rows = db.fetch_all(EVENTS, &cells).await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut event = overview(db, row).await?;
        if let Some(at) = row.time("counted_at")? {
            event.counted = Some((totals_from(row)?, at));
        }
        event.unfinished = unfinished.get(&event.event_number).copied().unwrap_or_default();
        events.push(event);
    }
    Ok(events)
}

pub(super) async fn counted_now(db: &mut impl Db, id: &str) -> Result<Option<EventOverview>> {
    let sql = concat!("SELECT ", event_record_columns!(), " FROM events WHERE event_id = $1");
    let Some(row) = db.fetch_optional(sql, &[id.into()]).await? else { return Ok(None) };
    let mut event = overview(db, &row).await?;
    event.unfinished = unfinished(db).await?.get(&event.event_number).copied().unwrap_or_default();
    let tickets = counting::tickets_of(db, event.event_number).await?;
    let doors = counting::check_ins_of(db, event.event_number, 0).await?;
    let totals = EventTotals { checked_in: doors.checked_in, conflicts: doors.conflicts, ..tickets };
    event.counted = Some((totals, db.now().await?));
    Ok(Some(event))
}

async fn overview<D: Db>(db: &mut D, row: &D::Row) -> Result<EventOverview> {
    let mut record = event_record_from(row)?;
    complete(db, &mut record).await?;
    let details = record.in_force();
    Ok(EventOverview {
        event_id: record.id,
        event_number: record.number,
        name: details.name,
        starts_at: details.starts_at,
        counted: None,
        unfinished: Unfinished::default(),
    })
}

async fn unfinished(db: &mut impl Db) -> Result<HashMap<u32, Unfinished>> {
    let mut unfinished: HashMap<u32, Unfinished> = HashMap::new();
    for row in db.fetch_all(UNFINISHED, &[open_limit()]).await? {
        let of_event = unfinished.entry(row.number("event_number")?).or_default();
        let is_parked = need("state", row.text("state")?)? == "parked";
        let has_failed = need("status", row.text("status")?)? == "Failed";
        let count: &mut u64 = match (is_parked, has_failed) {
            (true, _) => &mut of_event.parked,
            (false, true) => &mut of_event.failed,
            (false, false) => &mut of_event.waiting,
        };
        *count += row.number::<u64>("n")?;
    }
    Ok(unfinished)
}
