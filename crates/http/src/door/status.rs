//! `GET /events/{eventId}/door/status`: how many are in.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;

use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::problem::Problem;

/// The state of an event's door
///
/// How many of the sold tickets were admitted, entries and exits by day, gate and area, entries by minute of the last day,
/// and refusals by verdict.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/status",
    operation_id = "doorStatus",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    responses(
        (status = 200, description = "The state.", body = schema::DoorStatus),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]), ("bearer" = ["door:supervise"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    api.access.require_at(&headers, &[Scope::Door, Scope::DoorSupervise, Scope::ReadStatus], &event)?;
    let status = api.store.door_status(&event).await?.ok_or_else(no_such_event)?;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(status)).into_response())
}
