//! The command `fulfillment serve`: runs the service.

use std::net::SocketAddr;

use clap::{Args, ValueEnum as _};
use fulfillment_config::BadConfig;
use serde::Serialize;
use tracing::{info, warn};

use super::Context;
use crate::error::CliError;
use crate::lifecycle::Running;
use crate::signals::Signals;
use crate::traces::Traces;
use crate::wiring::{Role, exposures};

/// Run the service
///
/// Updates the schema, checks that store, keys and file storage belong together, and runs until it gets a signal: on
/// the first, work in progress is finished; on the second, the process ends at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment serve
  fulfillment serve --config /etc/fulfillment.toml
  fulfillment serve --roles http          serves tickets and takes payments
  fulfillment serve --roles ingest,issue,relay
  fulfillment serve --json                says on standard output where it serves, once it does
Health and metrics are served whatever the roles.")]
pub(crate) struct Serve {
    /// What this process does: http (tickets out, payments in), ingest (payments from Kafka), issue (orders
    /// to tickets), relay (events out)
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Role::value_variants())]
    roles: Vec<Role>,
}

/// Printed once, when the service can be reached.
#[derive(Serialize)]
struct Serving<'a> {
    address: SocketAddr,
    roles: &'a [Role],
}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let exposures = exposures(&config, self.roles.contains(&Role::Http), &context.environment).await;
        if !exposures.is_empty() {
            return Err(BadConfig::from(exposures).into());
        }
        let traces = Traces::start(&context.environment)?;
        crate::telemetry::log(&config.log, &context.environment, traces.as_ref())?;
        for stray in &config.strays {
            warn!(variable = stray.key, "a variable {}", stray.message);
        }
        for narrowed in config.narrowed_tokens() {
            warn!(token = narrowed.key, "its scope {}", narrowed.message);
        }
        let mut signals = Signals::listen()?;
        let service = tokio::select! {
            started = Running::start(&config, &context.environment, &self.roles, None) => started?,
            // No work is in flight yet.
            () = signals.next() => return Ok(()),
        };
        info!(address = %service.address, roles = ?self.roles, "serving");
        if context.global.json {
            context.answer(&Serving { address: service.address, roles: &self.roles }, |_| String::new())?;
        }
        let broken = tokio::select! {
            () = signals.first_of_two() => false,
            () = service.broken() => true,
        };
        service.shut_down().await;
        if let Some(traces) = traces {
            traces.end().await;
        }
        if broken { Err(CliError::broken()) } else { Ok(()) }
    }
}
