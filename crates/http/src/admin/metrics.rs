//! `/metrics` in the Prometheus format, and request metrics.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use tokio::time::Instant;

use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::Problem;

/// Metrics in the Prometheus text format
#[cfg_attr(test, utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "Operations",
    responses((status = 200, description = "Metrics.", body = String, content_type = "text/plain"), answers::Guarded),
    security(("bearer" = ["metrics"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, Problem> {
    api.access.require(&headers, &[Scope::Metrics, Scope::Admin])?;
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((text, api.metrics.render()).into_response())
}

/// Counts and times a request by its route's pattern: an id in a label would create a series for each ticket.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = method(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |p| p.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!(
        "fulfillment_http_requests_total", "method" => method, "route" => route.clone(), "status" => status
    )
    .increment(1);
    metrics::histogram!("fulfillment_http_request_duration_seconds", "method" => method, "route" => route)
        .record(begin.elapsed().as_secs_f64());
    response
}

/// The method as a label: clients may send any word.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
