//! `fulfillment ticket`

use clap::{Args, Subcommand};
use fulfillment_domain::{Money, ticket_number};
use fulfillment_store::Store;

use super::Context;
use crate::stop::Stop;

/// Show a ticket
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment ticket show 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket show 7Q2FK-9XM4D           by the number printed on it
  fulfillment ticket show --json ID | jq .status")]
pub(crate) struct Ticket {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one ticket's record
    #[command(after_help = "Examples:
  fulfillment ticket show 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket show 7Q2FK-9XM4D           by the number printed on it
  fulfillment ticket show --json ID | jq .status
Exit code: 0 shown, 1 there is none.")]
    Show {
        /// The ticket's id, or the number printed on it
        id: String,
    },
}

impl Ticket {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let Action::Show { id } = self.action;
        let store = context.store(&context.config()?).await?;
        let ticket = find(store.as_ref(), &id).await?;
        context.answer(&ticket, describe)
    }
}

/// The ticket of this id, or of this number as printed on it.
pub(super) async fn find(store: &dyn Store, text: &str) -> Result<fulfillment_domain::Ticket, Stop> {
    let found = match (text.parse(), ticket_number::normalise(text)) {
        (Ok(id), _) => store.ticket(id).await?,
        (Err(_), Some(number)) => store.ticket_by_number(&number).await?,
        (Err(error), None) => {
            return Err(Stop::misuse(format!("{text:?} {error}, and is no ticket number either")));
        }
    };
    found.ok_or_else(|| Stop::no(format!("there is no ticket {text}")))
}

/// A ticket for people.
fn describe(ticket: &fulfillment_domain::Ticket) -> String {
    let mut lines = vec![
        format!("ticket      {}  {}", ticket.id, ticket_number::grouped(&ticket.ticket_number)),
        format!("status      {}", ticket.status),
        format!("order       {}  ({} of {})", ticket.order_id, ticket.ticket_index, ticket.ticket_count),
        format!("event       {}", ticket.event_name),
        format!("seat        {}", ticket.seat),
        format!("price       {}", Money { amount: ticket.price, currency: ticket.currency }),
    ];
    let mut maybe = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name:<11} {value}"));
        }
    };
    maybe("file", ticket.ticket_pdf_path.clone());
    maybe("generated", ticket.generated_at.map(|t| t.to_string()));
    maybe("delivered", ticket.delivered_at.map(|t| t.to_string()));
    maybe("voided", ticket.voided_at.map(|t| t.to_string()));
    maybe("why", ticket.void_reason.clone().or_else(|| ticket.last_error.clone()));
    let flags = ticket.flags.to_stored();
    maybe("flags", (!flags.is_empty()).then_some(flags));
    lines.join("\n")
}
