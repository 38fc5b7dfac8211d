//! `GET /status`: what needs a person, events, throughput, and what this process knows.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_pipeline::operations::status::{Service, status as ask};
use fulfillment_store::EventsWanted;
use serde::Deserialize;

use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, status as schema};
use crate::problem::{Kind, Problem};

/// Which events are wanted.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Asked {
    /// Also events that ended more than a day ago.
    #[serde(default)]
    past: bool,
    /// Only events with a lower number: the next page.
    before: Option<u32>,
}

/// What needs a person, and how far everything is
///
/// `needsAPerson` comes first and is empty when nothing needs a person: what waits, is parked or failed, by kind, with the
/// oldest, the cause and the command that mends it. Errors are grouped, without ids, numbers, addresses and quoted text;
/// the answer has no personal data. Counts of open work stop at 10,000 (`atLeast`). Tickets are counted by event in the
/// background: `countedAt` says when. `service` is what the answering process knows, and no other: its neighbours, and the
/// partitions that it reads.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/status",
    operation_id = "status",
    tag = "Operations",
    params(Asked),
    responses(
        (status = 200, description = "The status, with at most 50 events.", body = schema::Status),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `past` is true or false, `before` the number of an event."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read:status"]), ("bearer" = ["read"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    // No record in the audit: it is about nobody, and a monitor asks every few seconds.
    api.access.require(&headers, &[Scope::ReadStatus, Scope::Read, Scope::Admin])?;
    let Query(Asked { past, before }) = asked.map_err(|_| {
        Problem::new(Kind::BadRequest, "\"past\" must be true or false, \"before\" the number of an event.")
    })?;
    let lag = api.lag.as_ref().map(|lag| lag.lag()).unwrap_or_default();
    let service = Service { parts: api.readiness.health(), lag };
    let wanted = EventsWanted { past, before };
    let status = ask(api.store.as_ref(), wanted, Some(service), api.clock.now()).await?;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(status)).into_response())
}
