//! The command `fulfillment destination`: what waits for each destination of events, and closing what a removed one
//! left.

use clap::{Args, Subcommand};
use fulfillment_pipeline::operations::destinations::{DestinationDesk, NotClosed};
use fulfillment_store::DestinationBacklog;
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::error::CliError;
use crate::wiring;

/// List the destinations of events, or close what waits for one that was removed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment destination list
  fulfillment destination drop webhook:old --reason 'replaced by webhook:new'")]
pub(crate) struct Destination {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every destination that is configured or that events still wait for
    #[command(after_help = "Examples:
  fulfillment destination list
  fulfillment destination list --json | jq '.[] | select(.configured | not)'")]
    List,
    /// Close everything that waits for a destination which is no longer in the settings: it is never sent
    #[command(after_help = "Examples:
  fulfillment destination drop webhook:old --reason 'replaced by webhook:new'
Exit code: 1 when it is still in the settings, or nothing waits for it.")]
    Drop {
        /// Its name, as `destination list` shows it
        name: String,
        /// The reason, as free text; it is kept with each delivery
        #[arg(long, default_value = "the destination was removed")]
        reason: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(flatten)]
    backlog: DestinationBacklog,
    configured: bool,
}

impl Destination {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let desk = DestinationDesk { store, configured: wiring::destinations(&config) };
        match self.action {
            Action::List => {
                let all = desk.list().await?;
                let all: Vec<_> =
                    all.into_iter().map(|(backlog, configured)| Listed { backlog, configured }).collect();
                context.answer(&all, |all| table(all))
            }
            Action::Drop { name, reason } => {
                let closed = desk.drop(&name, &reason, &context.actor()).await.map_err(|why| match why {
                    NotClosed::Store(error) => CliError::from(error),
                    why => CliError::failed(why.to_string()),
                })?;
                context.answer(&json!({ "name": name, "closed": closed }), |_| {
                    format!("{name}: {closed} deliveries closed, which are never sent")
                })
            }
        }
    }
}

fn table(all: &[Listed]) -> String {
    if all.is_empty() {
        return "no destination is configured, and no event waits for one".to_owned();
    }
    let width = all.iter().map(|one| one.backlog.name.len()).max().unwrap_or_default();
    let line = |one: &Listed| {
        let DestinationBacklog { name, waiting, parked, since, reason } = &one.backlog;
        let since = since.map(|since| format!(", the oldest since {since}")).unwrap_or_default();
        let known = if one.configured { "" } else { "  not in the settings" };
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{name:width$}  {waiting} waiting, {parked} parked{since}{reason}{known}")
    };
    crate::terminal::lines(all.iter().map(line))
}
