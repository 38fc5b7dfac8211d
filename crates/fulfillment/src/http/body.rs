//! Bodies of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};

use super::problem::{Kind, Problem};

/// Reads the whole body, up to the limit that stands on the router.
pub(super) async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, "The body is larger than http.max_body; send it in parts.")
        }
        _ => Problem::new(Kind::BadRequest, "The body ended before its end."),
    })
}

/// Refuses a body whose type is none of `types`. A web page of elsewhere can send forms and plain text
/// without asking first, but not JSON: this keeps such pages out where no token does.
pub(super) fn require_type(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if types.iter().any(|t| t.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMediaType, format!("Send the body as {}.", types.join(" or "))))
}
