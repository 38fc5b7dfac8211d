//! `GET /codes/{cti}`: what is on record against a code's id, for doors that verify codes by themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use serde_json::json;

use crate::api::Api;
use crate::problem::{Kind, Problem};

/// Whether the code's id is void, and which generation of it is the lowest that is good.
pub(crate) async fn standing(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    api.access.require(&headers, Scope::Read)?;
    let mut cti = [0; 10];
    hex::decode_to_slice(&text, &mut cti).map_err(|_| {
        Problem::new(Kind::BadRequest, "The code id in the path must be 20 hexadecimal digits.")
    })?;
    let standing = api.store.code_standing(cti).await?;
    let body = json!({
        "cti": hex::encode(cti), "voided": standing.voided,
        "lowestGoodGeneration": standing.lowest_good_generation,
    });
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response())
}
