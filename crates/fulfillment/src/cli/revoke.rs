//! `fulfillment keys revoke`: a signing key has leaked.

use fulfillment_config::Config;
use fulfillment_credential::{Kid, PublicKey};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{self, Keyring};
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::key_reissue::coming_since;
use fulfillment_store::{Action, RevokedKey, Store};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::confirm::{Consent, Plan, count};
use crate::error::CliError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    #[serde(flatten)]
    key: RevokedKey,
    /// Of coming events.
    live_tickets: u64,
    /// The key that signs from now on.
    signs: String,
    /// Whether that key was made for this.
    signs_is_new: bool,
}

/// Revokes a key. Each step is repeated harmlessly: a command that was cut short is run again.
pub(super) async fn revoke(
    context: &Context,
    config: &Config,
    kid: Kid,
    reason: String,
    consent: Consent,
) -> Result<(), CliError> {
    let (dir, secret, now) = (config.keys_dir(), config.credential.secret.as_ref(), SystemClock.now());
    let store = context.store(config).await?;
    let registered = store.registration().await?;
    let mut keyring = Keyring::configured(config)?
        .ok_or_else(|| CliError::failed(format!("{} has no keys", dir.display())))?;
    installation::check_keys(&mut keyring, &registered, &dir)?;
    let here = keyring.keys().iter().map(|key| key.public);
    let known = registered.keys.iter().filter_map(|key| PublicKey::from_bytes(&key.public_key).ok());
    let public = here.chain(known).find(|key| key.kid() == kid).ok_or_else(|| {
        CliError::failed(format!("neither {} nor the store knows a key {kid}", dir.display()))
    })?;

    let live_tickets = store.live_tickets_of_key(&kid.to_string(), coming_since(now)).await?;
    let others_sign = keyring.keys().iter().any(|key| key.signing.is_some() && key.public.kid() != kid);
    let plan = plan(kid, live_tickets, others_sign, keyring.is_revoked(&kid.to_string()));
    if !consent.given(context, &plan)? {
        return Ok(());
    }
    let successor = if others_sign {
        None
    } else {
        // Without one, no process could sign: a service that issues nothing is worse than a repeated command.
        keyring::succeed(&dir, secret, kid, now, &registered.revoked).map_err(|error| {
            error.context(format!(
                "the key {kid} is not revoked yet: no other key can sign, and a new one cannot be written; make room \
                 in {}, or let this user write there, and repeat the command",
                dir.display()
            ))
        })?
    };
    if successor.is_some() {
        keyring = register(store.as_ref(), config).await.map_err(|error| {
            error.context(format!(
                "the key {kid} is not revoked yet: the key that replaces it could not be recorded; repeat the command"
            ))
        })?;
        let kid = successor.as_ref().map(|key| key.public.kid().to_string()).unwrap_or_default();
        context.record(config, Action::NewKey, kid, 1).await;
    }
    let by = context.actor();
    let tombstone = RevokedKey {
        kid: kid.to_string(),
        public_key: public.to_bytes(),
        reason,
        who: by.name().to_owned(),
        revoked_at: now,
    };
    let key = store.revoke_key(&tombstone, &by).await.map_err(|error| {
        CliError::from(error)
            .context(format!("the store has not confirmed that the key {kid} is revoked; repeat the command"))
    })?;
    keyring.bar(std::slice::from_ref(&key));
    if let Err(error) = keyring::bury(&dir, &public) {
        eprintln!(
            "fulfillment: the key is revoked, but its file cannot be removed ({error:#}); delete it from {}",
            dir.display()
        );
    }
    let signs = keyring.signing_key(now)?.kid().to_string();
    let revoked = Revoked { key, live_tickets, signs, signs_is_new: successor.is_some() };
    context.answer(&revoked, describe)
}

/// What it touches. A repeat for a key that is revoked already touches nothing.
fn plan(kid: Kid, live_tickets: u64, others_sign: bool, is_revoked: bool) -> Plan {
    let tickets = count(live_tickets, "live ticket");
    let signed = if live_tickets == 1 { "is signed" } else { "are signed" };
    let next = if others_sign { "" } else { " No other key can sign: a new one is made." };
    let text = if is_revoked {
        format!("The key {kid} is revoked already; nothing more is touched.")
    } else {
        format!(
            "{tickets} of coming events {signed} with the key {kid}. Without a network, scanners will refuse them until they \
             are reissued; with the record at hand they stay valid. A revoked key never comes back.{next}"
        )
    };
    Plan {
        text,
        json: json!({
            "kid": kid.to_string(), "revoked": is_revoked, "liveTickets": live_tickets, "makesKey": !others_sign && !is_revoked,
        }),
        question: "Revoke it?",
        touches: !is_revoked,
    }
}

/// Records the new key before the other is revoked: every process must find one that signs.
async fn register(store: &dyn Store, config: &Config) -> Result<Keyring, CliError> {
    let dir = config.keys_dir();
    let mut keyring = Keyring::configured(config)?
        .ok_or_else(|| CliError::failed(format!("{} has no keys", dir.display())))?;
    let registered = store.register(&keyring.registration()).await?;
    installation::check_keys(&mut keyring, &registered, &dir)?;
    Ok(keyring)
}

fn describe(revoked: &Revoked) -> String {
    let Revoked { key, live_tickets, signs, signs_is_new } = revoked;
    let kid = &key.kid;
    let new = if *signs_is_new { ", a new key," } else { "" };
    let mut lines = vec![
        format!("key {kid} is revoked since {}: {}", key.revoked_at, key.reason),
        "running services stop using it within seconds".to_owned(),
        format!("key {signs}{new} signs from now on; scanners fetch the key set again to know it"),
    ];
    if *live_tickets > 0 {
        lines.push(format!(
            "{live_tickets} live tickets of coming events are signed with {kid}: \
             `fulfillment ticket reissue --kid {kid}` signs them anew"
        ));
    }
    lines.join("\n")
}
