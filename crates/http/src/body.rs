//! Request bodies: reads them up to their limits, and checks their content type.

use std::error::Error;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_http::timeout::TimeoutError;

use crate::access::Caller;
use crate::problem::{Kind, Problem};

/// What a body may take without [`Room`]: the number of connections bounds the sum.
const SMALL: usize = 64 << 10;

/// What the bodies of messages may take in memory together, apart from the first [`SMALL`] bytes of each. It is taken as
/// the bytes arrive: whoever sends slowly has little of it.
pub(crate) struct Room(Semaphore);

/// How much of a body that is too large is read before the answer, and for how long.
const DISCARDED: usize = 4 << 20;
const DISCARDING: Duration = Duration::from_secs(1);

/// The bytes of one unit of [`Room`].
const UNIT: usize = 1 << 10;

impl Room {
    /// For this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS)))
    }
}

/// A body of messages.
pub(crate) struct Content<'a> {
    pub(crate) bytes: Vec<u8>,
    /// Its part of the room, until the messages are stored.
    pub(crate) room: Option<SemaphorePermit<'a>>,
}

/// Reads the whole body, up to `most` bytes and as far as there is room.
pub(crate) async fn read(request: Request, most: usize, room: &Room) -> Result<Content<'_>, Problem> {
    let too_large =
        || Problem::new(Kind::TooLarge, "The body is larger than http.max_body; send it in parts.");
    if announces_more(request.headers(), most) {
        discard_announced(request).await;
        return Err(too_large());
    }
    let (mut bytes, mut taken) = (Vec::new(), None::<SemaphorePermit<'_>>);
    let mut parts = request.into_body().into_data_stream();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.map_err(|error| unreadable(&error))?);
        if bytes.len() > most {
            discard(&mut parts).await;
            return Err(too_large());
        }
        let (wanted, has) = (
            bytes.len().saturating_sub(SMALL).div_ceil(UNIT),
            taken.as_ref().map_or(0, SemaphorePermit::num_permits),
        );
        if wanted > has {
            let more = u32::try_from(wanted - has).unwrap_or(u32::MAX);
            let more = room.0.try_acquire_many(more).map_err(|_| busy())?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
        }
    }
    Ok(Content { bytes, room: taken })
}

/// Reads the whole body of a request that is small by its nature.
async fn read_small(request: Request, most: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Kind::TooLarge, "The body is larger than http.max_small_body.");
    if announces_more(request.headers(), most) {
        discard_announced(request).await;
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut parts = request.into_body().into_data_stream();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.map_err(|error| unreadable(&error))?);
        if bytes.len() > most {
            discard(&mut parts).await;
            return Err(too_large());
        }
    }
    Ok(bytes)
}

/// Whether the head already says that the body is larger. Whoever expects `100 Continue` is sent it with the first look
/// at the body, and would then send all of it.
fn announces_more(headers: &HeaderMap, most: usize) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > most as u64)
}

/// Discards a body that is too large, unless its sender waits for the answer before sending it (RFC 9110, 10.1.1).
async fn discard_announced(request: Request) {
    if !request.headers().contains_key(EXPECT) {
        discard(&mut request.into_body().into_data_stream()).await;
    }
}

/// Reads some of what is left of a body, so that a sender that is about to be refused gets to its answer: closing a
/// connection on which bytes still arrive resets it, and what was sent on it is lost (RFC 9112, 9.6).
async fn discard(parts: &mut BodyDataStream) {
    let some = async {
        let mut left = DISCARDED;
        while let Some(Ok(part)) = parts.next().await {
            left = left.saturating_sub(part.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whoever sends more slowly, or more, is cut off.
    let _ = tokio::time::timeout(DISCARDING, some).await;
}

/// The answer when too much is being worked on.
pub(crate) fn busy() -> Problem {
    let detail = "Send the request again later, or put more messages into one array.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(1)
}

/// Why no more of a body can be read.
fn unreadable(error: &(dyn Error + 'static)) -> Problem {
    if is_timeout(error) {
        Problem::new(Kind::BodyTimedOut, "No byte of it arrived for http.body_timeout; send it again.")
    } else {
        Problem::new(Kind::BadRequest, "The request body was truncated.")
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutError>() || error.source().is_some_and(is_timeout)
}

/// Reads a body of JSON, or none. The content type is checked before the length: a page of another origin can send an
/// empty body without a preflight request, and only then without a type. With a token, an empty body needs no type,
/// because no page sends tokens by itself.
pub(crate) async fn read_json_or_nothing(
    caller: &Caller,
    request: Request,
    most: usize,
) -> Result<Vec<u8>, Problem> {
    let typed = request.headers().contains_key(CONTENT_TYPE);
    if typed || *caller == Caller::Anonymous {
        require_json(request.headers())?;
    }
    let headers = request.headers().clone();
    let bytes = read_small(request, most).await?;
    if !bytes.is_empty() {
        require_json(&headers)?;
    }
    Ok(bytes)
}

/// Reads a body of JSON.
pub(crate) async fn read_json(request: Request, most: usize) -> Result<Vec<u8>, Problem> {
    require_json(request.headers())?;
    read_small(request, most).await
}

/// Refuses a body whose content type is not JSON. A web page of another origin can send forms and plain text without a
/// preflight request, but not JSON: this keeps such pages out where no token does.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
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
