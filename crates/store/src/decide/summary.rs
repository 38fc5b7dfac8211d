//! Counts of open work. Every statement has an index with open work only, because finished work grows without limit.
//! The SQL is shared by both databases.

use fulfillment_domain::{OrderState, TicketStatus};

use crate::decide::sql_values::{Row, need};
use crate::{AttentionReason, Result, Summary};

const ORDERS: [OrderState; 3] = [OrderState::Received, OrderState::Enriched, OrderState::Parked];
const TICKETS: [TicketStatus; 2] = [TicketStatus::Pending, TicketStatus::Failed];

/// Some conditions here and below are always true, and a sum adds nothing: by them SQLite takes the indexes of open
/// work, and no other.
///
/// Orders by state, tickets by status and entries of the attention list by reason, as `what`, `word`, `n`. `$1` is now.
pub(crate) const GROUPS: &str = "SELECT 'order' AS what, state AS word, count(*) AS n FROM orders \
     WHERE state IN ('received', 'enriched', 'parked') GROUP BY state \
     UNION ALL SELECT 'ticket', status, count(*) FROM tickets \
     WHERE status IN ('Pending', 'Failed') AND voided_at IS NULL \
     AND order_id > '00000000-0000-0000-0000-000000000000' GROUP BY status \
     UNION ALL SELECT 'attention', reason, count(*) FROM order_attention \
     WHERE acknowledged_at IS NULL AND shows_at <= $1 GROUP BY reason";

/// The other counts, by the indexes that hold what they count. `$1` is now.
pub(crate) const COUNTS: &str = "SELECT (SELECT count(*) FROM orders \
         WHERE state IN ('received', 'enriched') AND worker IS NULL AND due_at > $1) AS retrying, \
     (SELECT count(*) FROM dead_letters WHERE kind = 'quarantined' AND closed_at IS NULL) AS quarantined, \
     (SELECT count(*) FROM dead_letters WHERE kind = 'unreadable' AND closed_at IS NULL) AS dead_lettered, \
     (SELECT count(*) FROM withdrawals WHERE state IN ('waiting', 'parked') AND state = 'waiting') AS waiting_refunds, \
     (SELECT count(*) FROM withdrawals WHERE state IN ('waiting', 'parked') AND state = 'parked') AS parked_refunds, \
     (SELECT count(*) FROM tickets WHERE @strpos(flags, 'seat_conflict') > 0) AS seat_conflicts, \
     (SELECT count(DISTINCT outbox_id + 0) FROM outbox_delivery WHERE state = 'pending' AND destination > '') AS undelivered, \
     (SELECT count(*) FROM outbox_delivery WHERE state = 'parked') AS parked_deliveries";

/// Combines the results, with every state and status named.
pub(crate) fn summary_from<R: Row>(groups: &[R], counts: &R) -> Result<Summary> {
    let mut summary = Summary {
        orders: ORDERS.iter().map(|s| (s.to_string(), 0)).collect(),
        tickets: TICKETS.iter().map(|s| (s.to_string(), 0)).collect(),
        retrying: counts.number("retrying")?,
        quarantined: counts.number("quarantined")?,
        dead_lettered: counts.number("dead_lettered")?,
        waiting_refunds: counts.number("waiting_refunds")?,
        parked_refunds: counts.number("parked_refunds")?,
        seat_conflicts: counts.number("seat_conflicts")?,
        undelivered: counts.number("undelivered")?,
        parked_deliveries: counts.number("parked_deliveries")?,
        attention: AttentionReason::ALL.iter().map(|r| (r.to_string(), 0)).collect(),
    };
    for group in groups {
        let words = match need("what", group.text("what")?)?.as_str() {
            "order" => &mut summary.orders,
            "ticket" => &mut summary.tickets,
            _ => &mut summary.attention,
        };
        words.insert(need("word", group.text("word")?)?, group.number("n")?);
    }
    Ok(summary)
}
