//! `GET /events/{eventId}/door/names`: the part of the feed with holders and seats, for doors that may show them.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_door::feed::{Document, Name, Names, Origin};
use fulfillment_store::{Action, AuditEntry};

use super::signed::{Signer, clipped, content};
use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::Problem;

/// Holders and seats
///
/// A part of the feed of an event's door (`docs/door-feed.md`): who holds each ticket that is not void, and its seat, by the
/// id of its code. Nothing of an erased order is in it. Scanners keep it no longer than they need it.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/names",
    operation_id = "doorNames",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` the document is compressed.")),
    responses(
        (status = 200, description = "The document, as COSE_Sign1.", content(("application/cose"))),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door:names"]))
))]
pub(crate) async fn names(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_at(&headers, &[Scope::DoorNames], &event)?;
    let found = api.store.door_names(&event).await?.ok_or_else(no_such_event)?;
    let signer = Signer::now(&api);
    signer.is_not_revoked(&found.revoked)?;
    let position = found.position;
    let origin = Origin {
        event: position.event,
        epoch: position.epoch,
        version: position.version,
        made_at: signer.made_at(),
    };
    let named = found.holders.into_iter().map(|(cti, name, seat)| Name {
        cti,
        holder: clipped(&event, "a holder", name.unwrap_or_default()),
        seat: clipped(&event, "a seat", seat),
    });
    let document = signer.sign(Document::Names(Names { origin, tickets: named.collect() })).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoorNames).subject(&event)).await;
    Ok(([(CACHE_CONTROL, "private, no-store")], content(&headers, document).await).into_response())
}
