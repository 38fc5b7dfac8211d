//! The command `fulfillment keys`: lists, creates, retires and revokes signing keys.

use clap::{Args, Subcommand};
use fulfillment_credential::Kid;
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{self, Keyring, StoredKey};
use fulfillment_store::{Action as Audited, KeyReissue};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Context;
use super::confirm::Consent;
use super::link_keys::{self, Links};
use super::reissue_key::progress;
use super::revoke::revoke;
use crate::error::CliError;

/// List the signing keys, create, retire or revoke one, or adopt a new secret
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment keys list
  fulfillment keys new              a key that signs in ten minutes; older ones go on verifying
  fulfillment keys retire 1a2b3c4d  it goes on verifying and can never sign again
  fulfillment keys revoke 1a2b3c4d --reason 'a laptop was stolen'   it has leaked: its codes are refused
  fulfillment keys adopt-secret --yes-the-old-one-is-lost")]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the signing keys in the folder, oldest first; the last one signs
    #[command(after_help = "Examples:
  fulfillment keys list
  fulfillment keys list --json | jq -r '.[].kid'
Exit code: 0 listed, 1 there are no keys.")]
    List,
    /// Create a new signing key
    ///
    /// A running service loads it automatically. It is published ten minutes before it signs, so that scanners know it
    /// before they read its first code.
    #[command(after_help = "Examples:
  fulfillment keys new
  fulfillment keys new --at-once    for a key that must not sign any longer")]
    New {
        /// Let it sign as soon as the service has loaded it
        #[arg(long)]
        at_once: bool,
    },
    /// Retire a key: delete its private part and keep verifying its codes
    ///
    /// For a key that is no longer needed. Its codes in circulation remain valid until they expire.
    #[command(after_help = "Example:
  fulfillment keys retire 1a2b3c4d
Exit code: 1 when there is no such key that can sign.")]
    Retire {
        /// The key's id, as `keys list` shows it
        kid: Kid,
    },
    /// Revoke a key that has leaked: it never signs again, and its codes are refused
    ///
    /// Whoever has the key can write any code. It is gone from the published set at once, and from every running service
    /// within seconds; if it signs, another key takes over, a new one if there is none. Codes of it are `revoked_key`,
    /// except where the record is asked and has exactly this code. The store keeps the key's tombstone: restoring an
    /// old folder does not bring it back.
    #[command(after_help = "Examples:
  fulfillment keys revoke 1a2b3c4d --reason 'a laptop was stolen'         it says what it touches, and asks
  fulfillment keys revoke 1a2b3c4d --reason 'a laptop was stolen' --dry-run   only says it
  fulfillment keys revoke 1a2b3c4d --reason 'a laptop was stolen' --yes
  fulfillment ticket reissue --kid 1a2b3c4d                               afterwards: new codes for what is to come
Exit code: 0 it is revoked, 1 there is no such key, 2 it is not confirmed.")]
    Revoke {
        /// The key's id, as `keys list` shows it
        kid: Kid,
        /// The reason, as free text; it is kept with the tombstone
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// List, renew or retire the secrets that sign links to tickets
    ///
    /// A running service loads them automatically. A secret of links that has leaked is replaced by `new`, and
    /// `end-overlap` once the links that it signed may stop working.
    #[command(after_help = "Examples:
  fulfillment keys links list
  fulfillment keys links new            it signs after ten seconds; links that were sent out stay good
  fulfillment keys links end-overlap    only the newest is accepted")]
    Links {
        #[command(subcommand)]
        action: Links,
    },
    /// Make the store accept the current secret, because the old one is lost
    ///
    /// If there is no secret, a new one is created. Existing tickets keep their ids and codes. Links that the lost
    /// secret signed no longer work without a token, and an order that has no tickets yet gets other ticket ids than before.
    #[command(after_help = "Example:
  fulfillment keys adopt-secret --yes-the-old-one-is-lost")]
    AdoptSecret {
        /// Confirm it
        #[arg(long = "yes-the-old-one-is-lost")]
        sure: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    kid: String,
    signs_from: Timestamp,
    state: State,
    file: String,
    /// How far its tickets are signed anew, if that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    reissue: Option<KeyReissue>,
    /// Of a new key: when one that waits takes over from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

/// The current state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// New codes are signed with it.
    Signs,
    /// Its time has not come yet.
    Waits,
    /// It could sign, but a newer one does.
    Verifies,
    /// It can never sign again.
    Retired,
    /// It has leaked: its codes are refused.
    Revoked,
}

impl State {
    fn of(key: &StoredKey, keyring: &Keyring, now: Timestamp) -> Self {
        let signs = keyring.signing_key(now).is_ok_and(|k| k.kid() == key.public.kid());
        match key.signing {
            _ if key.revoked => Self::Revoked,
            None => Self::Retired,
            Some(_) if signs => Self::Signs,
            Some(_) if key.signs_from > now => Self::Waits,
            Some(_) => Self::Verifies,
        }
    }
}

/// How long a new key is published before it signs: twice as long as scanners may cache the key set.
const PUBLISHED_BEFORE: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    secret_fingerprint: String,
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let dir = config.keys_dir();
        let secret = config.credential.secret.as_ref();
        let none = || {
            CliError::failed(format!(
                "{} has no keys; `fulfillment serve` creates the first ones",
                dir.display()
            ))
        };
        let now = SystemClock.now();
        match self.action {
            Action::List => {
                let mut keyring = Keyring::configured(&config)?.ok_or_else(none)?;
                let mut jobs = Vec::new();
                // The folder may be older than the tombstone.
                if let Ok(store) = context.store(&config).await
                    && let Ok(registered) = store.registration().await
                {
                    keyring.bar(&registered.revoked);
                    jobs = store.key_reissues().await?;
                }
                let list = |key: &StoredKey| {
                    let kid = key.public.kid().to_string();
                    let reissue = jobs.iter().find(|job| job.kid == kid).cloned();
                    Listed { reissue, ..listed(key, State::of(key, &keyring, now)) }
                };
                let all: Vec<_> = keyring.keys().iter().map(list).collect();
                context.answer(&all, |all| all.iter().map(describe).collect::<Vec<_>>().join("\n"))
            }
            // Keys are only added to a folder that has some: the first key is created together with the secret, by the
            // first start.
            Action::New { .. }
            | Action::Retire { .. }
            | Action::Revoke { .. }
            | Action::AdoptSecret { sure: true }
                if !dir.is_dir() =>
            {
                Err(none())
            }
            Action::New { at_once } => {
                let from = if at_once {
                    now
                } else {
                    now.saturating_add(PUBLISHED_BEFORE).map_err(anyhow::Error::from)?
                };
                let key = keyring::new_key(&dir, secret, from)?.ok_or_else(none)?;
                context.record(&config, Audited::NewKey, key.public.kid().to_string(), 1).await;
                let state = if key.signs_from > now { State::Waits } else { State::Signs };
                let keyring = Keyring::configured(&config)?.ok_or_else(none)?;
                let waiting = keyring.keys().iter().filter(|other| other.signing.is_some());
                let until = waiting.map(|other| other.signs_from).find(|from| *from > key.signs_from);
                context.answer(&Listed { until, ..listed(&key, state) }, describe)
            }
            Action::Retire { kid } => {
                // The folder may be older than a tombstone.
                let tombstones = match context.store_if_any(&config).await? {
                    Some(store) => store.revoked_keys().await?,
                    None => Vec::new(),
                };
                if tombstones.iter().any(|key| key.kid == kid.to_string()) {
                    return Err(CliError::failed(format!(
                        "the key {kid} was revoked: it never signs, and its codes are refused"
                    )));
                }
                let key = keyring::retire(&dir, kid, now, &tombstones)?.ok_or_else(|| {
                    CliError::failed(format!("{} has no key {kid} that can sign", dir.display()))
                })?;
                context.record(&config, Audited::RetireKey, kid.to_string(), 1).await;
                context.answer(&listed(&key, State::Retired), describe)
            }
            Action::Links { action } => link_keys::run(context, &config, &action).await,
            Action::Revoke { kid, reason, consent } => revoke(context, &config, kid, reason, consent).await,
            Action::AdoptSecret { sure } => {
                if !sure {
                    return Err(CliError::misuse(
                        "this is only for a secret that is permanently lost; confirm with --yes-the-old-one-is-lost, \
                         and read --help for what it costs",
                    ));
                }
                let store = context.store(&config).await?;
                let fingerprint = keyring::replace_lost_secret(&dir, secret)?.secret.fingerprint();
                store.adopt_secret(&fingerprint, &context.actor()).await?;
                context.answer(&Imported { secret_fingerprint: fingerprint }, |a| {
                    format!("the store now accepts the secret {}", a.secret_fingerprint)
                })
            }
        }
    }
}

fn listed(key: &StoredKey, state: State) -> Listed {
    Listed {
        kid: key.public.kid().to_string(),
        signs_from: key.signs_from,
        state,
        file: key.file.display().to_string(),
        reissue: None,
        until: None,
    }
}

fn describe(key: &Listed) -> String {
    let line = format!(
        "{}  {:<30}  {}",
        key.kid,
        match key.state {
            State::Signs => "signs".to_owned(),
            State::Waits => format!("signs from {}", key.signs_from),
            State::Verifies => "verifies".to_owned(),
            State::Retired => "retired, verifies".to_owned(),
            State::Revoked => "revoked, its codes are refused".to_owned(),
        },
        key.file
    );
    match (&key.reissue, key.until) {
        (Some(job), _) => format!("{line}\n          {}", progress(job)),
        (None, Some(until)) => format!(
            "{line}\n          until {until}, when a key that waits takes over; `keys retire` it if it must not"
        ),
        (None, None) => line,
    }
}
