//! The owners of seats.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::Result;
use crate::decide::freezing::{Asking, Owners, SeatOf, holder_from};
use crate::decide::sql_values::{Row as _, need};

/// Takes the free seats, and returns the owners of all requested ones.
pub(crate) async fn take_seats(db: &mut PgConnection, seats: BTreeMap<SeatOf, Asking>) -> Result<Owners> {
    if seats.is_empty() {
        return Ok(Owners::new());
    }
    // The update changes nothing: it makes RETURNING return the existing row.
    let sql = "WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[]) \
                   AS n(event_id, seat_key, ticket_id, undated)), \
               taken AS (INSERT INTO seats (event_id, seat_key, ticket_id) \
                   SELECT event_id, seat_key, ticket_id FROM asked \
                   ORDER BY event_id COLLATE \"C\", seat_key COLLATE \"C\" \
                   ON CONFLICT (event_id, seat_key) DO UPDATE SET ticket_id = seats.ticket_id \
                   RETURNING event_id, seat_key, ticket_id) \
               SELECT taken.event_id, taken.seat_key, taken.ticket_id, t.id AS holder, \
                   t.event_starts_at AS holder_starts, t.time_zone AS holder_zone \
               FROM taken JOIN asked ON asked.event_id = taken.event_id AND asked.seat_key = taken.seat_key \
               LEFT JOIN seats s ON s.event_id = asked.event_id AND s.seat_key = asked.undated \
               LEFT JOIN tickets t ON t.id = s.ticket_id";
    let rows = sqlx::query(sql)
        .bind(seats.keys().map(|(event, _)| event.as_str()).collect::<Vec<_>>())
        .bind(seats.keys().map(|(_, seat)| seat.as_str()).collect::<Vec<_>>())
        .bind(seats.values().map(|asking| asking.ticket.0).collect::<Vec<_>>())
        .bind(seats.values().map(|asking| asking.undated.as_deref()).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    let mut owners = Owners::with_capacity(rows.len());
    for row in &rows {
        let seat = (need("event_id", row.text("event_id")?)?, need("seat_key", row.text("seat_key")?)?);
        let owner = need("ticket_id", row.ticket_id("ticket_id")?)?;
        let holder = holder_from(row)?;
        let owner = seats.get(&seat).map_or(owner, |asking| asking.owner(owner, holder));
        owners.insert(seat, owner);
    }
    Ok(owners)
}
