//! Cancellations without a time: the time of the record that brought one is used, its timestamp or its receipt.
//!
//! Such a cancellation is new only if it is later than the order's last reinstatement: a topic that is read again never
//! voids an order again that an operator reinstated. The time is kept in `heard`, not in `said_at`, which is the
//! producer's time.

use fulfillment_domain::{Cancellation, Withdrawal};

use super::NewWithdrawal;
use crate::decide::sql_values::{Row, need};
use crate::{Result, WithdrawalState};

/// The cancellations of an order, newest first, with the time of its last reinstatement in each row; `$1` is the order.
/// At least one row is returned. The history has the reinstatements of tickets; in an order without tickets the
/// dismissed cancellations have them.
pub(crate) const CANCELLATIONS: &str = "SELECT r.reinstated_at, w.key, w.state, w.heard, \
     (SELECT count(*) FROM withdrawal_dismissals d WHERE d.key = w.key) AS dismissals \
     FROM (SELECT max(s.at) AS reinstated_at FROM ( \
         SELECT h.at FROM ticket_history h JOIN tickets t ON t.id = h.ticket_id \
         WHERE t.order_id = $1 AND h.why LIKE 'reinstated as generation %' \
         UNION ALL SELECT l.updated_at FROM withdrawals l \
         WHERE l.order_id = $1 AND l.state = 'lifted' AND l.note = 'reinstated') AS s) AS r \
     LEFT JOIN withdrawals w ON w.order_id = $1 AND w.kind = 'cancellation' ORDER BY w.received_at DESC, w.key DESC";

/// A recorded cancellation.
struct Known {
    key: String,
    heard: String,
    /// The order or a ticket of it was reinstated after it.
    dismissed: bool,
}

impl NewWithdrawal<'_> {
    /// Whether [`CANCELLATIONS`] are needed.
    pub(crate) fn is_untimed(&self) -> bool {
        matches!(self.said, Withdrawal::Cancellation(Cancellation { cancelled_at: None, .. }))
    }

    /// Compares it with the result of [`CANCELLATIONS`]: under a known key it is a repeat.
    pub(crate) fn place(&mut self, rows: &[impl Row]) -> Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let reinstated = first.time("reinstated_at")?;
        let mut known = Vec::new();
        for row in rows {
            let Some(key) = row.text("key")? else { continue };
            // Cancellations with a time have keys of their own.
            if !key.strip_prefix(&self.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('@')) {
                continue;
            }
            let lifted = row.word::<WithdrawalState>("state")? == WithdrawalState::Lifted;
            let dismissed = lifted || row.number::<i64>("dismissals")? > 0;
            known.push(Known { key, heard: need("heard", row.text("heard")?)?, dismissed });
        }
        let later = self.record_time.zip(reinstated).is_some_and(|(at, reinstated)| at > reinstated);
        let heard = self.heard();
        if let Some(same) = known.iter().find(|k| k.heard == heard || !later || !k.dismissed) {
            self.key.clone_from(&same.key);
        } else if let Some(at) = self.record_time {
            self.before_reinstatement = reinstated.is_some() && !later;
            if !known.is_empty() {
                self.key = format!("{}@{}", self.key, at.as_microsecond());
            }
        }
        Ok(())
    }
}
