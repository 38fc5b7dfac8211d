//! Shared by the commands that show links, and send tickets again: links are signed with the service's secrets.

use std::sync::Arc;

use fulfillment_config::Config;
use fulfillment_domain::{Clock as _, OrderId, TicketId};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{Keyring, Keys};
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::links::Linker;
use fulfillment_pipeline::operations::resend::Resender;
use fulfillment_store::{Action, AuditEntry, Store};

use super::Context;
use crate::error::CliError;
use crate::wiring;

/// The keys of a command that runs beside the service, checked against its store.
pub(super) async fn keys(config: &Config, store: &Arc<dyn Store>) -> Result<Arc<Keys>, CliError> {
    let (dir, credential) = (config.keys_dir(), &config.credential);
    let mut keyring = Keyring::configured(config)?
        .ok_or_else(|| CliError::misuse(format!("{} has no keys to sign with", dir.display())))?;
    installation::check_keys(&mut keyring, &store.registration().await?, &dir)?;
    Ok(Arc::new(Keys::new(keyring, dir, credential.secret.clone(), credential.link_secrets.clone())))
}

/// What makes links.
pub(super) async fn linker(config: &Config, store: &Arc<dyn Store>) -> Result<Linker, CliError> {
    let keys = keys(config, store).await?;
    Ok(wiring::linker(config, keys, &config.public_url(config.http.listen)))
}

/// The same where the keys are at hand: a record is shown without links rather than not at all.
pub(super) async fn linker_if_any(config: &Config, store: &Arc<dyn Store>) -> Option<Linker> {
    linker(config, store).await.ok()
}

/// What sends events of tickets again.
pub(super) async fn resender(config: &Config, store: &Arc<dyn Store>) -> Result<Resender, CliError> {
    let keys = keys(config, store).await?;
    let public_url = config.public_url(config.http.listen);
    Ok(wiring::resender(config, Arc::clone(store), keys, &public_url, Arc::default()))
}

/// Records that a link was read: whoever has it has the tickets.
pub(super) async fn record(
    context: &Context,
    store: &Arc<dyn Store>,
    order: OrderId,
    ticket: Option<TicketId>,
) -> Result<(), CliError> {
    let entry = AuditEntry::new(&context.actor(), Action::ReadLink).order(order);
    let entry = match ticket {
        Some(ticket) => entry.ticket(ticket),
        None => entry,
    };
    Ok(store.record_audit(&[(SystemClock.now(), entry)]).await?)
}
