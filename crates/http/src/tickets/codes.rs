//! `GET /codes/{cti}`: whether a code was voided or replaced, or is still good although its key was revoked, for scanners
//! that verify codes by themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_credential::legacy::recorded_claims;
use fulfillment_credential::{KeySet, Kid};
use fulfillment_store::{Action, AuditEntry};
use serde::{Deserialize, Serialize};

use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::{Kind, Problem};

/// What is on record against a code's id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct CodeStanding {
    /// The code's id.
    cti: String,
    /// No code of this id is valid any more.
    voided: bool,
    /// Codes of an earlier generation have been replaced.
    lowest_good_generation: u32,
    /// With `kid` and `event`: the current code that this key signed for this event, if the record has it. A code of a
    /// revoked key is good only if it says all of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveCode>,
}

/// What the current code says besides its id and its event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct LiveCode {
    generation: u8,
    category: u16,
    /// Unix seconds: the code's `exp`.
    expires_at: i64,
}

/// The query: what else the code says.
#[derive(Default, Deserialize)]
pub(crate) struct Said {
    kid: Option<String>,
    event: Option<u32>,
}

/// Whether a code's id was voided or replaced
///
/// For doors that verify codes by themselves. `voided`: no code of this id is valid. `lowestGoodGeneration`: codes of an
/// earlier generation were replaced. An unknown id has nothing against it; the signature proves that a code is genuine.
/// The signature of a revoked key proves nothing: with `kid` and `event` of the code, `live` is what the record has, and
/// the code is good only if its generation, its category and its expiry are those.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/codes/{cti}",
    operation_id = "codeStanding",
    tag = "Tickets",
    params(("cti" = String, Path, pattern = "^[0-9a-fA-F]{20}$",
            description = "The code's id: 20 hexadecimal digits."),
        ("kid" = Option<String>, Query, pattern = "^[0-9a-fA-F]{8}$", description = "The key that the code names."),
        ("event" = Option<u32>, Query, description = "The event's number in the code.")),
    responses(
        (status = 200, description = "What is known.", body = CodeStanding,
            example = json!({ "cti": "c0ffee00010203040506", "voided": false, "lowestGoodGeneration": 1 })),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: not the id of a code, or not that of a key."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]), ("bearer" = ["read"]))
))]
pub(crate) async fn standing(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    said: Result<Query<Said>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Door, Scope::Read])?;
    let mut cti = [0; 10];
    let text = path.map(|Path(text)| text).unwrap_or_default();
    hex::decode_to_slice(&text, &mut cti).map_err(|_| {
        Problem::new(Kind::BadRequest, "The code id in the path must be 20 hexadecimal digits.")
    })?;
    let wrong = |detail: String| Problem::new(Kind::BadRequest, detail);
    let Query(Said { kid, event }) = said.map_err(|error| wrong(error.body_text()))?;
    let kid =
        kid.map(|kid| kid.parse::<Kid>().map_err(|error| wrong(format!("kid: {error}.")))).transpose()?;
    let standing = api.store.code_standing(cti).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadCode).subject(&text)).await;
    let live = match kid.zip(event) {
        Some((kid, event)) => live_code(&api, kid, event, cti).await?,
        None => None,
    };
    let body = CodeStanding {
        cti: hex::encode(cti),
        voided: standing.voided,
        lowest_good_generation: standing.lowest_good_generation,
        live,
    };
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response())
}

/// What the record has of the current code with this id.
async fn live_code(api: &Api, kid: Kid, event: u32, cti: [u8; 10]) -> Result<Option<LiveCode>, Problem> {
    let keyring = api.keys.current();
    let key = keyring.revoked().get(kid).or_else(|| keyring.public().get(kid));
    let Some(keys) = key.and_then(|key| KeySet::from_keys([*key]).ok()) else { return Ok(None) };
    let code = api.store.live_code(&kid.to_string(), event, cti).await?;
    let claims = code.and_then(|code| recorded_claims(&code, &keys));
    Ok(claims.map(|claims| LiveCode {
        generation: claims.generation,
        category: claims.category,
        expires_at: claims.expires_at,
    }))
}
