//! `/health/live`, `/health/ready` and `/health`: whether to restart, whether to send requests, and both
//! in the form that the platform's other services answer in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::admin::readiness::{Overall, PartState};
use crate::api::Api;

/// The process runs and answers. Asks nothing else, so that an outage elsewhere restarts nothing.
pub(crate) async fn live() -> Response {
    uncached(StatusCode::OK, json!({ "status": "live" }))
}

/// 503 only while this process cannot work; what else is wrong is named with 200.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    let (overall, parts) = api.readiness.look();
    let parts: Map<String, Value> = parts
        .iter()
        .map(|(name, state)| {
            let mut part = json!({ "status": state.word() });
            if let Some(text) = state.text() {
                part["reason"] = text.into();
            }
            (name.clone(), part)
        })
        .collect();
    let word = match overall {
        Overall::Ready => "ready",
        Overall::Degraded => "degraded",
        Overall::NotReady => "not ready",
    };
    uncached(status_of(overall), json!({ "status": word, "parts": parts }))
}

/// As ASP.NET Core's health checks are commonly written out.
pub(crate) async fn platform(State(api): State<Arc<Api>>) -> Response {
    let begin = Instant::now();
    let (overall, parts) = api.readiness.look();
    let entries: Map<String, Value> = parts
        .iter()
        .map(|(name, state)| {
            let word = match state {
                PartState::Ok => "Healthy",
                // What the service can do without does not make it unhealthy.
                PartState::Down(_) if overall == Overall::NotReady => "Unhealthy",
                PartState::Degraded(_) | PartState::Down(_) => "Degraded",
            };
            let mut entry = json!({ "data": {}, "duration": "00:00:00", "status": word, "tags": [] });
            if let Some(text) = state.text() {
                entry["description"] = text.into();
            }
            (name.clone(), entry)
        })
        .collect();
    let word = match overall {
        Overall::Ready => "Healthy",
        Overall::Degraded => "Degraded",
        Overall::NotReady => "Unhealthy",
    };
    // A .NET TimeSpan: seven fractional digits, a tick each.
    let duration = format!("00:00:00.{:07}", (begin.elapsed().as_nanos() / 100).min(9_999_999));
    uncached(status_of(overall), json!({ "status": word, "totalDuration": duration, "entries": entries }))
}

fn status_of(overall: Overall) -> StatusCode {
    match overall {
        Overall::Ready | Overall::Degraded => StatusCode::OK,
        Overall::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn uncached(status: StatusCode, body: Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
