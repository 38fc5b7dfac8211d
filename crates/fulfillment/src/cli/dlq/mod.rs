//! The command `fulfillment dlq`: dead letters, parked orders and parked refunds.

mod drop;
mod list;
mod replay;
mod show;

use clap::{Args, Subcommand};
use fulfillment_pipeline::operations::replay::everything;
use fulfillment_pipeline::operations::{Listed, NotListed};

use super::Context;
use super::confirm::Consent;
use crate::error::CliError;

/// Handle what needs an operator: rejected messages, parked orders and refunds, orders both paid and void
///
/// A message is named by its number, an order by its id, a refund by `refund:` and its id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment dlq list
  fulfillment dlq show 17 --raw > message.json
  fulfillment dlq replay --all                      after an update, or once Ordering works again
  fulfillment dlq drop 17 --reason 'a test message'")]
pub(crate) struct Dlq {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what needs an operator, oldest first
    ///
    /// One line each: its kind, its id for the other commands, its state, since when, its order, and the reason.
    #[command(after_help = "Examples:
  fulfillment dlq list
  fulfillment dlq list --closed                     and what was replayed or dropped
  fulfillment dlq list --json | jq '.letters[].reason'
Exit code: 0 nothing needs an operator, 1 something does.")]
    List {
        /// Include messages that were replayed or dropped
        #[arg(long)]
        closed: bool,
        /// The maximum number of each kind
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one in full: its source, why it is listed, its original bytes
    #[command(after_help = "Examples:
  fulfillment dlq show 17
  fulfillment dlq show 17 --raw > message.json      the original bytes and nothing else
  fulfillment dlq show 7d444840-9dc0-11d1-b245-5ffdce74fad2
Exit code: 1 when there is none.")]
    Show {
        /// Its number, its order's id, or refund:ID
        id: String,
        /// Print only the original bytes of a message
        #[arg(long)]
        raw: bool,
    },
    /// Process messages again under their original coordinates, and retry parked orders
    ///
    /// A message that was accepted meanwhile is a duplicate and changes nothing, so replaying is always safe.
    #[command(after_help = "Examples:
  fulfillment dlq replay 17 18
  fulfillment dlq replay --all
Exit code: 1 when one of them fails again.")]
    Replay {
        /// Numbers of messages and ids of orders
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that are listed
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Mark one as handled: it is kept with the reason and no longer listed
    ///
    /// An order that waits for its tickets cannot be dropped: cancel it, so that later payments are reported. An order
    /// without a payment can: its refunds and cancellations then do not affect a payment that arrives later.
    #[command(after_help = "Examples:
  fulfillment dlq drop 17 --reason 'a test message'
  fulfillment dlq drop 7d444840-9dc0-11d1-b245-5ffdce74fad2 --reason 'the money went back by bank'
  fulfillment dlq drop refund:R-18 --reason 'goodwill'
  fulfillment dlq drop --event EVENT --reason 'refunded by the promoter' --dry-run    how many; changes nothing
It says what it drops, and asks; --yes does not.
Exit code: 1 when there is none, 2 when it is not confirmed.")]
    Drop {
        /// Its number, its order's id, or refund:ID
        #[arg(required_unless_present = "event")]
        id: Option<String>,
        /// Instead of an id: all that is listed about orders with tickets for this event
        #[arg(long, conflicts_with = "id")]
        event: Option<String>,
        /// The reason, as free text
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        consent: Consent,
    },
}

fn named(id: &str) -> Result<Listed, CliError> {
    id.parse().map_err(|why: NotListed| CliError::misuse(why))
}

impl Dlq {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        match self.action {
            Action::List { closed, limit } => list::list(context, store.as_ref(), closed, limit).await,
            Action::Show { id, raw } => show::show(context, store.as_ref(), &named(&id)?, raw).await,
            Action::Replay { ids, all } => {
                let names = if all {
                    everything(store.as_ref()).await?
                } else {
                    ids.iter().map(|id| named(id)).collect::<Result<_, _>>()?
                };
                replay::replay(context, &config, store, names).await
            }
            Action::Drop { id, event, reason, consent } => {
                let what = match (id, event) {
                    (Some(id), _) => named(&id)?,
                    (None, event) => Listed::Event(event.unwrap_or_default()),
                };
                drop::put_aside(context, store.as_ref(), &what, &reason, consent).await
            }
        }
    }
}
