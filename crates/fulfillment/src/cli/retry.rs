//! The command `fulfillment retry`: retries parked and waiting orders.

use clap::Args;
use fulfillment_domain::OrderId;
use fulfillment_pipeline::operations::retry as operations;
use fulfillment_store::RetrySelection;
use serde::Serialize;

use super::Context;
use super::erase::ERASED;
use crate::error::CliError;

/// Retry parked, waiting or failed orders now, with a new retry budget
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment retry --all                                          after an outage is over
  fulfillment retry --order 7d444840-9dc0-11d1-b245-5ffdce74fad2   one order
  fulfillment retry --ticket 8a0c808e-49a3-8ac3-bc48-7b143f4e409e  the order of one ticket
  fulfillment retry --ticket 7Q2FK-9XM4D                           by the number printed on it
Exit code: 1 when there is no such order or ticket, or it is neither parked nor waiting.")]
pub(crate) struct Retry {
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Selection {
    /// All orders that are parked or waiting for another attempt
    #[arg(long)]
    all: bool,
    /// One order
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// The order of one ticket, by the ticket's id or the number printed on it
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retried {
    orders: u64,
}

impl Retry {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let store = context.store(&context.config()?).await?;
        let selection = match (self.selection.order, self.selection.ticket) {
            (Some(order), _) => RetrySelection::Order(order),
            (_, Some(ticket)) => {
                RetrySelection::Ticket(super::ticket::find(store.as_ref(), &ticket).await?.id)
            }
            (None, None) => RetrySelection::All,
        };
        let operations::Retried { orders, erased } =
            operations::retry(store.as_ref(), selection, &context.actor()).await?;
        context.answer(&Retried { orders }, |r| match r.orders {
            0 if erased => format!("nothing to retry: the order was erased: {ERASED}"),
            0 => "nothing to retry: no such order is parked or waiting".to_owned(),
            1 => "1 order queued for retry".to_owned(),
            n => format!("{n} orders queued for retry"),
        })?;
        if orders == 0 && selection != RetrySelection::All { Err(CliError::failed("")) } else { Ok(()) }
    }
}
