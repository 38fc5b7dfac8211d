//! Statements about withdrawals that both dialects share.

use crate::decide::unsaid::unless_erased;

/// The condition for an order's withdrawals that can be dismissed.
macro_rules! counting {
    () => {
        "state IN ('waiting', 'applied', 'parked')"
    };
}

/// Dismisses an order's recorded withdrawals for one ticket; `$1` is the order, `$2` the ticket, `$3` now.
pub(crate) const DISMISS_FOR: &str = concat!(
    "INSERT INTO withdrawal_dismissals (key, ticket_id, at) SELECT key, $2, $3 FROM withdrawals \
     WHERE order_id = $1 AND ",
    counting!(),
    " ON CONFLICT (key, ticket_id) DO NOTHING"
);

/// The note of a withdrawal that a reinstatement dismissed for every ticket.
pub(super) const REINSTATED: &str = "reinstated";

/// Dismisses the withdrawals that are dismissed for every ticket; for an order without tickets, all of them. `$1` is
/// the order, `$2` now.
pub(crate) const DISMISS: &str = concat!(
    "UPDATE withdrawals SET state = 'lifted', note = 'reinstated', updated_at = $2 WHERE order_id = $1 AND ",
    counting!(),
    " AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.order_id = withdrawals.order_id AND NOT EXISTS \
     (SELECT 1 FROM withdrawal_dismissals d WHERE d.key = withdrawals.key AND d.ticket_id = t.id))"
);

/// Closes an unpaid order whose withdrawals are all dismissed; `$1` is the order, `$2` why, `$3` now.
pub(crate) const PUT_ASIDE: &str = concat!(
    "UPDATE orders SET state = 'voided', reason = $2, parked_at = NULL, voided_at = NULL, updated_at = $3 \
     WHERE order_id = $1 AND payment_key = '' AND NOT EXISTS (SELECT 1 FROM withdrawals \
     WHERE withdrawals.order_id = orders.order_id AND (",
    counting!(),
    " OR state = 'pending'))"
);

/// Dismisses an open withdrawal; `$1` is its key, `$2` why, `$3` now.
pub(crate) const LIFT: &str = concat!(
    "UPDATE withdrawals SET state = 'lifted', note = ",
    unless_erased!("withdrawals", "$2"),
    ", updated_at = $3 WHERE key = $1 AND state IN ('waiting', 'parked')"
);

/// Dismisses what arrived for an order that is not paid; `$1` is the order, `$2` why, `$3` now.
pub(crate) const LIFT_UNPAID: &str = concat!(
    "UPDATE withdrawals SET state = 'lifted', note = ",
    unless_erased!("withdrawals", "$2"),
    ", updated_at = $3 WHERE order_id = $1 AND (",
    counting!(),
    " OR state = 'pending') AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id \
     AND o.payment_key = '')"
);

/// Parks withdrawals that have waited too long; `$1` are their keys, `$2` now.
pub(crate) const PARK_OVERDUE: &str = "UPDATE withdrawals SET state = 'parked', updated_at = $2, \
     note = coalesce(note, 'it waits') || ', for longer than pipeline.withdrawal_wait: check its payment id, or drop it' \
     WHERE key @any($1) AND state = 'waiting'";

/// Why an order without a payment is not listed any more.
pub(crate) const NOBODY_PAID: &str = "nobody paid for it, and what came of it was dropped";
