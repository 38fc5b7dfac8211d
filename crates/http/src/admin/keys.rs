//! `/.well-known/ticket-keys.json`: the public keys that codes are checked with.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use crate::api::Api;

/// A JWK Set (RFC 7517) of Ed25519 keys (RFC 8037), open to all.
pub(crate) async fn jwks(State(api): State<Arc<Api>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(api.keys.current().public().to_jwks()))
}
