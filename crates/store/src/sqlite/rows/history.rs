//! The history of tickets: one row a transition, who and why.

use fulfillment_domain::TicketId;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::Result;
use crate::shared::cells::rfc3339;

/// A row of the ticket's history.
pub(crate) struct Transition<'a> {
    pub(crate) ticket: TicketId,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) who: &'a str,
    pub(crate) why: Option<&'a str>,
}

/// Notes a transition.
pub(crate) async fn note(db: &mut SqliteConnection, now: Timestamp, step: Transition<'_>) -> Result<()> {
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlx::query(sql)
        .bind(step.ticket.to_string())
        .bind(rfc3339(now))
        .bind(step.from)
        .bind(step.to)
        .bind(step.who)
        .bind(step.why)
        .execute(db)
        .await?;
    Ok(())
}
