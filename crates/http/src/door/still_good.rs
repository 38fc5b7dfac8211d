//! `GET /events/{eventId}/door/still-good/{kid}`: the part of the feed with the codes of a revoked key that stay valid.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_credential::Kid;
use fulfillment_door::feed::{Document, StillGood, StillGoodCode};
use fulfillment_store::{Action, AuditEntry};

use super::feed::origin;
use super::signed::{Signer, answer};
use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::{Kind, Problem};

/// The codes of a revoked key that stay valid
///
/// A part of the feed of an event's door (`docs/door-feed.md`): the claims of the live codes that the key signed. Whoever
/// has the key can write any others.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/still-good/{kid}",
    operation_id = "doorStillGood",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."),
        ("kid" = String, Path, description = "The key's id, 8 hexadecimal digits."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer."),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` the document is compressed.")),
    responses(
        (status = 200, description = "The document, as COSE_Sign1.", content(("application/cose")),
            headers(("ETag" = String, description = "By epoch, version, time and key."))),
        (status = 304, description = "The scanner has it."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`no-such-event`; `no-such-page`: no key with this id was revoked"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn still_good(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (event, kid) = match path {
        Ok(Path((event, kid))) => (event, kid),
        Err(error) => return Err(event_id(Err(error)).err().unwrap_or_else(no_such_event)),
    };
    let caller = api.access.require_at(&headers, &[Scope::Door], &event)?;
    let wrong = |_| {
        let detail = "The key's id must be 8 hexadecimal digits.";
        Problem::new(Kind::BadRequest, detail).with("field", "kid")
    };
    let kid: Kid = kid.parse().map_err(wrong)?;
    // The version is read before the codes: whoever has it asks for later changes, and they only void.
    let feed = api.store.door_feed(&event).await?.ok_or_else(no_such_event)?;
    if !feed.revoked.iter().any(|key| key.kid == kid.to_string()) {
        return Err(Problem::new(Kind::NoSuchPage, "No key with this id was revoked."));
    }
    let signer = Signer::now(&api);
    signer.keys(&feed)?;
    let tag =
        format!("\"{}-{}-{}-{}\"", feed.epoch, feed.record.feed_version, signer.made_at(), signer.kid()?);
    let codes = api.store.still_good(feed.record.number, &kid.to_string()).await?;
    let codes = codes.into_iter().filter(|claims| claims.event == feed.record.number);
    let mut codes: Vec<_> = codes
        .map(|claims| StillGoodCode {
            cti: claims.cti,
            generation: claims.generation,
            category: claims.category,
            expires_at: claims.expires_at,
        })
        .collect();
    codes.sort_unstable();
    codes.dedup_by_key(|code| (code.cti, code.generation));
    let document = Document::StillGood(StillGood { origin: origin(&signer, &feed), kid, codes });
    let document = signer.sign(document).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    Ok(answer(&headers, tag, Some(document)).await)
}
