//! The command `fulfillment refund`: records a refund.

use clap::Args;
use fulfillment_domain::{Amount, Currency, OrderId, Subject, TicketId};
use serde_json::json;

use super::Context;
use super::withdraw::withdraw;
use crate::error::CliError;

/// Record a refund, like a message on the topic payment-refunded
///
/// Tickets that are named are voided, and named items are if the amount covers their price. Without either, the order
/// is voided once all its payments are refunded in full; a partial refund is then parked and voids nothing. Repeating
/// the command changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment refund --id R-17 --order 7d444840-9dc0-11d1-b245-5ffdce74fad2 --payment aa444840-9dc0-41d1-8245-5ffdce74fad2
  fulfillment refund --id R-18 --order ID --payment ID --item A-1 --amount 59.50 --currency EUR --reason 'fell ill'
  fulfillment refund --id R-19 --order ID --item A-1 --quantity 2
Exit code: 1 when it contradicts an earlier refund with the same id, or no payment for the order has arrived.")]
pub(crate) struct Refund {
    /// The refund's id: the same id means the same refund
    #[arg(long, value_name = "ID")]
    id: String,
    /// The order
    #[arg(long, value_name = "ID")]
    order: OrderId,
    /// The payment [default: the order's only one]
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
    /// The amount [default: the full payment]
    #[arg(long)]
    amount: Option<Amount>,
    /// The currency of the amount
    #[arg(long)]
    currency: Option<Currency>,
    /// An item that was refunded, with all its tickets; can be repeated
    #[arg(long = "item", value_name = "ID")]
    items: Vec<String>,
    /// Only this many tickets of the one item, the last ones, regardless of the amount
    #[arg(long, value_name = "N", requires = "items", value_parser = clap::value_parser!(u32).range(1..))]
    quantity: Option<u32>,
    /// A ticket that was refunded; can be repeated
    #[arg(long = "ticket", value_name = "ID")]
    tickets: Vec<TicketId>,
    /// The reason, as free text
    #[arg(long)]
    reason: Option<String>,
    /// Record it even if no payment for the order has arrived: it waits for the payment
    #[arg(long)]
    before_payment: bool,
}

impl Refund {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let mut said = json!({
            "refundId": self.id, "orderId": self.order, "paymentId": self.payment, "amount": self.amount,
            "currency": self.currency, "itemIds": self.items, "ticketIds": self.tickets, "reason": self.reason,
        });
        if let Some(quantity) = self.quantity {
            let [item] = &self.items[..] else {
                return Err(CliError::misuse("--quantity needs exactly one --item"));
            };
            said["items"] = json!([{ "itemId": item, "quantity": quantity }]);
            said["itemIds"] = json!([]);
        }
        withdraw(context, "refund", Subject::Refund, &said, self.before_payment).await
    }
}
