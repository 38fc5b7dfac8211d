//! Decides the result of Ordering's newer answer, without a database.

use fulfillment_domain::{Amount, Currency, Flag, Flags, OrderId};
use jiff::Timestamp;

use crate::decide::attention::Wanted;
use crate::decide::importing::IMPORTED;
use crate::decide::sql_values::{Row, need, odd};
use crate::decide::withdrawing::{OrderFacts, TicketFacts};
use crate::{AskOutcome, AttentionReason, Found, NewLines, Refreshed, Result};

/// The reasons for attention that a refresh sets.
pub(crate) const GROUP: [AttentionReason; 5] = [
    AttentionReason::Overpaid,
    AttentionReason::PaymentUnclear,
    AttentionReason::CannotTellNew,
    AttentionReason::NewLinesUnpaid,
    AttentionReason::NotAskedAgain,
];

/// The end of a note about tickets that are missing from Ordering's answer.
const GONE: &str = "; its tickets are as good as before";

/// The end of a note about a seat or a category that a ticket does not show.
const CHANGED: &str = "; its ticket is as it was";

/// The columns that determine whether an order can grow.
macro_rules! asked_columns {
    () => {
        "order_id, state, payment_key, frozen_at, \
         CAST(CASE WHEN snapshot IS NULL THEN 1 ELSE 0 END AS BIGINT) AS without_answer, voided_at, erased_at, fence, \
         worker, refresh_issue, withdrawn, notes"
    };
}
pub(crate) use asked_columns;

/// An order's row under its lock.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) outcome: AskOutcome,
    pub(crate) fence: i64,
    /// A worker has claimed it.
    pub(crate) lent: bool,
    /// New lines are issued whatever was paid.
    pub(crate) issue: bool,
    pub(crate) withdrawn: bool,
    pub(crate) notes: Vec<String>,
}

impl Asked {
    /// Whether it is issued, and lent under this fence.
    pub(crate) fn is_lent(&self, fence: i64) -> bool {
        self.lent && self.fence == fence && self.outcome == AskOutcome::Asked
    }
}

/// Those of the orders `$1` about which anything is listed that a refund may settle.
pub(crate) const LISTED: &str = "SELECT DISTINCT order_id FROM order_attention WHERE order_id @any($1) \
     AND reason IN ('overpaid', 'payment_unclear', 'cannot_tell_new', 'new_lines_unpaid')";

/// Reads those columns.
pub(crate) fn asked_from(row: &impl Row) -> Result<Asked> {
    let payment_key = need("payment_key", row.text("payment_key")?)?;
    let frozen = row.time("frozen_at")?.is_some();
    let without_answer = row.number::<i64>("without_answer")? != 0;
    let state = need("state", row.text("state")?)?;
    let outcome = if payment_key.is_empty() {
        AskOutcome::Unknown
    } else if row.time("erased_at")?.is_some() {
        AskOutcome::Erased
    } else if row.time("voided_at")?.is_some() {
        AskOutcome::Void
    } else if payment_key == IMPORTED || (frozen && without_answer) {
        AskOutcome::Imported
    } else if state == "issued" {
        AskOutcome::Asked
    } else {
        AskOutcome::Later
    };
    let notes = need("notes", row.text("notes")?)?;
    Ok(Asked {
        outcome,
        fence: row.number("fence")?,
        lent: row.text("worker")?.is_some(),
        issue: row.number::<i64>("refresh_issue")? != 0,
        withdrawn: row.number::<i64>("withdrawn")? != 0,
        notes: serde_json::from_str(&notes).map_err(|e| odd("notes", e))?,
    })
}

/// What to write.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The new tickets are written.
    pub(crate) grows: bool,
    /// The payments equal the total of all lines.
    pub(crate) exact: bool,
    /// Ordering is asked again.
    pub(crate) again: bool,
    pub(crate) wanted: Vec<Wanted>,
}

/// The unrefunded payments of an order.
#[derive(Debug, Default)]
struct Sums {
    /// In the currency of the lines.
    paid: Amount,
    /// The part that was refunded by refunds that a reinstatement dismissed: an operator made the tickets valid.
    waived: Amount,
    /// In other currencies.
    others: Vec<(Amount, Currency)>,
    /// The number of payments without an amount.
    unknown: usize,
    payments: usize,
}

impl Sums {
    /// A payment without a currency counts in that of the lines.
    fn of(facts: &OrderFacts, currency: Option<Currency>) -> Self {
        let mut sums = Self { payments: facts.payments.len(), ..Self::default() };
        for payment in &facts.payments {
            let Some(left) = facts.remainder(payment) else {
                sums.unknown += 1;
                continue;
            };
            match payment.currency {
                Some(other) if Some(other) != currency => {
                    if left > Amount::ZERO {
                        sums.others.push((left, other));
                    }
                }
                _ => {
                    sums.paid = sums.paid.saturating_add(left);
                    sums.waived = sums.waived.saturating_add(facts.waived(payment).min(left));
                }
            }
        }
        sums
    }

    /// A sentence with what was paid and what the lines cost.
    fn in_words(&self, total: Option<(Amount, Currency)>) -> String {
        let unit = |currency: Option<Currency>| currency.map(|c| format!(" {c}")).unwrap_or_default();
        let mut paid = vec![format!("{}{}", self.paid, unit(total.map(|(_, currency)| currency)))];
        paid.extend(self.others.iter().map(|(amount, currency)| format!("{amount} {currency}")));
        if self.unknown > 0 {
            paid.push(format!("{} payments without an amount", self.unknown));
        }
        let paid = paid.join(" and ");
        match total {
            Some((total, currency)) => format!("paid {paid}, all lines cost {total} {currency}"),
            None => format!("paid {paid}, the lines are in several currencies"),
        }
    }
}

/// Decides. `facts` is the order with its payments and their refunds.
pub(crate) fn decide(facts: &OrderFacts, refreshed: &Refreshed, issue: bool, now: Timestamp) -> Verdict {
    let sums = Sums::of(facts, refreshed.total.map(|(_, currency)| currency));
    let words = sums.in_words(refreshed.total);
    let order = refreshed.order_id;
    let mut verdict = Verdict::default();
    let mut list = |reason, detail: String| verdict.wanted.push(Wanted { reason, detail, shows_at: now });
    let lines = match &refreshed.found {
        Found::Lines(lines) => lines,
        Found::Unclear(why) => {
            let detail = format!(
                "another payment came, and nobody can tell what is new in Ordering's answer: {why}; {words}: correct \
                 the order there and `fulfillment order refresh {order}`, or refund the payment"
            );
            list(AttentionReason::CannotTellNew, detail);
            return verdict;
        }
    };
    let comparable = refreshed.total.filter(|_| sums.others.is_empty());
    let new = lines.freeze.tickets.len();
    let cost = comparable.and_then(|total| with_gone(total, lines));
    if new > 0 && !issue && cost.is_none_or(|cost| sums.paid < cost) {
        let detail = format!(
            "{new} new tickets wait until all lines are paid: {words}{}; `fulfillment order refresh {order}` asks \
             again, with --issue it issues them",
            if lines.gone.is_empty() { "" } else { ", and tickets of lines that are gone are still good" }
        );
        list(AttentionReason::NewLinesUnpaid, detail);
        return verdict;
    }
    match comparable.filter(|_| sums.unknown == 0) {
        Some((total, _)) if sums.paid.saturating_sub(sums.waived) > total => {
            let ask = if lines.gone.is_empty() {
                "refund what is too much"
            } else {
                "lines with good tickets are gone; correct the order there, or refund them with --ticket"
            };
            list(AttentionReason::Overpaid, format!("{words}: {ask}"));
            verdict.again = new == 0 && refreshed.ask_again.is_some();
        }
        Some((total, currency)) => {
            verdict.exact = sums.paid == total;
            if let Some(ticket) = bought_again(facts, refreshed, lines, &sums, currency) {
                let detail = format!(
                    "{words}, and the void ticket {} may have been bought again: `fulfillment ticket \
                     reinstate` it, or refund the payment",
                    ticket.id
                );
                list(AttentionReason::Overpaid, detail);
            }
        }
        None if sums.payments > 1 => {
            let detail = format!("{words}: compare them by hand, and refund what is too much");
            list(AttentionReason::PaymentUnclear, detail);
        }
        None => {}
    }
    verdict.grows = new > 0;
    verdict
}

/// A void ticket that the payments cover in addition to all valid ones: Ordering still lists its line, so it is not
/// new.
fn bought_again<'a>(
    facts: &'a OrderFacts,
    refreshed: &Refreshed,
    lines: &NewLines,
    sums: &Sums,
    currency: Currency,
) -> Option<&'a TicketFacts> {
    let good = facts.tickets.iter().filter(|t| !t.is_void).map(|t| (t.price, t.currency));
    let mut good = good.chain(lines.freeze.tickets.iter().map(|t| (t.price, t.currency)));
    let cost = good.try_fold(refreshed.charges, |sum, (price, of)| {
        (of == currency).then(|| sum.saturating_add(price))
    })?;
    let left = sums.paid.saturating_sub(sums.waived).saturating_sub(cost);
    let void = facts.tickets.iter().filter(|t| t.is_void && t.price > Amount::ZERO);
    void.min_by_key(|t| t.price).filter(|t| t.price <= left)
}

/// The total of all lines, and of the live tickets of missing lines, which are still valid. Amounts in another currency
/// cannot be added.
fn with_gone((total, currency): (Amount, Currency), lines: &NewLines) -> Option<Amount> {
    lines
        .gone_prices
        .iter()
        .try_fold(total, |sum, (price, of)| (*of == currency).then(|| sum.saturating_add(*price)))
}

/// The notes, with the lines that are missing now, and those that have changed.
pub(crate) fn notes_with(before: Vec<String>, verdict: &Verdict, lines: &NewLines) -> Vec<String> {
    let is_of_before = |note: &String| note.ends_with(GONE) || note.ends_with(CHANGED);
    let mut notes: Vec<_> = before.into_iter().filter(|note| !is_of_before(note)).collect();
    if verdict.grows {
        for note in &lines.freeze.notes {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
    }
    notes.extend(lines.gone.iter().map(|line| format!("{line}{GONE}")));
    notes.extend(lines.changed.iter().map(|line| format!("{line}{CHANGED}")));
    notes
}

/// The flags that a ticket keeps when its order's amounts match.
pub(crate) fn unflagged(flags: &Flags) -> Flags {
    flags.iter().filter(|f| *f != Flag::AmountMismatch).collect()
}

/// The entry for another payment of an order that never grows: `payments` is the number of its payments.
pub(crate) fn closed(outcome: AskOutcome, payments: i64, now: Timestamp) -> Option<Wanted> {
    let what = match outcome {
        AskOutcome::Erased => "its personal data was erased",
        AskOutcome::Imported => "it was taken over from an earlier service",
        _ => return None,
    };
    let detail = format!(
        "{payments} payments came for the order, which never gets new tickets because {what}: refund what is too much"
    );
    Some(Wanted { reason: AttentionReason::PaymentOfClosedOrder, detail, shows_at: now })
}

/// The entry for an order about which Ordering could not be asked again.
pub(crate) fn not_asked(order: OrderId, why: &str, now: Timestamp) -> Wanted {
    let detail = format!(
        "another payment came, and Ordering could not be asked what is new: {why}; `fulfillment order refresh {order}` \
         asks again"
    );
    Wanted { reason: AttentionReason::NotAskedAgain, detail, shows_at: now }
}
