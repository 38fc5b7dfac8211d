//! The command `fulfillment health`: asks the running service whether it is ready.

use clap::Args;
use fulfillment_config::Scope;
use reqwest::StatusCode;
use serde_json::Value;

use super::{Context, running};
use crate::error::CliError;

/// Ask the service on this machine whether it is ready
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fulfillment health      exit code 0 ready, 1 not ready, 3 not reachable; a container's health check")]
pub(crate) struct Health {}

impl Health {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        // Only with a token, whatever its scopes, is it told why a part is in trouble.
        let read = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
        let asked = running::get::<Value>(&config, "/health/ready", Scope::ALL, &read).await;
        let address = running::address(&config);
        let (status, body) = asked.map_err(|error| {
            CliError::Unreachable(anyhow::Error::from(error).context(format!("no answer from {address}")))
        })?;
        let Some(body) = body else {
            return Err(CliError::Unreachable(anyhow::anyhow!("{address} answers {}", status.as_u16())));
        };
        context.answer(&body, ToString::to_string)?;
        if status.is_success() { Ok(()) } else { Err(CliError::failed("")) }
    }
}
