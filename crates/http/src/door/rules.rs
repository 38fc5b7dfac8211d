//! `GET` and `PUT /events/{eventId}/door/rules`: the rules of an event's door.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_door::Rules;
use tracing::info;

use super::{event_id, made_or_set, no_such_event};
use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::problem::{Kind, Problem};

/// The rules of an event's door
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/rules",
    operation_id = "doorRules",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    responses(
        (status = 200, description = "The rules; `{}` for an event without any.", body = schema::DoorRules),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn rules(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    api.access.require(&headers, &[Scope::Door, Scope::Admin])?;
    let rules = api.store.door_rules(&event_id(path)?).await?.ok_or_else(no_such_event)?;
    Ok(Json(rules).into_response())
}

/// Replaces the rules of an event's door
///
/// They hold from the next check-in on. An event that nothing was sold for yet is made, and the answer is 201.
#[cfg_attr(test, utoipa::path(
    put,
    path = "/events/{eventId}/door/rules",
    operation_id = "setDoorRules",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    request_body(content = schema::DoorRules, content_type = "application/json",
        example = json!({ "reEntry": "afterExit", "gates": { "North": { "area": "Hall" } }, "areas": { "Hall": { "limit": 2000 } } })),
    responses(
        (status = 200, description = "The rules as they are now.", body = schema::DoorRules),
        (status = 201, description = "Nothing was known of the event before.", body = schema::DoorRules),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        answers::Guarded,
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["admin"]))
))]
pub(crate) async fn set(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), &[Scope::Admin])?;
    let event = event_id(path)?;
    let bytes = body::read_json(request, api.limits.max_small_body).await?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Problem::new(Kind::BadRequest, "The body must be UTF-8."))?;
    let rules = Rules::read(text)
        .map_err(|error| Problem::new(Kind::BadRequest, format!("{error}.")).with("field", error.field()))?;
    let status = made_or_set(&api, &event).await?;
    if api.store.set_door_rules(&event, &rules, &caller.actor()).await? {
        info!(event, by = caller.name(), "the rules of a door were replaced");
    }
    Ok((status, Json(rules)).into_response())
}
