//! Removing personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::Result;

/// What was removed from an order, without personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// The order.
    pub order_id: OrderId,
    /// When it was first erased.
    pub erased_at: Timestamp,
    /// Its tickets, by index.
    pub tickets: Vec<TicketId>,
    /// Every name that a file of these tickets can have, of any generation. The caller removes the files.
    #[serde(skip)]
    pub files: Vec<String>,
    /// Raw messages emptied by this call.
    pub messages: u64,
    /// Dead letters emptied by this call.
    pub letters: u64,
    /// Events rewritten by this call.
    pub events: u64,
}

/// Removing personal data. The removal is permanent: messages of an erased order that arrive later are counted and kept
/// without their content, and no worker processes them.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// The orders in which an e-mail address occurs, in any case: as the buyer's or a holder's, now or in an earlier
    /// generation, or in a stored raw message or answer.
    async fn orders_of(&self, email: &str) -> Result<Vec<OrderId>>;

    /// Removes an order's personal data, in one transaction: names, addresses and customer ids, Ordering's answers, raw
    /// messages and dead letters that contain it, earlier generations' rows, free text, and personal data in events;
    /// undelivered events about a ticket are not sent any more. The fence is raised. Kept are: ids, amounts, event,
    /// seat, category, the codes and whether they are void.
    ///
    /// An order that is not wholly issued becomes void: the data for its missing tickets is gone. `None` when there is
    /// no such order. A repeat returns the same, and removes what has arrived since.
    async fn erase(&self, order: OrderId) -> Result<Option<Erased>>;

    /// Empties the dead letters without an order in which an e-mail address occurs. Returns how many.
    async fn erase_letters(&self, email: &str) -> Result<u64>;

    /// Orders not erased whose event ended, or began if its end is unknown, longer ago than `age`; up to `limit`.
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
