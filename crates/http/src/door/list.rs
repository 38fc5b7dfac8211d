//! `GET /events/{eventId}/check-ins`: what the doors of an event have scanned.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_store::{Action, AuditEntry, CheckIn};
use serde::{Deserialize, Serialize};

use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::problem::{Kind, Problem};

/// The most check-ins of one answer.
const PAGE: usize = 1_000;

/// Where to begin.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct After {
    /// `next` of the page before.
    after: Option<String>,
}

/// A page of check-ins.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    check_ins: Vec<CheckIn>,
    /// Send it as `after`. It is there after the last page too, for what comes later.
    next: String,
}

/// The check-ins of an event
///
/// Refused ones too, in the order in which they were recorded, at most 1,000. `next` carries the store's epoch: after a
/// backup was restored a former one is answered 410, and the list begins anew.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/check-ins",
    operation_id = "checkIns",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."), After),
    responses(
        (status = 200, description = "A page of check-ins.", body = schema::CheckInPage),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`events-pruned`: the cursor is of another epoch, or beyond the last check-in"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door:supervise"]))
))]
pub(crate) async fn check_ins(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_at(&headers, &[Scope::DoorSupervise], &event)?;
    let wrong = || {
        Problem::new(Kind::BadRequest, "\"after\" must be the `next` of a former answer.")
            .with("field", "after")
    };
    let Query(After { after }) = after.map_err(|_| wrong())?;
    let epoch = api.store.epoch().await?;
    let sequence = match after.as_deref().filter(|text| !text.is_empty()) {
        None => 0,
        Some(text) => {
            let (of_epoch, sequence) = text.split_once('-').ok_or_else(wrong)?;
            let of_epoch: u64 = of_epoch.parse().map_err(|_| wrong())?;
            if of_epoch != epoch {
                let detail = "The store was restored since then; begin without \"after\".";
                return Err(Problem::new(Kind::EventsPruned, detail));
            }
            sequence.parse().map_err(|_| wrong())?
        }
    };
    let check_ins = api.store.check_ins_after(&event, sequence, PAGE).await?.ok_or_else(no_such_event)?;
    if check_ins.is_empty() && sequence > newest(&api, &event).await? {
        let detail = "There are fewer check-ins: the store was restored since then; begin without \"after\".";
        return Err(Problem::new(Kind::EventsPruned, detail));
    }
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    let last = check_ins.last().map_or(sequence, |last| last.sequence);
    let page = Page { check_ins, next: format!("{epoch}-{last}") };
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(page)).into_response())
}

/// The sequence of the last check-in.
async fn newest(api: &Api, event: &str) -> Result<u64, Problem> {
    let event = event.to_owned();
    let positions = api.store.door_positions(std::slice::from_ref(&event)).await?;
    Ok(positions.get(&event).map_or(0, |position| position.sequence))
}
