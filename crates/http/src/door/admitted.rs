//! `GET /events/{eventId}/door/admitted`: the part of the feed with who is in or out, as a whole or as a delta.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_door::feed::{Admitted, Document, Origin};
use fulfillment_store::{Action, AuditEntry, DoorPosition};
use serde::Deserialize;

use super::feed::{check, read};
use super::signed::{Signer, answer};
use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::Problem;
use crate::tickets::file::known;

/// Where a delta begins.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Since {
    /// Epoch and version of what the scanner holds of this part, as `EPOCH-SEQUENCE`: the answer is a delta.
    since: Option<String>,
}

/// Who is in or out
///
/// A part of the feed of an event's door (`docs/door-feed.md`): for each ticket that was admitted the first 5 bytes of its
/// code's id, where its holder went last, and when. Whole, or with `since` of the tickets that moved after that check-in.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/admitted",
    operation_id = "doorAdmitted",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."), Since,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer."),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` the document is compressed.")),
    responses(
        (status = 200, description = "The document, as COSE_Sign1.", content(("application/cose")),
            headers(("ETag" = String, description = "By epoch, last check-in, feed version, time and key."))),
        (status = 304, description = "The scanner has it."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`events-pruned`: the sequence is of another epoch, or above the newest. Ask without `since`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn admitted(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_at(&headers, &[Scope::Door], &event)?;
    let since = read(since.map(|Query(Since { since })| since))?;
    let named = [event];
    let position = api.store.door_positions(&named).await?.remove(&named[0]).ok_or_else(no_such_event)?;
    let [event] = named;
    check(since, position.epoch, position.sequence)?;
    let signer = Signer::now(&api);
    let kid = signer.kid()?;
    let from = since.map_or(0, |(_, from)| from);
    let tag = |position: &DoorPosition| {
        // A ticket that was reinstated has another code, which no check-in counts.
        let DoorPosition { epoch, sequence, version, .. } = position;
        format!("\"{epoch}-{sequence}-{from}-{version}-{}-{kid}\"", signer.made_at())
    };
    let current = tag(&position);
    if known(&headers, &current) {
        return Ok(answer(&headers, current, None).await);
    }
    let admissions = api.store.admissions(&event, from).await?.ok_or_else(no_such_event)?;
    let position = admissions.position;
    // It may have gone on since.
    check(since, position.epoch, position.sequence)?;
    signer.is_not_revoked(&admissions.revoked)?;
    let tag = tag(&position);
    let origin = Origin {
        event: position.event,
        epoch: position.epoch,
        version: position.sequence,
        made_at: signer.made_at(),
    };
    let document = Document::Admitted(Admitted { origin, from, tickets: admissions.tickets });
    let document = signer.sign(document).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    Ok(answer(&headers, tag, Some(document)).await)
}
