//! Reading whole tickets.

use fulfillment_domain::{OrderId, Ticket, TicketId};

use crate::Result;
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::sql::Db;

/// An order's tickets, by index.
pub(crate) async fn tickets_of(db: &mut impl Db, order: OrderId) -> Result<Vec<Ticket>> {
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = $1 ORDER BY ticket_index");
    db.fetch_all(sql, &[order.into()]).await?.iter().map(ticket_from).collect()
}

/// A ticket under its lock.
pub(crate) async fn locked(db: &mut impl Db, id: TicketId) -> Result<Option<Ticket>> {
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1 @lock");
    db.fetch_optional(sql, &[id.into()]).await?.as_ref().map(ticket_from).transpose()
}
