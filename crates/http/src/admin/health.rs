//! Health endpoints `/health/live`, `/health/ready` and `/health`: whether to restart, whether to send requests, and
//! both in the format of the platform's other services.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::Instant;

use crate::admin::readiness::{Overall, PartState};
use crate::api::Api;

/// That the process answers.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Live {
    status: Alive,
}

/// The only answer that a process can give.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
enum Alive {
    Live,
}

/// The service and its parts.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Readiness))]
struct Ready {
    /// The service as a whole.
    status: Overall,
    /// By name: `store`, `files`, `ordering`, `kafka`, `webhook:<name>`, `draining`.
    parts: BTreeMap<String, Part>,
}

/// One part of the service.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = ReadinessPart))]
struct Part {
    status: PartStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = String))]
    reason: Option<String>,
}

/// Status of a part.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
enum PartStatus {
    Ok,
    Degraded,
    Down,
}

/// Health in the platform's form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Health {
    /// The service as a whole.
    status: Word,
    /// A .NET `TimeSpan`.
    total_duration: String,
    /// By part.
    entries: BTreeMap<String, Entry>,
}

/// One part in the platform's form.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = HealthEntry))]
struct Entry {
    /// Always empty.
    data: BTreeMap<String, String>,
    /// A .NET `TimeSpan`, always zero: parts are probed in the background.
    duration: &'static str,
    status: Word,
    /// Always empty.
    tags: [String; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = String))]
    description: Option<String>,
}

/// Status in the platform's words.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = HealthStatus))]
enum Word {
    Healthy,
    Degraded,
    Unhealthy,
}

/// Whether the process answers
///
/// It asks no other part: an outage elsewhere is no reason to restart.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "Operations",
    responses((status = 200, description = "It does.", body = inline(Live)))
))]
pub(crate) async fn live() -> Response {
    uncached(StatusCode::OK, Live { status: Alive::Live })
}

/// Whether requests should be sent here
///
/// 503 only while the store cannot be reached or the service is shutting down. Anything else that is wrong is named with
/// 200: downloads still work. Reasons are for callers with a token, or this machine's user where none is set: they can
/// name addresses.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "Operations",
    responses(
        (status = 200, description = "`ready` or `degraded`.", body = Ready),
        (status = 503, description = "`not ready`.", body = Ready),
    )
))]
pub(crate) async fn ready(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let (overall, parts) = api.readiness.look();
    let is_told = api.access.is_insider(&headers);
    let part = |state: PartState| Part {
        status: match state {
            PartState::Ok => PartStatus::Ok,
            PartState::Degraded(_) => PartStatus::Degraded,
            PartState::Down(_) => PartStatus::Down,
        },
        reason: state.text().filter(|_| is_told).map(str::to_owned),
    };
    let parts = parts.into_iter().map(|(name, state)| (name, part(state))).collect();
    uncached(status_of(overall), Ready { status: overall, parts })
}

/// Health in the platform's form
///
/// In the usual JSON form of ASP.NET Core's health checks. Descriptions are for callers with a token, or this machine's
/// user where none is set.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Operations",
    responses(
        (status = 200, description = "Healthy or Degraded.", body = Health),
        (status = 503, description = "Unhealthy.", body = Health),
    )
))]
pub(crate) async fn platform(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let begin = Instant::now();
    let is_told = api.access.is_insider(&headers);
    let (overall, parts) = api.readiness.look();
    let entry = |state: PartState| Entry {
        data: BTreeMap::new(),
        duration: "00:00:00",
        status: match state {
            PartState::Ok => Word::Healthy,
            // A failure of an optional part does not make the service unhealthy.
            PartState::Down(_) if overall == Overall::NotReady => Word::Unhealthy,
            PartState::Degraded(_) | PartState::Down(_) => Word::Degraded,
        },
        tags: [],
        description: state.text().filter(|_| is_told).map(str::to_owned),
    };
    let entries = parts.into_iter().map(|(name, state)| (name, entry(state))).collect();
    let status = match overall {
        Overall::Ready => Word::Healthy,
        Overall::Degraded => Word::Degraded,
        Overall::NotReady => Word::Unhealthy,
    };
    // A .NET TimeSpan: seven fractional digits, one tick each.
    let total_duration = format!("00:00:00.{:07}", (begin.elapsed().as_nanos() / 100).min(9_999_999));
    uncached(status_of(overall), Health { status, total_duration, entries })
}

fn status_of(overall: Overall) -> StatusCode {
    match overall {
        Overall::Ready | Overall::Degraded => StatusCode::OK,
        Overall::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn uncached(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
