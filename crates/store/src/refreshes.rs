//! An issued order that may have grown: Ordering is asked again when another payment of it comes, or somebody wants it.
//!
//! The order stays issued meanwhile. It is claimed like any other, with [`Refresh`](crate::Refresh) in its claim, and ends by
//! [`Refreshes::refreshed`]: with new tickets, which make it `Enriched` until they have their files, or without.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, OrderId, Ticket};

use crate::{Freeze, Result};

/// What Ordering's newer answer says.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// Which order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// How many of those who wanted it are answered by this.
    pub asks: i64,
    /// What all lines cost together, where they have one currency.
    pub total: Option<(Amount, Currency)>,
    /// What of it the lines cost that admit nobody.
    pub charges: Amount,
    /// What is new.
    pub found: Found,
    /// When more was paid than all lines cost, Ordering may not know a new line yet: ask again so much later.
    pub ask_again: Option<Duration>,
}

/// What is new in an answer.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nobody can tell, for this reason.
    Unclear(String),
    /// These lines.
    Lines(NewLines),
}

/// What an answer has beside the tickets on record.
#[derive(Debug, Clone)]
pub struct NewLines {
    /// The new tickets, Pending, if there are any; the answer; and its notes.
    pub freeze: Freeze,
    /// What is not there any more of lines with live tickets, in words: a line, or some of its tickets.
    pub gone: Vec<String>,
    /// What these tickets cost.
    pub gone_prices: Vec<(Amount, Currency)>,
    /// Which lines have a seat or another category by now that their live tickets do not say, in words.
    pub changed: Vec<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum RefreshOutcome {
    /// The order has new tickets: its unfinished ones.
    Grown(Vec<Ticket>),
    /// It has the tickets that it had; what needs a person is on the attention list.
    Unchanged,
    /// The order has been claimed by somebody else, voided or erased.
    Stale,
    /// Another ticket has this number already: derive the next one and try again.
    NumberTaken(String),
}

/// Whether Ordering will be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskOutcome {
    /// It will, at once.
    Asked,
    /// It will once the order is issued.
    Later,
    /// There is no such order, or nobody has paid it.
    Unknown,
    /// The order is void.
    Void,
    /// Its personal data was erased.
    Erased,
    /// It was taken over from an earlier service.
    Imported,
}

/// Orders that may have grown.
#[async_trait]
pub trait Refreshes: Send + Sync {
    /// Ends the claim of an issued order with what Ordering's newer answer says, in one transaction.
    ///
    /// New tickets are written once the payments that were not refunded cover all lines, and the live tickets of lines
    /// that are gone, in one currency, or where [`Self::ask_ordering`] said so. Until then they wait, on the attention
    /// list with both sums; so are payments of more than all lines cost, and an answer of which nobody can tell what is new. The
    /// tickets that were there stay as they are, but for the flag `amount_mismatch`, which goes when the payments are what
    /// all lines cost.
    async fn refreshed(&self, refreshed: &Refreshed) -> Result<RefreshOutcome>;

    /// Has Ordering asked again about an order; with `issue`, what is new is issued whatever was paid.
    async fn ask_ordering(&self, order: OrderId, issue: bool) -> Result<AskOutcome>;
}
