//! The command `fulfillment health`: asks the running service whether it is ready.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::Context;
use crate::error::CliError;

/// Ask the service on this machine whether it is ready
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fulfillment health      exit code 0 ready, 1 not ready, 3 not reachable; a container's health check")]
pub(crate) struct Health {}

impl Health {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let mut address = config.http.listen;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let ask = async {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).no_proxy().build()?;
            let mut request = client.get(format!("http://{address}/health/ready"));
            // Only with a token is it told why a part is in trouble.
            if let Some(token) = config.tokens.iter().find_map(|token| token.token.as_ref()) {
                request = request.bearer_auth(token.expose());
            }
            let answer = request.send().await?;
            let ready = answer.status().is_success();
            Ok::<_, reqwest::Error>((ready, answer.json::<Value>().await?))
        };
        let (ready, body) = ask.await.map_err(|error| {
            CliError::Unreachable(anyhow::Error::from(error).context(format!("no answer from {address}")))
        })?;
        context.answer(&body, ToString::to_string)?;
        if ready { Ok(()) } else { Err(CliError::failed("")) }
    }
}
