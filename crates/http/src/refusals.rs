//! Counts refused requests for the audit: by whom, and why.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use fulfillment_store::Actor;

use crate::api::Api;
use crate::connections::Origin;
use crate::peers::prefix_of;
use crate::problem::Kind;

/// Counts a request that was answered 401, 403 or 429 for its token, or for the network of its address.
pub(crate) async fn count_refusals(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<Origin>()
        .map(|origin| prefix_of(api.limits.peers.named(origin.peer.ip(), request.headers())));
    let authorization = request.headers().get(AUTHORIZATION).cloned();
    let response = next.run(request).await;
    if let (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS, Some(kind)) =
        (response.status(), response.extensions().get::<Kind>())
    {
        let headers: HeaderMap = authorization.map(|value| (AUTHORIZATION, value)).into_iter().collect();
        let network = || Actor::http(peer.unwrap_or_else(|| "unknown".to_owned()));
        let actor = api.access.token_of(&headers).map_or_else(network, |caller| caller.actor());
        api.trail.refused(actor, kind.describe().0);
    }
    response
}
