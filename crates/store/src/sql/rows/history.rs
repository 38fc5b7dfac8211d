//! The history of tickets: one row for each transition, with who and why.

use fulfillment_domain::TicketId;

use crate::Result;
use crate::sql::Db;

/// Records a transition of one ticket.
pub(crate) async fn note(
    db: &mut impl Db,
    ticket: TicketId,
    (from, to): (&str, &str),
    who: &str,
    why: Option<&str>,
) -> Result<()> {
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               VALUES ($1, @now, $2, $3, $4, $5)";
    db.execute(sql, &[ticket.into(), from.into(), to.into(), who.into(), why.into()]).await?;
    Ok(())
}
