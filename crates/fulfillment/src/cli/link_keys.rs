//! `fulfillment keys links`: the secrets that sign links to tickets.

use clap::Subcommand;
use fulfillment_config::Config;
use fulfillment_domain::Clock as _;
use fulfillment_domain::links::LinkSecrets;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{self, Keyring};
use fulfillment_store::Action;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::error::CliError;

/// By this time every process knows a new secret.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(super) enum Links {
    /// List the secrets by their fingerprints, newest first
    #[command(after_help = "Examples:
  fulfillment keys links list
  fulfillment keys links list --json | jq -r '.[].state'
Exit code: 1 when there are no keys.")]
    List,
    /// Create another secret: it signs links after ten seconds, and those of the former one stay good
    #[command(after_help = "Examples:
  fulfillment keys links new
Exit code: 1 when there are no keys, 2 when credential.link_secrets names the secrets.")]
    New,
    /// Accept only the newest secret: links that a former one signed no longer work without a token
    #[command(after_help = "Examples:
  fulfillment keys links end-overlap
Exit code: 1 when there are no keys, 2 when the newest secret does not sign yet or credential.link_secrets names the
secrets.")]
    EndOverlap,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    fingerprint: String,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    signs_from: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// New links are signed with it.
    Signs,
    /// Its time has not come yet; its links are accepted.
    Waits,
    /// Its links are accepted.
    Accepted,
}

pub(super) async fn run(context: &Context, config: &Config, links: &Links) -> Result<(), CliError> {
    let (dir, secret, now) = (config.keys_dir(), config.credential.secret.as_ref(), SystemClock.now());
    let none = || CliError::failed(format!("{} has no keys", dir.display()));
    if !matches!(links, Links::List) && config.credential.link_secrets.is_some() {
        return Err(CliError::misuse(
            "credential.link_secrets names the secrets: put a new one first there, and remove the others later",
        ));
    }
    match links {
        Links::List => {
            let keyring = Keyring::configured(config)?.ok_or_else(none)?;
            list(context, &keyring.links, now)
        }
        Links::New => {
            let from = now.saturating_add(KNOWN_AFTER).map_err(anyhow::Error::from)?;
            let secrets = keyring::new_link_secret(&dir, secret, from)?.ok_or_else(none)?;
            context.record(config, Action::NewLinks, newest(&secrets), 1).await;
            list(context, &secrets, now)
        }
        Links::EndOverlap => {
            let ended = keyring::end_link_overlap(&dir, secret, now)?.ok_or_else(none)?;
            if ended > 0 {
                let kept = Keyring::configured(config)?.ok_or_else(none)?;
                let times = u64::try_from(ended).unwrap_or(u64::MAX);
                context.record(config, Action::EndLinksOverlap, newest(&kept.links), times).await;
            }
            context.answer(&json!({ "ended": ended }), |_| match ended {
                0 => "there is one secret; nothing was changed".to_owned(),
                _ => "links of former secrets are refused from now on".to_owned(),
            })
        }
    }
}

/// The newest secret's fingerprint.
fn newest(secrets: &LinkSecrets) -> String {
    secrets.iter().next().map(|one| one.secret.fingerprint()).unwrap_or_default()
}

fn list(context: &Context, secrets: &LinkSecrets, now: Timestamp) -> Result<(), CliError> {
    let signs = secrets.signing(now).fingerprint();
    let all: Vec<_> = secrets
        .iter()
        .map(|one| {
            let fingerprint = one.secret.fingerprint();
            let state = match one.signs_from {
                _ if fingerprint == signs => State::Signs,
                Some(from) if from > now => State::Waits,
                _ => State::Accepted,
            };
            Listed { fingerprint, state, signs_from: one.signs_from }
        })
        .collect();
    context.answer(&all, |all| {
        let line = |one: &Listed| {
            let state = match (one.state, one.signs_from) {
                (State::Signs, _) => "signs".to_owned(),
                (State::Waits, Some(from)) => format!("signs from {from}"),
                _ => "accepted".to_owned(),
            };
            format!("{}  {state}", one.fingerprint)
        };
        all.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
