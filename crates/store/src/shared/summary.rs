//! Counting everything. The SQL is what both dialects share.

use fulfillment_domain::{OrderState, TicketStatus};

use crate::shared::cells::{Row, need};
use crate::{Result, Summary};

/// Orders by state and tickets by status, as `what`, `word`, `n`.
pub(crate) const GROUPS: &str = "SELECT 'order' AS what, state AS word, count(*) AS n FROM orders GROUP BY state \
     UNION ALL SELECT 'ticket', status, count(*) FROM tickets GROUP BY status";

/// The other counts. `$1` is now.
pub(crate) const COUNTS: &str = "SELECT \
     (SELECT count(*) FROM orders WHERE state IN ('received', 'enriched') AND worker IS NULL AND due_at > $1) \
         AS retrying, \
     (SELECT count(*) FROM payments WHERE outcome = 'already_paid') AS already_paid, \
     (SELECT CAST(coalesce(sum(duplicates), 0) AS BIGINT) FROM payments WHERE duplicates > 0) AS duplicates, \
     (SELECT count(*) FROM dead_letters WHERE kind = 'quarantined' AND closed_at IS NULL) AS quarantined, \
     (SELECT count(*) FROM dead_letters WHERE kind = 'unreadable' AND closed_at IS NULL) AS dead_lettered, \
     (SELECT count(*) FROM withdrawals WHERE state = 'waiting') AS waiting_refunds, \
     (SELECT count(*) FROM withdrawals WHERE state = 'parked') AS parked_refunds, \
     (SELECT count(*) FROM tickets WHERE flags LIKE '%seat_conflict%') AS seat_conflicts, \
     (SELECT count(DISTINCT outbox_id) FROM outbox_delivery WHERE state = 'pending') AS undelivered, \
     (SELECT count(*) FROM outbox_delivery WHERE state = 'parked') AS parked_deliveries";

/// Puts the answers together, every state and status named.
pub(crate) fn summary_from<R: Row>(groups: &[R], counts: &R) -> Result<Summary> {
    let mut summary = Summary {
        orders: OrderState::ALL.iter().map(|s| (s.to_string(), 0)).collect(),
        tickets: [
            TicketStatus::Pending,
            TicketStatus::Generated,
            TicketStatus::Failed,
            TicketStatus::Delivered,
        ]
        .iter()
        .map(|s| (s.to_string(), 0))
        .collect(),
        retrying: counts.number("retrying")?,
        already_paid: counts.number("already_paid")?,
        duplicates: counts.number("duplicates")?,
        quarantined: counts.number("quarantined")?,
        dead_lettered: counts.number("dead_lettered")?,
        waiting_refunds: counts.number("waiting_refunds")?,
        parked_refunds: counts.number("parked_refunds")?,
        seat_conflicts: counts.number("seat_conflicts")?,
        undelivered: counts.number("undelivered")?,
        parked_deliveries: counts.number("parked_deliveries")?,
    };
    for group in groups {
        let of_orders = need("what", group.text("what")?)? == "order";
        let words = if of_orders { &mut summary.orders } else { &mut summary.tickets };
        words.insert(need("word", group.text("word")?)?, group.number("n")?);
    }
    Ok(summary)
}
