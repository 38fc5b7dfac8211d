//! `GET` and `PUT /events/{eventId}`, and `GET /event-records`: the record of events. `GET /events` is the stream of what
//! happens, so the list has a path of its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::event_record::event_id as read_event_id;
use fulfillment_domain::{EventDetails, EventPatch, EventRecord};
use fulfillment_pipeline::operations::event_record::NotSet;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, event as schema};
use crate::problem::{Kind, Problem};

/// The most events of one answer.
const PAGE: usize = 100;

/// The event's id in the path, percent-decoded, as it is recorded.
pub(crate) fn event_id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let wrong = |detail: String| Problem::new(Kind::BadRequest, detail).with("field", "eventId");
    let Path(text) =
        path.map_err(|_| wrong("The event's id in the path must be UTF-8, percent-encoded.".to_owned()))?;
    read_event_id(&text).map_err(|why| wrong(format!("The event's id in the path: {why}.")))
}

pub(crate) fn no_such_event() -> Problem {
    Problem::new(Kind::NoSuchEvent, "No ticket was sold for an event with this id, and nobody has set one.")
}

/// What is on record about an event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    event_id: String,
    event_number: u32,
    /// What is in force.
    #[serde(flatten)]
    in_force: EventDetails,
    ordering: Option<EventDetails>,
    overrides: EventDetails,
    feed_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided: Option<u64>,
}

impl Answer {
    fn of(record: EventRecord, counts: Option<(u64, u64)>) -> Self {
        Self {
            in_force: record.in_force(),
            event_id: record.id,
            event_number: record.number,
            ordering: record.said,
            overrides: record.overrides,
            feed_version: record.feed_version,
            issued: counts.map(|(issued, _)| issued),
            voided: counts.map(|(_, voided)| voided),
        }
    }
}

/// What is on record about an event
///
/// What an operator or the topic `event-changed` set over what Ordering said last. `ordering` and `overrides` are the
/// two.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}",
    operation_id = "event",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    responses(
        (status = 200, description = "The event.", body = schema::EventRecord),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read:status"]), ("bearer" = ["door"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn event(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    api.access.require(&headers, &[Scope::ReadStatus, Scope::Door, Scope::Admin])?;
    let found = api.store.event(&event_id(path)?).await?.ok_or_else(no_such_event)?;
    Ok(Json(Answer::of(found.record, Some((found.issued, found.voided)))).into_response())
}

/// Sets details of an event over what Ordering says
///
/// What is not named stays, and null lifts what was set. `event-updated` is published if the details in force change.
/// Printed pages stay as they are. An unknown event is made, and the answer is 201.
#[cfg_attr(test, utoipa::path(
    put,
    path = "/events/{eventId}",
    operation_id = "setEvent",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    request_body(content = schema::EventPatch, content_type = "application/json",
        example = json!({ "startsAt": "2027-01-10T19:30:00+01:00", "status": "postponed" })),
    responses(
        (status = 200, description = "The event as it is now.", body = schema::EventRecord),
        (status = 201, description = "Nothing was known of the event before.", body = schema::EventRecord),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong, or what contradicts another time."),
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
    let id = event_id(path)?;
    let bytes = body::read_json(request, api.limits.max_small_body).await?;
    let wrong = |why: fulfillment_domain::Unreadable| {
        let problem = Problem::new(Kind::BadRequest, format!("The body: {why}."));
        match why.field {
            Some(field) => problem.with("field", field),
            None => problem,
        }
    };
    let change = EventPatch::parse(&bytes).map_err(wrong)?;
    let status = made_or_set(&api, &id).await?;
    let (record, changed) = api.events.set(&id, &change, &caller.actor()).await.map_err(|why| match why {
        NotSet::Refused(why) => wrong(why),
        NotSet::Store(error) => error.into(),
    })?;
    if changed {
        info!(event = id, by = caller.name(), "the details of an event were changed");
    }
    Ok((status, Json(Answer::of(record, None))).into_response())
}

/// The status of a change: 201 if it makes the event (RFC 9110, 9.3.4), so that a mistyped id is noticed.
pub(crate) async fn made_or_set(api: &Api, event: &str) -> Result<StatusCode, Problem> {
    let known = api.store.door_version(event).await?.is_some();
    Ok(if known { StatusCode::OK } else { StatusCode::CREATED })
}

/// Where to begin.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct After {
    /// The number of the last event of the page before.
    after: Option<u32>,
}

/// A page of events.
#[derive(Serialize)]
struct Page {
    events: Vec<Answer>,
    next: Option<u32>,
}

/// The events on record
///
/// By number, at most 100, with how many tickets each has.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/event-records",
    operation_id = "eventRecords",
    tag = "Doors",
    params(After),
    responses(
        (status = 200, description = "A page of events.", body = schema::EventPage),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read:status"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Response, Problem> {
    api.access.require(&headers, &[Scope::ReadStatus, Scope::Admin])?;
    let Query(After { after }) = after.map_err(|_| {
        Problem::new(Kind::BadRequest, "\"after\" must be the number of an event.").with("field", "after")
    })?;
    let found = api.store.events(after.unwrap_or_default(), PAGE).await?;
    let next = found.last().map(|last| last.record.number).filter(|_| found.len() == PAGE);
    let events = found.into_iter().map(|event| Answer::of(event.record, Some((event.issued, event.voided))));
    Ok(Json(Page { events: events.collect(), next }).into_response())
}
