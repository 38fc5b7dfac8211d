//! Removing personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::Result;

/// What was removed of an order. No personal data in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Which.
    pub order_id: OrderId,
    /// When it was first erased.
    pub erased_at: Timestamp,
    /// Its tickets, by index.
    pub tickets: Vec<TicketId>,
    /// Every name that a file of theirs can have, of whatever generation. The files are the caller's to remove.
    #[serde(skip)]
    pub files: Vec<String>,
    /// Raw messages emptied by this call.
    pub messages: u64,
    /// Dead letters emptied by this call.
    pub letters: u64,
    /// Events rewritten by this call.
    pub events: u64,
}

/// Removing personal data. It is gone for good, and stays away: what comes of an erased order later is counted and
/// kept without its content, and no worker makes anything of it.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// The orders that an e-mail address occurs in, as it stands or in other case: of the buyer or a holder, now or in
    /// an earlier generation, or in a message or answer that is kept raw.
    async fn orders_of(&self, email: &str) -> Result<Vec<OrderId>>;

    /// Removes an order's personal data, in one transaction: names, addresses and customer ids, Ordering's answers, raw
    /// messages and dead letters that name it, earlier generations' rows, free text, and what of it stands in events;
    /// one that would tell a destination of a ticket is sent no more. The fence is raised. What stays: ids, amounts,
    /// event, seat, category, the codes and whether they are void.
    ///
    /// An order that is not issued wholly is void where it is not: what its tickets would say is gone. `None` when there
    /// is no such order. Doing it again answers the same, and removes what has come since.
    async fn erase(&self, order: OrderId) -> Result<Option<Erased>>;

    /// Empties the dead letters of no order that an e-mail address occurs in. Answers how many.
    async fn erase_letters(&self, email: &str) -> Result<u64>;

    /// Orders not erased whose event ended, or began if nobody knows its end, longer ago than `age`; up to `limit`.
    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>>;

    /// Every name that a file of a ticket can have, of tickets erased less than `age` ago, by ticket: up to `limit`
    /// tickets after `after`.
    async fn files_of_erased(
        &self,
        age: Duration,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<(TicketId, Vec<String>)>>;
}
