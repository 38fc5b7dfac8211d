//! The owners of seats.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fulfillment_domain::{Ticket, TicketId};
use serde_json::{Value, json};

use crate::Result;
use crate::decide::freezing::{Asking, SeatOf, holder_from};
use crate::decide::sql_values::{Row as _, SqlValue, clean, need};
use crate::decide::ticket::seat_keys;
use crate::sql::Db;

/// Takes a seat if it is free, and returns its owner.
pub(crate) async fn take(db: &mut impl Db, (event, seat): &SeatOf, asking: &Asking) -> Result<TicketId> {
    // The update changes nothing: it makes RETURNING return the existing row.
    let sql = "INSERT INTO seats (event_id, seat_key, ticket_id) VALUES ($1, $2, $3) \
               ON CONFLICT (event_id, seat_key) DO UPDATE SET ticket_id = seats.ticket_id RETURNING ticket_id";
    let row = db.fetch_one(sql, &[event.into(), seat.into(), asking.ticket.into()]).await?;
    let owner = need("ticket_id", row.ticket_id("ticket_id")?)?;
    let Some(undated) = asking.undated.as_ref().filter(|_| owner == asking.ticket) else { return Ok(owner) };
    let sql = "SELECT t.id AS holder, t.event_starts_at AS holder_starts, t.time_zone AS holder_zone \
               FROM seats s JOIN tickets t ON t.id = s.ticket_id WHERE s.event_id = $1 AND s.seat_key = $2";
    let row = db.fetch_optional(sql, &[event.into(), undated.into()]).await?;
    let holder = row.as_ref().map(holder_from).transpose()?.flatten();
    Ok(asking.owner(owner, holder))
}

/// The seats that these tickets may have.
fn seats_of<'a>(tickets: impl Iterator<Item = &'a Ticket>) -> BTreeSet<SeatOf> {
    let event = |ticket: &Ticket| clean(&ticket.event.id).into_owned();
    tickets.flat_map(|t| seat_keys(t).into_iter().map(move |seat| (event(t), seat))).collect()
}

fn records(seats: &BTreeSet<SeatOf>) -> String {
    let rows: Vec<_> =
        seats.iter().map(|(event, seat)| json!({ "event_id": event, "seat_key": seat })).collect();
    Value::from(rows).to_string()
}

/// The rows of seats that these tickets may have, whoever owns them; nothing is locked.
pub(crate) async fn rows_of<'a>(
    db: &mut impl Db,
    tickets: impl Iterator<Item = &'a Ticket>,
) -> Result<BTreeMap<SeatOf, TicketId>> {
    let sql = "SELECT event_id, seat_key, ticket_id FROM seats WHERE (event_id, seat_key) IN \
               (SELECT event_id, seat_key FROM @records(event_id text, seat_key text))";
    rows(db, sql, &seats_of(tickets)).await
}

/// The seats that these tickets own. With `lock`, the rows of every seat that they may have are locked: the ticket that
/// a seat passes on to cannot be voided meanwhile without passing it on.
pub(crate) async fn owned<'a>(
    db: &mut impl Db,
    tickets: impl Iterator<Item = &'a Ticket> + Clone,
    lock: bool,
) -> Result<BTreeSet<SeatOf>> {
    let ids: HashSet<TicketId> = tickets.clone().map(|t| t.id).collect();
    let rows = if lock {
        let sql = "SELECT event_id, seat_key, ticket_id FROM seats WHERE (event_id, seat_key) IN \
                   (SELECT event_id, seat_key FROM @records(event_id text, seat_key text)) \
                   ORDER BY event_id @bytewise, seat_key @bytewise @lock";
        rows(db, sql, &seats_of(tickets)).await?
    } else {
        rows_of(db, tickets).await?
    };
    Ok(rows.into_iter().filter(|(_, owner)| ids.contains(owner)).map(|(seat, _)| seat).collect())
}

async fn rows(
    db: &mut impl Db,
    sql: &'static str,
    seats: &BTreeSet<SeatOf>,
) -> Result<BTreeMap<SeatOf, TicketId>> {
    let mut found = BTreeMap::new();
    if seats.is_empty() {
        return Ok(found);
    }
    for row in db.fetch_all(sql, &[records(seats).into()]).await? {
        let seat = (need("event_id", row.text("event_id")?)?, need("seat_key", row.text("seat_key")?)?);
        found.insert(seat, need("ticket_id", row.ticket_id("ticket_id")?)?);
    }
    Ok(found)
}

/// Gives seats, whose rows are locked and whose owners are void or moved, each to the next live ticket that has it, or
/// frees it.
pub(crate) async fn pass_on(db: &mut impl Db, mut seats: BTreeSet<SeatOf>) -> Result<()> {
    if seats.is_empty() {
        return Ok(());
    }
    let sql = "SELECT event_id, seat_key, id FROM tickets WHERE event_id @any($1) AND seat_key @any($2) \
               AND voided_at IS NULL AND @strpos(flags, 'seat_conflict') > 0 ORDER BY created_at, id";
    let events: BTreeSet<&str> = seats.iter().map(|(event, _)| event.as_str()).collect();
    let keys: BTreeSet<&str> = seats.iter().map(|(_, seat)| seat.as_str()).collect();
    let heirs = db.fetch_all(sql, &[SqlValue::texts(events), SqlValue::texts(keys)]).await?;
    for row in &heirs {
        let seat = (need("event_id", row.text("event_id")?)?, need("seat_key", row.text("seat_key")?)?);
        // The first one; two events may have seats of one name.
        if seats.remove(&seat) {
            let sql = "UPDATE seats SET ticket_id = $3 WHERE event_id = $1 AND seat_key = $2";
            let (event, seat) = &seat;
            db.execute(sql, &[event.into(), seat.into(), row.ticket_id("id")?.into()]).await?;
        }
    }
    if !seats.is_empty() {
        let sql = "DELETE FROM seats WHERE (event_id, seat_key) IN \
                   (SELECT event_id, seat_key FROM @records(event_id text, seat_key text))";
        db.execute(sql, &[records(&seats).into()]).await?;
    }
    Ok(())
}
