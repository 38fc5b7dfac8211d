//! A span for each request, in the trace that its `traceparent` names (W3C Trace Context).

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use fulfillment_domain::trace::trace_id;
use fulfillment_pipeline::trace;
use tracing::{Instrument as _, error_span, field};

/// Log lines of a request carry its method, route and trace. The route is the pattern: ids are not logged with it.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let span = error_span!(
        "request",
        method = %request.method(),
        route,
        trace = traceparent.and_then(trace_id),
        status = field::Empty,
        otel.name = field::Empty,
        otel.kind = field::Empty,
        otel.status_code = field::Empty,
    );
    if trace::is_exported() {
        span.record("otel.name", format!("{} {route}", request.method()));
        span.record("otel.kind", "server");
        trace::follow(&span, traceparent);
    }
    let response = next.run(request).instrument(span.clone()).await;
    if trace::is_exported() {
        span.record("status", response.status().as_u16());
        if response.status().is_server_error() {
            span.record("otel.status_code", "error");
        }
    }
    response
}
