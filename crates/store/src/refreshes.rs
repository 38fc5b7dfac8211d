//! Refreshes of issued orders, which may have grown: Ordering is asked again when another payment arrives, or on an
//! operator's request.
//!
//! The order stays issued meanwhile. It is claimed like any other, with [`Refresh`](crate::Refresh) in its claim, and
//! the claim ends by [`Refreshes::refreshed`]: with new tickets, which make the order `Enriched` until they have their
//! files, or without.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, OrderId, Ticket};

use crate::{Actor, Freeze, Result, Said};

/// The result of Ordering's newer answer.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// The order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// How many of the requests to ask Ordering this answers.
    pub asks: i64,
    /// The total of all lines, where they have one currency.
    pub total: Option<(Amount, Currency)>,
    /// The part of the total for lines that admit nobody.
    pub charges: Amount,
    /// What is new.
    pub found: Found,
    /// What the answer says about its event.
    pub said: Option<Said>,
    /// When more was paid than all lines cost, Ordering may not know a new line yet: ask again after this time.
    pub ask_again: Option<Duration>,
}

/// What is new in an answer.
#[derive(Debug, Clone)]
pub enum Found {
    /// It cannot be determined, for this reason.
    Unclear(String),
    /// These lines.
    Lines(NewLines),
}

/// How an answer differs from the recorded tickets.
#[derive(Debug, Clone)]
pub struct NewLines {
    /// The new tickets, Pending, if there are any; the answer; and its notes.
    pub freeze: Freeze,
    /// Lines with live tickets that are missing from the answer, wholly or in part, in words.
    pub gone: Vec<String>,
    /// The prices of these tickets.
    pub gone_prices: Vec<(Amount, Currency)>,
    /// Lines that now have a seat or another category which their live tickets do not show, in words.
    pub changed: Vec<String>,
}

/// The outcome of a refresh.
#[derive(Debug, Clone, PartialEq)]
pub enum RefreshOutcome {
    /// The order has new tickets: its unfinished ones.
    Grown(Vec<Ticket>),
    /// It has the same tickets as before; what needs an operator is on the attention list.
    Unchanged,
    /// The order has been claimed by another worker, voided or erased.
    Stale,
    /// Another ticket has this number already: derive the next one and try again.
    NumberTaken(String),
}

/// Whether Ordering will be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskOutcome {
    /// It will, immediately.
    Asked,
    /// It will once the order is issued.
    Later,
    /// There is no such order, or it is not paid.
    Unknown,
    /// The order is void.
    Void,
    /// Its personal data was erased.
    Erased,
    /// It was imported from an earlier service.
    Imported,
}

/// Refreshes of issued orders.
#[async_trait]
pub trait Refreshes: Send + Sync {
    /// Ends the claim of an issued order with the result of Ordering's newer answer, in one transaction.
    ///
    /// New tickets are written once the unrefunded payments cover all lines, and the live tickets of lines that are
    /// missing, in one currency, or if [`Self::ask_ordering`] requested it. Until then they wait, on the attention list
    /// with both sums. Payments above the total of all lines are listed too, and so is an answer whose new lines cannot
    /// be determined. The existing tickets stay unchanged, except for the flag `amount_mismatch`, which is removed when
    /// the payments equal the total of all lines.
    async fn refreshed(&self, refreshed: &Refreshed) -> Result<RefreshOutcome>;

    /// Requests that Ordering is asked again about an order; with `issue`, new lines are issued whatever was paid.
    async fn ask_ordering(&self, order: OrderId, issue: bool, by: &Actor) -> Result<AskOutcome>;
}
