//! Bodies of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};

use crate::problem::{Kind, Problem};

/// Reads the whole body, up to the limit that stands on the router.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, "The body is larger than http.max_body; send it in parts.")
        }
        _ => Problem::new(Kind::BadRequest, "The request body was truncated."),
    })
}

/// Refuses a body that is not JSON by its type. A web page of elsewhere can send forms and plain text without asking
/// first, but not JSON: this keeps such pages out where no token does.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if essence(headers) == "application/json" {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMediaType, "Send the body as application/json."))
}

/// Refuses a message that is neither JSON by its type, under whatever name a bus gives it, nor bytes that say nothing of
/// themselves. Neither can a web page of elsewhere send without asking first, as [`require_json`] has it.
pub(crate) fn require_message(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = essence(headers);
    let named = essence.strip_prefix("application/").and_then(|name| name.strip_suffix("+json"));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    if matches!(&*essence, "application/json" | "application/octet-stream") || named.is_some_and(is_name) {
        return Ok(());
    }
    let detail =
        "Send the body as application/json, as another application/*+json or as application/octet-stream.";
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

/// The type of the body without its parameters, in lower case.
fn essence(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
