//! Taking over from an earlier service.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket};

use crate::Result;

/// An order that an earlier service has issued.
#[derive(Debug, Clone, PartialEq)]
pub struct AdoptedOrder {
    /// Which.
    pub order_id: OrderId,
    /// Its tickets as they are to stand: with files, and announced once.
    pub tickets: Vec<Ticket>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdoptionOutcome {
    /// It stands as issued.
    Adopted,
    /// The order is known already, and nothing was written.
    Known,
    /// One of its tickets' ids is of another order, and nothing was written.
    Taken,
    /// Another ticket has this number already: derive the next one and try again.
    NumberTaken(String),
}

/// Taking over.
#[async_trait]
pub trait Adoption: Send + Sync {
    /// Records orders as issued, in one transaction, answering in their order. Nothing is announced: the earlier service
    /// did. The first payment of such an order that comes is taken for the one that made it, and is a `Duplicate`.
    /// A seat that is another ticket's is flagged.
    async fn adopt(&self, orders: &[AdoptedOrder]) -> Result<Vec<AdoptionOutcome>>;
}
