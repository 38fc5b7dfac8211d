//! The command `fulfillment status`: what needs a person, and how far everything is.

mod print;

use clap::Args;
use fulfillment_config::{Config, Scope};
use fulfillment_domain::Clock as _;
use fulfillment_domain::event_record::event_id;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::operations::status::{Service, status, status_of_event};
use fulfillment_store::EventsWanted;
use reqwest::StatusCode;
use serde::Deserialize;

use super::{Context, running};
use crate::error::CliError;

/// Show what needs a person, first, and how far everything is
///
/// The store says what waits, is parked or failed, and the running service how its neighbours are. `GET /status` answers
/// the same. Errors are grouped, without ids, numbers, addresses and quoted text.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment status
  fulfillment status --event EVENT                          its tickets, counted now
  fulfillment status --all-events --before 120              past events too, from number 119 down
  fulfillment status --json | jq '.needsAPerson[] | [.kind, .count, .remedy]'
Exit code: 0 nothing needs a person, 1 something does, 3 the store cannot be reached.")]
pub(crate) struct Status {
    /// Only this event, with its tickets counted now
    #[arg(long)]
    event: Option<String>,
    /// Also events that ended more than a day ago
    #[arg(long, conflicts_with = "event")]
    all_events: bool,
    /// Only events with a lower number: the next page
    #[arg(long, value_name = "NUMBER", conflicts_with = "event")]
    before: Option<u32>,
}

/// The part of the route's answer that the store does not have.
#[derive(Deserialize)]
struct Answer {
    service: Option<Service>,
}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let (service, silence) = match ask(&config).await {
            Ok(service) => (Some(service), None),
            Err(why) => (None, Some(why)),
        };
        let now = SystemClock.now();
        let found = if let Some(event) = self.event {
            let id = event_id(&event).map_err(CliError::misuse)?;
            let found = status_of_event(store.as_ref(), &id, service, now).await?;
            found.ok_or_else(|| CliError::failed(format!("there is no event {id}")))?
        } else {
            let wanted = EventsWanted { past: self.all_events, before: self.before };
            status(store.as_ref(), wanted, service, now).await?
        };
        context.answer(&found, |found| print::describe(found, silence.as_deref()))?;
        if found.needs_a_person.is_empty() { Ok(()) } else { Err(CliError::failed("")) }
    }
}

/// What the running service knows, or why it does not say it.
async fn ask(config: &Config) -> Result<Service, String> {
    let scopes = [Scope::ReadStatus, Scope::Read, Scope::Admin];
    let address = running::address(config);
    let asked = running::get::<Answer>(config, "/status", &scopes, &[StatusCode::OK]).await;
    match asked {
        Ok((_, Some(Answer { service: Some(service) }))) => Ok(service),
        Ok((StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => Err(format!(
            "the service at {address} refuses the request: set FULFILLMENT_HTTP_TOKEN to a token with the scope \
             read:status"
        )),
        Ok((status, _)) => Err(format!("{address} answers {}", status.as_u16())),
        Err(error) => Err(format!("no service answers at {address}: {}", error.without_url())),
    }
}
