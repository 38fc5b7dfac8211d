//! `fulfillment dlq`

mod drop;
mod list;
mod replay;
mod show;

use clap::{Args, Subcommand};
use fulfillment_domain::OrderId;

use super::Context;
use crate::stop::Stop;

/// Look at what needs a person: messages that could not be taken, parked orders and refunds, orders paid and void
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
    /// List what needs a person, oldest first
    ///
    /// One line each: what it is, its name for the other commands, where it is, since when, its order, and why.
    #[command(after_help = "Examples:
  fulfillment dlq list
  fulfillment dlq list --closed                     and what was replayed or dropped
  fulfillment dlq list --json | jq '.letters[].reason'
Exit code: 0 nothing needs a person, 1 something does.")]
    List {
        /// Messages that were replayed or dropped, too
        #[arg(long)]
        closed: bool,
        /// The most of each kind
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one whole: where it came from, why it is listed, its original bytes
    #[command(after_help = "Examples:
  fulfillment dlq show 17
  fulfillment dlq show 17 --raw > message.json      the original bytes and nothing else
  fulfillment dlq show 7d444840-9dc0-11d1-b245-5ffdce74fad2
Exit code: 1 when there is none.")]
    Show {
        /// Its number, its order's id, or refund:ID
        id: String,
        /// Print the original bytes of a message alone
        #[arg(long)]
        raw: bool,
    },
    /// Bring messages to the inbox again, under their own coordinates, and set parked orders going
    ///
    /// What is known by then is a duplicate and changes nothing, so everything can be replayed again.
    #[command(after_help = "Examples:
  fulfillment dlq replay 17 18
  fulfillment dlq replay --all
Exit code: 1 when one of them cannot be taken this time either.")]
    Replay {
        /// Numbers of messages and ids of orders
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Everything that is listed
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Say that one was looked at: it is kept with the reason, and shown no more
    ///
    /// An order that waits for its tickets is not dropped: cancel it, so that a payment of it is never quiet. One that
    /// nobody has paid is: its refunds and cancellations do nothing to a payment that comes later.
    #[command(after_help = "Examples:
  fulfillment dlq drop 17 --reason 'a test message'
  fulfillment dlq drop 7d444840-9dc0-11d1-b245-5ffdce74fad2 --reason 'the money went back by bank'
  fulfillment dlq drop refund:R-18 --reason 'goodwill'
  fulfillment dlq drop --event EVENT --reason 'refunded by the promoter'
Exit code: 1 when there is none.")]
    Drop {
        /// Its number, its order's id, or refund:ID
        #[arg(required_unless_present = "event")]
        id: Option<String>,
        /// Whatever is listed about orders that have tickets for this event, in place of an id
        #[arg(long, conflicts_with = "id")]
        event: Option<String>,
        /// Why, for people
        #[arg(long)]
        reason: String,
    },
}

/// What can be named.
enum Name {
    Letter(i64),
    Order(OrderId),
    Refund(String),
    Event(String),
}

impl Name {
    fn read(text: &str) -> Result<Self, Stop> {
        if text.starts_with("refund:") {
            return Ok(Self::Refund(text.to_owned()));
        }
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Ok(Self::Letter(number)),
            (_, Ok(order)) => Ok(Self::Order(order)),
            _ => Err(Stop::misuse(format!("{text:?} is no number, no order's id and no refund:ID"))),
        }
    }
}

impl Dlq {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        match self.action {
            Action::List { closed, limit } => list::list(context, store.as_ref(), closed, limit).await,
            Action::Show { id, raw } => show::show(context, store.as_ref(), &Name::read(&id)?, raw).await,
            Action::Replay { ids, all } => {
                let names = if all {
                    replay::everything(store.as_ref()).await?
                } else {
                    ids.iter().map(|id| Name::read(id)).collect::<Result<_, _>>()?
                };
                replay::replay(context, &config, store, names).await
            }
            Action::Drop { id, event, reason } => {
                let name = match (id, event) {
                    (Some(id), _) => Name::read(&id)?,
                    (None, event) => Name::Event(event.unwrap_or_default()),
                };
                drop::put_aside(context, store.as_ref(), name, reason).await
            }
        }
    }
}
