//! `fulfillment event cancel`: all tickets of an event are voided.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::Config;
use fulfillment_domain::event_record::Change;
use fulfillment_domain::{EventPatch, EventStatus};
use fulfillment_store::{EventCancellation, EventOnRecord, Store};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Context;
use super::confirm::{Consent, Plan, count};
use crate::error::CliError;
use crate::wiring;

/// The reason of the voids, unless another is given.
const REASON: &str = "the event was cancelled";

/// How it is to be done.
pub(super) struct Wanted {
    pub(super) reason: Option<String>,
    pub(super) background: bool,
    pub(super) consent: Consent,
}

/// Sets the event's status, requests the job, and works on it beside running services until it is done; or only requests
/// it.
pub(super) async fn cancel(
    context: &Context,
    config: &Config,
    store: Arc<dyn Store>,
    event: &str,
    wanted: Wanted,
) -> Result<(), CliError> {
    let none = || {
        CliError::failed(format!(
            "there is no event {event}: `fulfillment event list` names those that are known"
        ))
    };
    let known = store.event(event).await?.ok_or_else(none)?;
    if !wanted.consent.given(context, &plan(&known, event))? {
        return Ok(());
    }
    let patch = EventPatch { status: Change::Set(EventStatus::Cancelled), ..EventPatch::default() };
    let wake = Arc::default();
    let desk = wiring::event_desk(config, &store, Arc::clone(&wake));
    desk.set(event, &patch, &context.actor()).await?;
    let reason = wanted.reason.as_deref().unwrap_or(REASON);
    let mut job = store.cancel_event(event, reason, &context.actor()).await?.ok_or_else(none)?;
    if !wanted.background {
        let worker = wiring::event_canceller(config, &store, wake);
        let bar = bar(context, job.total);
        while job.finished_at.is_none() {
            // None: a running service has finished it meanwhile.
            let Some(next) = worker.part(Some(event)).await? else { break };
            job = next;
            bar.set_position(job.done);
        }
        bar.finish_and_clear();
        let jobs = store.event_cancellations().await?;
        job = jobs.into_iter().find(|one| one.event_id == job.event_id).unwrap_or(job);
    }
    context.answer(&job, |job| crate::terminal::printable(&progress(job)).into_owned())
}

/// What it touches. It also ends the sale: an event without live tickets is cancelled too, and that is asked.
fn plan(known: &EventOnRecord, event: &str) -> Plan {
    let live = known.issued.saturating_sub(known.voided);
    let name = known.record.in_force().name.unwrap_or_default();
    let tickets = count(live, "ticket");
    let text = format!(
        "This voids {tickets} of event {event} ({name}) and announces each void; what is sold meanwhile is voided too. The \
         event's status becomes cancelled. It can only be taken back ticket by ticket."
    );
    Plan {
        text: crate::terminal::lines([text]),
        json: json!({ "eventId": event, "eventName": name, "tickets": live }),
        question: "Void them?",
        touches: true,
    }
}

fn bar(context: &Context, total: u64) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} tickets, {per_sec}, {eta}");
    let bar = ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The progress, for people.
pub(super) fn progress(job: &EventCancellation) -> String {
    let EventCancellation { event_id, reason, total, done, .. } = job;
    let state = match &job.finished_at {
        Some(at) => format!("finished {at}"),
        None => "a running service goes on with it".to_owned(),
    };
    format!("{done} of {total} tickets of event {event_id} were voided ({reason}); {state}")
}
