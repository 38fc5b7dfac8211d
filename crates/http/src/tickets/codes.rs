//! `GET /codes/{cti}`: whether a code was voided or replaced, for scanners that verify codes by themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_store::{Action, AuditEntry};
use serde::Serialize;

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
}

/// Whether a code's id was voided or replaced
///
/// For doors that verify codes by themselves. `voided`: no code of this id is valid. `lowestGoodGeneration`: codes of an
/// earlier generation were replaced. An unknown id has nothing against it; the signature proves that a code is genuine.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/codes/{cti}",
    operation_id = "codeStanding",
    tag = "Tickets",
    params(("cti" = String, Path, pattern = "^[0-9a-fA-F]{20}$",
            description = "The code's id: 20 hexadecimal digits.")),
    responses(
        (status = 200, description = "What is known.", body = CodeStanding,
            example = json!({ "cti": "c0ffee00010203040506", "voided": false, "lowestGoodGeneration": 1 })),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: not the id of a code."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]), ("bearer" = ["read"]))
))]
pub(crate) async fn standing(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Door, Scope::Read])?;
    let mut cti = [0; 10];
    let text = path.map(|Path(text)| text).unwrap_or_default();
    hex::decode_to_slice(&text, &mut cti).map_err(|_| {
        Problem::new(Kind::BadRequest, "The code id in the path must be 20 hexadecimal digits.")
    })?;
    let standing = api.store.code_standing(cti).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadCode).subject(&text)).await;
    let body = CodeStanding {
        cti: hex::encode(cti),
        voided: standing.voided,
        lowest_good_generation: standing.lowest_good_generation,
    };
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response())
}
