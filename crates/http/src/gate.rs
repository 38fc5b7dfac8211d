//! Whether a request is answered at all: by the standing of its connection, by the rate of its address, and by its
//! token, whose failed tries are slow.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::connections::{Origin, Standing};
use crate::problem::{Kind, Problem};

/// Refuses a request before its route sees it, if its connection or its address may not send it now, and
/// holds back one whose token is not valid.
pub(crate) async fn gate(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let purpose = Purpose::of(extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str));
    // Tests of the router alone have no connection.
    let origin = extensions.get::<Origin>();
    if let Err(problem) = origin.map_or(Ok(()), |origin| pass(&api, origin, purpose, request.headers())) {
        return problem.into_response();
    }
    let client = origin.map(|origin| api.limits.peers.named(origin.peer.ip(), request.headers()));
    match api.access.hold_back(request.headers(), client).await {
        Err(problem) if purpose != Purpose::Health => problem.into_response(),
        _ => next.run(request).await,
    }
}

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Always answered.
    Health,
    /// What is needed at the door: connections are kept for it.
    Files,
    Other,
}

impl Purpose {
    fn of(route: &str) -> Self {
        match route {
            "/health" | "/health/live" | "/health/ready" => Self::Health,
            "/tickets/{id}"
            | "/orders/{id}/tickets.pdf"
            | "/.well-known/ticket-keys.json"
            | "/.well-known/revoked-ticket-keys.json" => Self::Files,
            _ => Self::Other,
        }
    }
}

fn pass(api: &Api, origin: &Origin, purpose: Purpose, headers: &HeaderMap) -> Result<(), Problem> {
    if purpose == Purpose::Health {
        return Ok(());
    }
    let closing = |kind, detail: &str| {
        Err(Problem::new(kind, detail).retry_after(5).header(CONNECTION, HeaderValue::from_static("close")))
    };
    match origin.standing {
        Standing::Crowded => {
            return closing(
                Kind::TooManyRequests,
                "Close connections of this address: http.max_connections_per_address limits them.",
            );
        }
        Standing::Kept if purpose == Purpose::Other => {
            return closing(
                Kind::TooManyConnections,
                "Almost all of http.max_connections are open; the rest is kept for health and files.",
            );
        }
        Standing::Kept | Standing::Ordinary => {}
    }
    let Some(rates) = &api.limits.addresses else { return Ok(()) };
    match api.limits.peers.client(origin.peer.ip(), headers) {
        // A token has a limit of its own.
        Some(client) if !api.access.is_known(headers) => rates.count(&client, "http.address_requests"),
        _ => Ok(()),
    }
}
