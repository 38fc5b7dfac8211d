//! `/.well-known/ticket-keys.json` and `/.well-known/revoked-ticket-keys.json`: the public keys for verifying codes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use axum::response::IntoResponse;

use crate::api::Api;

/// A JWK Set.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a schema is read, never made")]
struct KeySet {
    keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// For everybody: scanners that are web pages of any site read the keys, too.
fn public(caching: &'static str) -> [(HeaderName, &'static str); 2] {
    [(CACHE_CONTROL, caching), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")]
}

/// Public keys that codes are checked with
///
/// A JWK Set (RFC 7517) of Ed25519 keys (RFC 8037); each code names the `kid` of its key.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/.well-known/ticket-keys.json",
    operation_id = "ticketKeys",
    tag = "Operations",
    responses((status = 200, description = "The keys.", body = inline(KeySet)))
))]
pub(crate) async fn jwks(State(api): State<Arc<Api>>) -> impl IntoResponse {
    (public("public, max-age=300"), Json(api.keys.current().public().to_jwks()))
}

/// Public keys that were revoked
///
/// A JWK Set of the same form. Whoever has such a key can write any code, so its codes are refused as `revoked_key`,
/// except those that the record knows: `GET /codes/{cti}` says which.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/.well-known/revoked-ticket-keys.json",
    operation_id = "revokedTicketKeys",
    tag = "Operations",
    responses((status = 200, description = "The revoked keys.", body = inline(KeySet)))
))]
pub(crate) async fn revoked(State(api): State<Arc<Api>>) -> impl IntoResponse {
    (public("public, max-age=60"), Json(api.keys.current().revoked().to_jwks()))
}
