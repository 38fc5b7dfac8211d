//! What of a ticket determines its order's refunds and cancellations: a few of its many columns, since an order can have
//! thousands of tickets that all stay as they are.

use fulfillment_domain::{Amount, Currency, TicketId, TicketStatus};

use crate::Result;
use crate::decide::column::Column;
use crate::decide::sql_values::Row;

/// A ticket, as far as withdrawals of its order depend on it.
#[derive(Debug, Clone)]
pub(crate) struct TicketFacts {
    pub(crate) id: TicketId,
    pub(crate) item_id: Option<String>,
    pub(crate) price: Amount,
    pub(crate) currency: Currency,
    /// It is for one particular place.
    pub(crate) has_seat: bool,
    pub(crate) status: TicketStatus,
    pub(crate) is_void: bool,
    /// How many events about it were published.
    pub(crate) sequence: u32,
}

/// The columns that [`ticket_facts_from`] reads, and `order_id`.
macro_rules! ticket_facts_columns {
    () => {
        "order_id, id, item_id, CAST(price AS TEXT) AS price, currency, status, sequence, \
         CAST(CASE WHEN voided_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_void, \
         CAST(CASE WHEN coalesce(seat_id, row_label, seat_number) IS NULL THEN 0 ELSE 1 END AS BIGINT) AS has_seat"
    };
}
pub(crate) use ticket_facts_columns;

/// Reads those columns.
pub(crate) fn ticket_facts_from(row: &impl Row) -> Result<TicketFacts> {
    Ok(TicketFacts {
        id: Column::read(row, "id")?,
        item_id: Column::read(row, "item_id")?,
        price: Column::read(row, "price")?,
        currency: Column::read(row, "currency")?,
        has_seat: row.number::<i64>("has_seat")? != 0,
        status: Column::read(row, "status")?,
        is_void: row.number::<i64>("is_void")? != 0,
        sequence: Column::read(row, "sequence")?,
    })
}
