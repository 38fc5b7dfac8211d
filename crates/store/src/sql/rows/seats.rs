//! The owners of seats.

use fulfillment_domain::{Ticket, TicketId};

use crate::Result;
use crate::decide::freezing::{Asking, SeatOf, asks, holder_from};
use crate::decide::sql_values::{Row as _, need};
use crate::decide::ticket::seat_keys;
use crate::sql::Db;

/// Takes the ticket's seat if it is free; returns whether another ticket has it.
pub(crate) async fn take_seat(db: &mut impl Db, ticket: &Ticket) -> Result<bool> {
    let Some((seat, asking)) = asks(ticket) else { return Ok(false) };
    Ok(take(db, &seat, &asking).await? != ticket.id)
}

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

/// Gives a voided ticket's seat to the next live ticket that has it, or frees it.
pub(crate) async fn pass_on_seat(db: &mut impl Db, voided: &Ticket) -> Result<()> {
    for seat in seat_keys(voided) {
        pass_on(db, voided, &seat).await?;
    }
    Ok(())
}

async fn pass_on(db: &mut impl Db, voided: &Ticket, seat: &str) -> Result<()> {
    let event = &voided.event.id;
    let sql = "SELECT ticket_id FROM seats WHERE event_id = $1 AND seat_key = $2 AND ticket_id = $3 @lock";
    if !db.exists(sql, &[event.into(), seat.into(), voided.id.into()]).await? {
        return Ok(());
    }
    let sql = "SELECT id FROM tickets WHERE event_id = $1 AND seat_key = $2 AND voided_at IS NULL \
               AND @strpos(flags, 'seat_conflict') > 0 ORDER BY created_at, id LIMIT 1";
    let heir = db.fetch_optional(sql, &[event.into(), seat.into()]).await?;
    if let Some(heir) = heir {
        let sql = "UPDATE seats SET ticket_id = $3 WHERE event_id = $1 AND seat_key = $2";
        db.execute(sql, &[event.into(), seat.into(), heir.ticket_id("id")?.into()]).await?;
    } else {
        let sql = "DELETE FROM seats WHERE event_id = $1 AND seat_key = $2";
        db.execute(sql, &[event.into(), seat.into()]).await?;
    }
    Ok(())
}
