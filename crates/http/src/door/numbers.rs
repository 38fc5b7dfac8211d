//! `GET /events/{eventId}/door/numbers`: the part of the feed by which scanners find a ticket whose number was typed in.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fulfillment_credential::Cti;
use fulfillment_door::feed::{Document, NumberTag, Numbers, Origin, number_tag};
use fulfillment_store::{Action, AuditEntry};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tracing::error;

use super::number_key::{NumberKey, changed};
use super::signed::{Signer, answer};
use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::{Kind, Problem};
use crate::tickets::file::known;

/// Which key the device holds.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Held {
    /// `numberKeyId` of the key that the device holds: under another one it would find no number.
    key: String,
}

/// Ticket numbers
///
/// A part of the feed of an event's door (`docs/door-feed.md`): tags of the numbers of all of the event's tickets, with the
/// ids of their codes, for numbers that are typed in without a network. A tag is made with the key of `/door/number-key`.
/// Void tickets are in it, so that a scanner says that they are void. For devices alone: a token that is not a device's is
/// refused.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/numbers",
    operation_id = "doorNumbers",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded."), Held,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer."),
        ("Accept-Encoding" = Option<String>, Header, description = "With `gzip` the document is compressed.")),
    responses(
        (status = 200, description = "The document, as COSE_Sign1.", content(("application/cose")),
            headers(("ETag" = String, description = "By epoch, entries and key."))),
        (status = 304, description = "The scanner has it."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`number-key-changed`: `key` is not the key in use. Ask for that, and again"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn numbers(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    held: Result<Query<Held>, QueryRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_device(&headers, &event)?;
    let Query(Held { key: held }) = held.map_err(|_| {
        let detail = "\"key\" must be the \"numberKeyId\" of the key that the device holds.";
        Problem::new(Kind::BadRequest, detail).with("field", "key")
    })?;
    let (epoch, _) = api.store.door_version(&event).await?.ok_or_else(no_such_event)?;
    let key = NumberKey::of(&api, &event, epoch);
    key.check(&held)?;
    let found = api.store.door_numbers(&event).await?.ok_or_else(no_such_event)?;
    let position = found.position;
    // It may have gone on since.
    if position.epoch != epoch {
        return Err(changed());
    }
    let signer = Signer::now(&api);
    signer.is_not_revoked(&found.revoked)?;
    let tickets = tagged(key, found.tickets).await?;
    // Sales do not raise the feed's version, and voids do not change the numbers: the content is what can be compared.
    let tag = format!("\"{epoch}-{}-{}\"", signer.kid()?, digest(&tickets));
    if known(&headers, &tag) {
        return Ok(answer(&headers, tag, None).await);
    }
    let origin = Origin {
        event: position.event,
        epoch: position.epoch,
        version: position.version,
        made_at: signer.made_at(),
    };
    let document = signer.sign(Document::Numbers(Numbers { origin, tickets })).await?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    Ok(answer(&headers, tag, Some(document)).await)
}

/// The entries of the document, made beside the other requests: there may be many.
async fn tagged(key: NumberKey, tickets: Vec<(String, Cti)>) -> Result<Vec<(NumberTag, Cti)>, Problem> {
    let tagging = tokio::task::spawn_blocking(move || {
        let tagged = tickets.into_iter().map(|(number, cti)| (number_tag(key.bytes(), &number), cti));
        let mut tagged: Vec<_> = tagged.collect();
        tagged.sort_unstable();
        tagged.dedup();
        tagged
    });
    tagging.await.map_err(|error| {
        error!(%error, "the numbers of a door's feed cannot be made");
        Problem::new(Kind::Internal, "The feed cannot be made.")
    })
}

fn digest(tickets: &[(NumberTag, Cti)]) -> String {
    let mut hash = Sha256::new();
    for (tag, cti) in tickets {
        hash.update(tag);
        hash.update(cti);
    }
    hex::encode(&hash.finalize()[..16])
}
