//! Request bodies: reads them up to the limit, and checks their content type.

use std::error::Error;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use tower_http::timeout::TimeoutError;

use crate::access::Caller;
use crate::problem::{Kind, Problem};

/// Reads the whole body, up to the limit that the router sets.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, "The body is larger than http.max_body; send it in parts.")
        }
        _ if is_timeout(&rejection) => {
            Problem::new(Kind::BodyTimedOut, "No byte of it arrived for http.body_timeout; send it again.")
        }
        _ => Problem::new(Kind::BadRequest, "The request body was truncated."),
    })
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutError>() || error.source().is_some_and(is_timeout)
}

/// Reads a body of JSON, or none. The content type is checked before the length: a page of another origin can send an
/// empty body without a preflight request, and only then without a type. With a token, an empty body needs no type,
/// because no page sends tokens by itself.
pub(crate) async fn read_json_or_nothing(caller: &Caller, request: Request) -> Result<Bytes, Problem> {
    let typed = request.headers().contains_key(CONTENT_TYPE);
    if typed || *caller == Caller::Anonymous {
        require_json(request.headers())?;
    }
    let headers = request.headers().clone();
    let bytes = read(request).await?;
    if !bytes.is_empty() {
        require_json(&headers)?;
    }
    Ok(bytes)
}

/// Refuses a body whose content type is not JSON. A web page of another origin can send forms and plain text without a
/// preflight request, but not JSON: this keeps such pages out where no token does.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if essence(headers) == "application/json" {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMediaType, "Send the body as application/json."))
}

/// Refuses a message whose content type is neither JSON, under any name that a bus gives it, nor
/// `application/octet-stream`. A web page of another origin can send neither without a preflight request, as with
/// [`require_json`].
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

/// The content type without its parameters, in lower case.
fn essence(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
