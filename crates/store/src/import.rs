//! Orders that an earlier service has issued, and their import.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket};

use crate::{Actor, Result};

/// An order that an earlier service has issued.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedOrder {
    /// The order.
    pub order_id: OrderId,
    /// Its tickets as they are to be recorded: with files, and with one event counted as published.
    pub tickets: Vec<Ticket>,
}

/// The outcome for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is recorded as issued.
    Imported,
    /// The order is already recorded; nothing was written.
    Known,
    /// One of its tickets' ids belongs to another order; nothing was written.
    Taken,
    /// Another ticket has this number already: derive the next one and try again.
    NumberTaken(String),
}

/// Importing orders from an earlier service.
#[async_trait]
pub trait Import: Send + Sync {
    /// Records orders as issued, in one transaction, and returns the outcomes in the same order. No event is published:
    /// the earlier service did that. The first payment that arrives for such an order is treated as the one that made
    /// it, and is a `Duplicate`. A seat that another ticket has is flagged.
    async fn import(&self, orders: &[ImportedOrder], by: &Actor) -> Result<Vec<ImportOutcome>>;
}
