//! Reading and writing entries of the attention list.

use fulfillment_domain::OrderId;
use jiff::Timestamp;

use crate::decide::sql_values::{Row, need};
use crate::{Attention, AttentionReason, Result};

/// An entry that an order should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) reason: AttentionReason,
    pub(crate) detail: String,
    pub(crate) shows_at: Timestamp,
}

/// The columns of an entry, of the table alias `a`.
macro_rules! attention_columns {
    () => {
        "a.order_id, a.reason, a.detail, a.since, a.shows_at"
    };
}
pub(crate) use attention_columns;

/// Reads those columns.
pub(crate) fn attention_from(row: &impl Row) -> Result<Attention> {
    Ok(Attention {
        order_id: row.order_id()?,
        reason: row.word("reason")?,
        detail: need("detail", row.text("detail")?)?,
        since: need("since", row.time("since")?)?,
        shows_at: need("shows_at", row.time("shows_at")?)?,
    })
}

/// The reasons of a group that are not wanted any more.
pub(crate) fn gone<'a>(
    group: &'a [AttentionReason],
    wanted: &'a [Wanted],
) -> impl Iterator<Item = &'static str> + 'a {
    group.iter().filter(|reason| wanted.iter().all(|w| w.reason != **reason)).map(|reason| reason.as_str())
}

/// The orders among acknowledged entries, `order_id, reason`, that were paid after their void: they are not parked any
/// more.
pub(crate) fn paid_after_void(rows: &[impl Row]) -> Result<Vec<OrderId>> {
    let mut orders = Vec::new();
    for row in rows {
        if row.text("reason")?.as_deref() == Some(AttentionReason::PaidAfterVoid.as_str()) {
            orders.push(row.order_id()?);
        }
    }
    Ok(orders)
}
