//! The command `fulfillment token`: makes, lists and revokes tokens of the HTTP API that are kept in the store.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use fulfillment_config::{Config, Scope, token_hash};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::random;
use fulfillment_store::{Actor, NewToken, TokenRecord, Tokens};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Context;
use crate::error::CliError;

/// How tokens begin, so that programs that look for leaked secrets find them.
const PREFIX: &str = "ftk_";

/// The longest name.
const LONGEST_NAME: usize = 64;

/// Names that logs and records show for callers without a token.
const RESERVED: [&str; 5] = ["anonymous", "link", "nobody", "http.token", "demo"];

/// Make, list or revoke tokens of the HTTP API
///
/// They are kept in the store, as hashes, and hold for every server of it, beside http.token and the `[[token]]` tables of
/// the settings. Once the store has had a token, requests without one are refused on every address.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment token new shop --scope ingest,withdraw --expires 90days
  fulfillment token list
  fulfillment token revoke shop")]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it, once: it is not kept
    #[command(after_help = "Examples:
  fulfillment token new shop --scope ingest,withdraw
  fulfillment token new mailer --scope deliver,read --expires 90days
  fulfillment token new prometheus --scope metrics --json | jq -r .token > /run/secrets/prometheus
Scopes: ingest (payments), withdraw (refunds, cancellations, voids), read:status (the state of orders and tickets), read
(also personal data, codes, links and files), events (the stream of events), deliver (that a ticket was delivered), door
(check tickets in, whether a code was voided), door:names (the names of
holders), door:supervise (overrides, the list of check-ins), metrics, audit, admin.
Exit code: 1 when the name is in use.")]
    New {
        /// Its name in logs and records: letters, digits, ., _ and -
        name: String,
        /// What it may do, separated by commas
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE", value_parser = scope_parser())]
        #[arg(hide_possible_values = true)]
        scope: Vec<Scope>,
        /// How long it is valid, like 90days, or until when, like 2027-01-31T00:00:00Z [default: until it is revoked]
        #[arg(long, value_name = "WHEN", value_parser = expiry)]
        expires: Option<Expiry>,
    },
    /// List the tokens in the store, without the tokens themselves
    #[command(after_help = "Examples:
  fulfillment token list
  fulfillment token list --all --json | jq '.[] | select(.state == \"revoked\")'")]
    List {
        /// Revoked ones too
        #[arg(long)]
        all: bool,
    },
    /// Revoke a token: every server refuses it within five seconds
    #[command(after_help = "Example:
  fulfillment token revoke shop
Exit code: 1 when there is no such token, or it was revoked before.")]
    Revoke {
        /// Its name, as `token list` shows it
        name: String,
    },
}

/// When a token expires.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    After(Duration),
    At(Timestamp),
}

/// Reads a scope; a word that is none is answered with those that exist and the nearest of them.
fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.iter().map(|scope| scope.as_str()))
        .try_map(|word| word.parse::<Scope>())
}

fn expiry(text: &str) -> Result<Expiry, String> {
    let span = humantime::parse_duration(text).map(Expiry::After);
    let wanted = "must be a duration, like 90days, or a time, like 2027-01-31T00:00:00Z";
    span.or_else(|_| text.parse().map(Expiry::At)).map_err(|_| wanted.to_owned())
}

/// A token that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    name: String,
    token: String,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// A token as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    state: State,
    scopes: Vec<String>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Valid,
    Expired,
    Revoked,
}

#[derive(Serialize)]
struct Revoked {
    name: String,
    revoked: bool,
}

impl TokenCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        if let Action::New { name, .. } = &self.action {
            check_name(name, &config)?;
        }
        let store = context.store(&config).await?;
        let now = SystemClock.now();
        match self.action {
            Action::New { name, scope, expires } => {
                let made = make(store.as_ref(), &context.actor(), name, &scope, expires, now).await?;
                context.answer(&made, describe)
            }
            Action::List { all } => {
                let tokens = store.tokens().await?.into_iter().map(|token| listed(token, now));
                let tokens: Vec<_> = tokens.filter(|token| all || token.state != State::Revoked).collect();
                context.answer(&tokens, |tokens| table(tokens))
            }
            Action::Revoke { name } => {
                if !store.revoke_token(&name, &context.actor()).await? {
                    return Err(CliError::failed(format!(
                        "the store has no token {name:?} to revoke; `fulfillment token list` shows those it has{}",
                        in_settings(&name, &config)
                    )));
                }
                context.answer(&Revoked { name, revoked: true }, |revoked| {
                    format!("{} is revoked; every server refuses it within five seconds", revoked.name)
                })
            }
        }
    }
}

/// Where a token is that the store does not have.
fn in_settings(name: &str, config: &Config) -> &'static str {
    if config.tokens.iter().any(|token| token.name == name) {
        "; this one is in the settings: remove it there and restart the servers"
    } else {
        ""
    }
}

/// A name stands for its token in logs and records, so that it must not be mistaken for another's.
fn check_name(name: &str, config: &Config) -> Result<(), CliError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
        return Err(CliError::misuse(format!(
            "a token's name must be at most {LONGEST_NAME} letters, digits, ., _ and -"
        )));
    }
    if RESERVED.contains(&name) {
        return Err(CliError::misuse(format!(
            "{name} is the name of other callers in logs: choose another one"
        )));
    }
    if config.tokens.iter().any(|token| token.name == name) {
        return Err(CliError::failed(format!("{name} is a token in the settings: choose another name")));
    }
    Ok(())
}

async fn make(
    store: &dyn Tokens,
    by: &Actor,
    name: String,
    scopes: &[Scope],
    expires: Option<Expiry>,
    now: Timestamp,
) -> Result<Made, CliError> {
    let expires_at = expires.map(|expires| match expires {
        Expiry::At(at) => Some(at),
        Expiry::After(span) => {
            SignedDuration::try_from(span).ok().and_then(|span| now.checked_add(span).ok())
        }
    });
    let expires_at = match expires_at {
        Some(None) => return Err(CliError::misuse("--expires is beyond the last time that can be written")),
        Some(Some(at)) if at <= now => return Err(CliError::misuse(format!("--expires is over: {at}"))),
        Some(at) => at,
        None => None,
    };
    let token = format!("{PREFIX}{}", hex::encode(random::<32>()));
    let mut scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    scopes.sort();
    scopes.dedup();
    let new = NewToken { sha256: token_hash(&token), name: name.clone(), scopes: scopes.clone(), expires_at };
    if !store.add_token(&new, by).await? {
        return Err(CliError::failed(format!(
            "a token with the name {name} is in use: choose another name, or revoke that one by `fulfillment token revoke \
             {name}`"
        )));
    }
    Ok(Made { name, token, scopes, expires_at })
}

fn describe(made: &Made) -> String {
    let until = made.expires_at.map_or_else(|| "it is revoked".to_owned(), |at| at.to_string());
    format!(
        "{}\n\n{} may: {}; valid until {until}.\nIt is shown once: keep it in a secret store.",
        made.token,
        made.name,
        made.scopes.join(", ")
    )
}

fn listed(token: TokenRecord, now: Timestamp) -> Listed {
    let TokenRecord { name, scopes, created_at, expires_at, revoked_at, .. } = token;
    let state = match (revoked_at, expires_at) {
        (Some(_), _) => State::Revoked,
        (None, Some(at)) if at <= now => State::Expired,
        (None, _) => State::Valid,
    };
    Listed { name, state, scopes, created_at, expires_at, revoked_at }
}

fn table(tokens: &[Listed]) -> String {
    if tokens.is_empty() {
        return "the store has no token; `fulfillment token new` makes one".to_owned();
    }
    let width = tokens.iter().map(|token| token.name.len()).max().unwrap_or_default();
    let line = |token: &Listed| {
        let Listed { name, scopes, created_at, expires_at, revoked_at, .. } = token;
        let end = match (token.state, expires_at, revoked_at) {
            (State::Revoked, _, Some(at)) => format!("revoked {at:.0}"),
            (State::Expired, Some(at), _) => format!("EXPIRED {at:.0}"),
            (_, Some(at), _) => format!("expires {at:.0}"),
            _ => "until revoked".to_owned(),
        };
        format!("{name:width$}  created {created_at:.0}, {end}  {}", scopes.join(","))
    };
    tokens.iter().map(line).collect::<Vec<_>>().join("\n")
}
