//! `GET /events/{eventId}/door`: the feed of an event's door, as a snapshot or as a delta.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_door::feed::{Delta, Digest, Document, Origin, Snapshot};
use fulfillment_store::{Action, AuditEntry, DeviceState, DoorFeed};
use serde::Deserialize;

use super::signed::{Signer, answer, head};
use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::{Kind, Problem};
use crate::tickets::file::known;

/// Where a delta begins.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Since {
    /// Epoch and version of what the scanner holds, as `EPOCH-VERSION`: the answer is a delta.
    since: Option<String>,
}

/// The feed of an event's door
///
/// A signed document (`docs/door-feed.md`) of what a scanner cannot see in a code: the event and its rules, the keys, and
/// every code that is void or replaced. Whole, or with `since` what changed. It is made anew every ten minutes, and with
/// every change: ask with `If-None-Match`.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door",
    operation_id = "doorFeed",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."), Since,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer."),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` the document is compressed.")),
    responses(
        (status = 200, description = "The document, as COSE_Sign1.", content(("application/cose")),
            headers(("ETag" = String, description = "By epoch, version, time and key."))),
        (status = 304, description = "The scanner has it."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`events-pruned`: the version is of another epoch, or above the newest. Ask without `since`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn feed(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_at(&headers, &[Scope::Door], &event)?;
    let since = read(since.map(|Query(Since { since })| since))?;
    api.access.note(
        &caller,
        DeviceState { feed_version: since.map(|(_, version)| version), ..DeviceState::default() },
    );
    let (epoch, version) = api.store.door_version(&event).await?.ok_or_else(no_such_event)?;
    check(since, epoch, version)?;
    let signer = Signer::now(&api);
    let kid = signer.kid()?;
    let from = since.map_or_else(String::new, |(_, from)| format!("-{from}"));
    let tag = |epoch: u64, version: u64| format!("\"{epoch}-{version}{from}-{}-{kid}\"", signer.made_at());
    let current = tag(epoch, version);
    if known(&headers, &current) {
        return Ok(answer(&headers, current, None).await);
    }
    let feed = api.store.door_feed(&event).await?.ok_or_else(no_such_event)?;
    // It may have gone on since.
    check(since, feed.epoch, feed.record.feed_version)?;
    let tag = tag(feed.epoch, feed.record.feed_version);
    let document = match since {
        None => snapshot(&signer, &event, &feed)?,
        Some((_, from)) => delta(&signer, from, &feed)?,
    };
    let document = signer.sign(document).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    Ok(answer(&headers, tag, Some(document)).await)
}

/// Epoch and version.
pub(super) fn read(since: Result<Option<String>, QueryRejection>) -> Result<Option<(u64, u64)>, Problem> {
    let wrong = || {
        let detail = "\"since\" must be the epoch and the version of a former document, as EPOCH-VERSION.";
        Problem::new(Kind::BadRequest, detail).with("field", "since")
    };
    let Some(text) = since.map_err(|_| wrong())? else { return Ok(None) };
    let (epoch, version) = text.split_once('-').ok_or_else(wrong)?;
    let (epoch, version) = (epoch.parse().map_err(|_| wrong())?, version.parse().map_err(|_| wrong())?);
    Ok(Some((epoch, version)))
}

pub(super) fn check(since: Option<(u64, u64)>, epoch: u64, version: u64) -> Result<(), Problem> {
    match since {
        Some((of, from)) if of != epoch || from > version => {
            let detail = "The store was restored since then; ask without \"since\".";
            Err(Problem::new(Kind::EventsPruned, detail))
        }
        _ => Ok(()),
    }
}

pub(super) fn origin(signer: &Signer, feed: &DoorFeed) -> Origin {
    Origin {
        event: feed.record.number,
        epoch: feed.epoch,
        version: feed.record.feed_version,
        made_at: signer.made_at(),
    }
}

fn snapshot(signer: &Signer, event: &str, feed: &DoorFeed) -> Result<Document, Problem> {
    Ok(Document::Snapshot(Snapshot {
        origin: origin(signer, feed),
        event_id: event.to_owned(),
        fresh_until: signer.fresh_until(),
        head: head(feed),
        keys: signer.keys(feed)?,
        deviations: feed.deviations.iter().map(|d| (d.cti, d.standing)).collect(),
    }))
}

fn delta(signer: &Signer, from: u64, feed: &DoorFeed) -> Result<Document, Problem> {
    let keys = signer.keys(feed)?;
    let is_new = feed.head_is_newer_than(from);
    let changed = feed.deviations.iter().filter(|deviation| deviation.version > from);
    let all = feed.deviations.iter().map(|d| (d.cti, d.standing));
    Ok(Document::Delta(Delta {
        origin: origin(signer, feed),
        from,
        fresh_until: signer.fresh_until(),
        head: is_new.then(|| head(feed)),
        keys: is_new.then_some(keys),
        deviations: changed.map(|d| (d.cti, d.standing)).collect(),
        digest: Digest::of(feed.deviations.len(), all),
    }))
}
