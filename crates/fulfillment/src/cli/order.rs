//! `fulfillment order`

use clap::{Args, Subcommand};
use fulfillment_domain::{OrderId, ticket_number};
use fulfillment_store::OrderRecord;

use super::Context;
use crate::stop::Stop;

/// Show an order: where it stands and why, its payments and its tickets
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment order show 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order show --json ID | jq '.tickets[].id'")]
pub(crate) struct Order {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one order
    #[command(after_help = "Examples:
  fulfillment order show 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order show --json ID | jq '.tickets[].id'
Exit code: 0 shown, 1 no payment of it has come.")]
    Show {
        /// The order's id
        id: OrderId,
    },
}

impl Order {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let Action::Show { id } = self.action;
        let store = context.store(&context.config()?).await?;
        let order = store
            .order(id)
            .await?
            .ok_or_else(|| Stop::no(format!("no payment of an order {id} has come")))?;
        context.answer(&order, describe)
    }
}

fn describe(order: &OrderRecord) -> String {
    let mut lines = vec![format!("order       {}", order.order_id), format!("state       {}", order.state)];
    if let Some(reason) = &order.reason {
        lines.push(format!("why         {reason}"));
    }
    if let Some(next) = order.next_attempt_at {
        lines.push(format!("next try    {next} (after {})", order.attempts));
    }
    lines.push(format!("paid        {}", order.received_at));
    for payment in &order.payments {
        let amount = payment.amount.map(|a| a.to_string()).unwrap_or_default();
        let currency = payment.currency.map(|c| c.to_string()).unwrap_or_default();
        lines.push(format!("payment     {}  {amount} {currency}  {}", payment.key, payment.outcome));
    }
    for ticket in &order.tickets {
        let number = ticket_number::grouped(&ticket.ticket_number);
        lines.push(format!("ticket      {}  {number}  {:<9}  {}", ticket.id, ticket.status, ticket.seat));
    }
    lines.join("\n")
}
