//! Lists of orders and tickets.

use async_trait::async_trait;
use fulfillment_domain::OrderId;

pub use crate::decide::listing::{BadFilter, ListQuery};
use crate::listed::{Listed, OrderRow, TicketRow};
use crate::{Actor, Result};

/// Lists of orders and tickets. An order is in them some seconds after its payment, and is found by new words some seconds
/// after they were written. Each answer costs a bounded number of rows, however many match.
#[async_trait]
pub trait Lists: Send + Sync {
    /// Orders that match.
    async fn list_orders(&self, query: &ListQuery) -> Result<Listed<OrderRow>>;

    /// Tickets that match.
    async fn list_tickets(&self, query: &ListQuery) -> Result<Listed<TicketRow>>;

    /// Has all orders read anew for the lists; [`crate::People::note_people`] reads them.
    async fn reindex(&self, by: &Actor) -> Result<()>;

    /// The order that was read last, while those of before are being read; none when all have been.
    async fn reindexed_to(&self) -> Result<Option<OrderId>>;
}
