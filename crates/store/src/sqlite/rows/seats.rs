//! Whose seat it is.

use std::collections::BTreeMap;

use fulfillment_domain::{Ticket, TicketId};
use sqlx::SqliteConnection;

use crate::Result;
use crate::shared::cells::{Row as _, need};
use crate::shared::freezing::{Asking, Owners, SeatOf, asks, holder_from};
use crate::shared::ticket::seat_keys;

/// Takes the seats that are free, and answers with the owners of all that were asked for.
pub(crate) async fn take_seats(db: &mut SqliteConnection, seats: BTreeMap<SeatOf, Asking>) -> Result<Owners> {
    let mut owners = Owners::new();
    for (seat, asking) in seats {
        let owner = take(db, &seat, &asking).await?;
        owners.insert(seat, owner);
    }
    Ok(owners)
}

/// Takes the ticket's seat if it is free; whether it is another's.
pub(crate) async fn take_seat(db: &mut SqliteConnection, ticket: &Ticket) -> Result<bool> {
    let Some((seat, asking)) = asks(ticket) else { return Ok(false) };
    Ok(take(db, &seat, &asking).await? != ticket.id)
}

async fn take(db: &mut SqliteConnection, (event, seat): &SeatOf, asking: &Asking) -> Result<TicketId> {
    // The update changes nothing: it makes RETURNING answer with the row that stands.
    let sql = "INSERT INTO seats (event_id, seat_key, ticket_id) VALUES (?1, ?2, ?3) \
               ON CONFLICT (event_id, seat_key) DO UPDATE SET ticket_id = ticket_id RETURNING ticket_id";
    let query = sqlx::query(sql).bind(event).bind(seat).bind(asking.ticket.to_string());
    let owner = need("ticket_id", query.fetch_one(&mut *db).await?.ticket_id("ticket_id")?)?;
    let Some(undated) = asking.undated.as_ref().filter(|_| owner == asking.ticket) else { return Ok(owner) };
    let sql = "SELECT t.id AS holder, t.event_starts_at AS holder_starts, t.time_zone AS holder_zone \
               FROM seats s JOIN tickets t ON t.id = s.ticket_id WHERE s.event_id = ?1 AND s.seat_key = ?2";
    let row = sqlx::query(sql).bind(event).bind(undated).fetch_optional(db).await?;
    let holder = row.as_ref().map(holder_from).transpose()?.flatten();
    Ok(asking.owner(owner, holder))
}

/// Gives a voided ticket's seat to the next live ticket that has it, or frees it.
pub(crate) async fn pass_on_seat(db: &mut SqliteConnection, voided: &Ticket) -> Result<()> {
    for seat in seat_keys(voided) {
        pass_on(db, voided, &seat).await?;
    }
    Ok(())
}

async fn pass_on(db: &mut SqliteConnection, voided: &Ticket, seat: &str) -> Result<()> {
    let sql = "SELECT id FROM tickets WHERE event_id = ?1 AND seat_key = ?2 AND voided_at IS NULL \
               AND instr(flags, 'seat_conflict') > 0 ORDER BY created_at, id LIMIT 1";
    let heir: Option<String> =
        sqlx::query_scalar(sql).bind(&voided.event.id).bind(seat).fetch_optional(&mut *db).await?;
    let sql = match heir {
        Some(_) => "UPDATE seats SET ticket_id = ?4 WHERE event_id = ?1 AND seat_key = ?2 AND ticket_id = ?3",
        None => "DELETE FROM seats WHERE event_id = ?1 AND seat_key = ?2 AND ticket_id = ?3",
    };
    let query = sqlx::query(sql).bind(&voided.event.id).bind(seat).bind(voided.id.to_string());
    match heir {
        Some(heir) => query.bind(heir).execute(db).await?,
        None => query.execute(db).await?,
    };
    Ok(())
}
