//! The service that runs on this machine, asked over HTTP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fulfillment_config::{Config, Scope};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Where the service of these settings is reached from this machine.
pub(super) fn address(config: &Config) -> SocketAddr {
    let mut address = config.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Sends a GET request, with a token of the settings: one that has one of these scopes, if there is one. The body is read
/// as JSON if the status is one of `read`.
///
/// # Errors
/// Nobody answers, or the answer is not of this service.
pub(super) async fn get<T: DeserializeOwned>(
    config: &Config,
    path: &str,
    scopes: &[Scope],
    read: &[StatusCode],
) -> reqwest::Result<(StatusCode, Option<T>)> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
    let mut request = client.get(format!("http://{}{path}", address(config)));
    let fits = |scope: &Scope| scopes.contains(scope);
    let best = config.tokens.iter().find(|token| token.token.is_some() && token.scopes.iter().any(fits));
    let token = best.or_else(|| config.tokens.iter().find(|token| token.token.is_some()));
    if let Some(token) = token.and_then(|token| token.token.as_ref()) {
        request = request.bearer_auth(token.expose());
    }
    let answer = request.send().await?;
    let status = answer.status();
    let body = if read.contains(&status) { Some(answer.json().await?) } else { None };
    Ok((status, body))
}
