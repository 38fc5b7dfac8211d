//! `fulfillment ticket reissue --kid`: new codes for the tickets of a key.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::Config;
use fulfillment_credential::Kid;
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::operations::key_reissue::{Interrupted, KeyReissuer, coming_since};
use fulfillment_store::{KeyReissue, Store};
use indicatif::{ProgressBar, ProgressStyle};

use super::Context;
use super::reissue::reissuer;
use crate::error::CliError;
use crate::wiring;

/// Interval between two looks at a job that another process works on.
const POLL: Duration = Duration::from_millis(500);

/// Requests the job, and works on it beside running services until it is done; or only requests it.
pub(super) async fn reissue_key(
    context: &Context,
    config: &Config,
    store: Arc<dyn Store>,
    kid: Kid,
    reason: Option<String>,
    background: bool,
) -> Result<(), CliError> {
    let reissuer = reissuer(context, config, &store).await?;
    let now = SystemClock.now();
    let kid = kid.to_string();
    if reissuer.keys.current().signing_key(now)?.kid().to_string() == kid {
        return Err(CliError::misuse(format!(
            "the key {kid} still signs: make another by `fulfillment keys new`, or revoke this one by \
             `fulfillment keys revoke {kid}`"
        )));
    }
    let since = coming_since(now);
    let total = store.live_tickets_of_key(&kid, since).await?;
    if !store.registration().await?.keys.iter().any(|key| key.kid == kid) {
        return Err(CliError::failed(format!("the store does not know a key {kid}")));
    }
    let mut job = store.request_key_reissue(&kid, reason.as_deref(), &context.actor(), total).await?;
    if !background {
        let worker = KeyReissuer { store: Arc::clone(&store), reissuer, worker: wiring::worker_name() };
        job = finish(context, store.as_ref(), &worker, job).await?;
    }
    context.answer(&job, describe)
}

/// Works on the job, or watches another process do so, until it is finished.
async fn finish(
    context: &Context,
    store: &dyn Store,
    worker: &KeyReissuer,
    mut job: KeyReissue,
) -> Result<KeyReissue, CliError> {
    let bar = bar(context, job.total);
    while job.finished_at.is_none() {
        match worker.part(Some(&job.kid)).await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(POLL).await,
            Err(Interrupted::Store(error)) => return Err(error.into()),
            Err(error) => return Err(CliError::misuse(error)),
        }
        let jobs = store.key_reissues().await?;
        job = jobs.into_iter().find(|one| one.kid == job.kid).unwrap_or(job);
        bar.set_position(job.done);
        bar.set_message(job.failed.to_string());
    }
    bar.finish_and_clear();
    Ok(job)
}

fn bar(context: &Context, total: u64) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:30} {pos} of {len} tickets, {per_sec}, {eta}, {msg} failed");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message("0")
}

/// The progress, for people.
pub(super) fn progress(job: &KeyReissue) -> String {
    let KeyReissue { kid, total, done, failed, .. } = job;
    let state = match &job.finished_at {
        Some(at) => format!("finished {at}"),
        None => "a running service goes on with it".to_owned(),
    };
    let failed = if *failed > 0 { format!(", {failed} failed and are tried again") } else { String::new() };
    format!("{done} of {total} tickets of the key {kid} have new codes{failed}; {state}")
}

fn describe(job: &KeyReissue) -> String {
    let mut text = progress(job);
    if job.finished_at.is_some() && job.done < job.total {
        text.push_str(
            "\nthe others cannot get one: their personal data was erased, or their generation is the last",
        );
    }
    if let Some(error) = &job.last_error {
        text.push_str("\nlast error: ");
        text.push_str(error);
    }
    text
}
