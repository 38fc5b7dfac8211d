//! `fulfillment keys`

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use crate::clock::SystemClock;
use crate::keyring::{self, Keyring};
use crate::stop::Stop;
use fulfillment_domain::Clock as _;

/// List the keys that sign codes, make a new one, or adopt a new secret
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment keys list
  fulfillment keys new              a key that signs from the next start on; older ones go on verifying
  fulfillment keys adopt-secret --yes-the-old-one-is-lost")]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the signing keys in the folder, oldest first; the last one signs
    List,
    /// Make a new signing key
    New,
    /// Let the store go on with the secret that is here now, because the old one is lost
    ///
    /// Where no secret is here, a new one is made. Tickets that exist keep their ids and codes. Links that were sent out stop working without a token,
    /// and a payment that is read again for an order without tickets gives other ids than it would have.
    AdoptSecret {
        /// Say that you mean it
        #[arg(long = "yes-the-old-one-is-lost")]
        sure: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    kid: String,
    created_at: Timestamp,
    signs: bool,
    file: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Adopted {
    secret_fingerprint: String,
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let config = context.config()?;
        let dir = config.keys_dir();
        let secret = config.credential.secret.as_ref();
        let none =
            || Stop::no(format!("{} has no keys; `fulfillment serve` makes the first ones", dir.display()));
        match self.action {
            Action::List => {
                let keyring = Keyring::read(&dir, secret)?.ok_or_else(none)?;
                let last = keyring.keys().len() - 1;
                let all: Vec<_> =
                    keyring.keys().iter().enumerate().map(|(i, key)| listed(key, i == last)).collect();
                context.answer(&all, |all| all.iter().map(describe).collect::<Vec<_>>().join("\n"))
            }
            Action::New => {
                let made = keyring::new_key(&dir, secret, SystemClock.now())?;
                let key = made.ok_or_else(none)?;
                context.answer(&listed(&key, true), |key| {
                    format!("{}\nit signs from the next start of the service on", describe(key))
                })
            }
            Action::AdoptSecret { sure } => {
                if !sure {
                    return Err(Stop::misuse(
                        "this is for a secret that is lost for good; say --yes-the-old-one-is-lost, \
                         and read --help for what it costs",
                    ));
                }
                let store = context.store(&config).await?;
                let fingerprint = keyring::replace_lost_secret(&dir, secret)?.secret.fingerprint();
                store.adopt_secret(&fingerprint).await?;
                context.answer(&Adopted { secret_fingerprint: fingerprint }, |a| {
                    format!("the store goes on with the secret {}", a.secret_fingerprint)
                })
            }
        }
    }
}

fn listed(key: &keyring::StoredKey, signs: bool) -> Listed {
    Listed {
        kid: key.key.kid().to_string(),
        created_at: key.created_at,
        signs,
        file: key.file.display().to_string(),
    }
}

fn describe(key: &Listed) -> String {
    format!(
        "{}  made {}  {:<8}  {}",
        key.kid,
        key.created_at,
        if key.signs { "signs" } else { "verifies" },
        key.file
    )
}
