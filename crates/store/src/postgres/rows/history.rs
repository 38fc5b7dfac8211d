//! The history of tickets: one row a transition, who and why.

use fulfillment_domain::TicketId;
use sqlx::PgConnection;

use crate::Result;

/// Notes a transition of one ticket.
pub(crate) async fn note(
    db: &mut PgConnection,
    ticket: TicketId,
    (from, to): (&str, &str),
    who: &str,
    why: Option<&str>,
) -> Result<()> {
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               VALUES ($1, clock_timestamp(), $2, $3, $4, $5)";
    sqlx::query(sql).bind(ticket.0).bind(from).bind(to).bind(who).bind(why).execute(db).await?;
    Ok(())
}
