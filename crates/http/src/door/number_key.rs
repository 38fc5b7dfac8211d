//! `GET /events/{eventId}/door/number-key`: the key of an event's ticket numbers, for enrolled devices.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fulfillment_domain::Secret;
use fulfillment_store::{Action, AuditEntry};
use serde::Serialize;

use super::{event_id, no_such_event};
use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::problem::{Kind, Problem};

/// The key of an event's ticket numbers. It follows from the installation's secret, so every process has the same one, and
/// nothing keeps it; each epoch of the store has its own.
pub(super) struct NumberKey(Secret);

impl NumberKey {
    pub(super) fn of(api: &Api, event: &str, epoch: u64) -> Self {
        Self(api.keys.current().secret.number_key(event, epoch))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }

    pub(super) fn shown(&self) -> Shown {
        Shown { number_key: URL_SAFE_NO_PAD.encode(self.bytes()), number_key_id: self.0.fingerprint() }
    }

    /// Refuses a device that holds another key: it would find no number, and not know why.
    pub(super) fn check(&self, held: &str) -> Result<(), Problem> {
        if held == self.0.fingerprint() { Ok(()) } else { Err(changed()) }
    }
}

/// The key in answers to devices.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    number_key: String,
    number_key_id: String,
}

pub(super) fn changed() -> Problem {
    let detail = "The device holds another key of ticket numbers than the one in use: ask for it at \
                  /events/{eventId}/door/number-key, and then for the numbers with its \"numberKeyId\".";
    Problem::new(Kind::NumberKeyChanged, detail)
}

/// The key of ticket numbers
///
/// The key under which `/door/numbers` has the tags of the event's ticket numbers (`docs/door-feed.md`). The answer to the
/// enrolment has it too. It changes when the store begins another epoch, and with the installation's secret. For devices
/// alone: a token that is not a device's is refused.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/number-key",
    operation_id = "doorNumberKey",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    responses(
        (status = 200, description = "The key.", body = schema::DoorNumberKey),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn number_key(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_device(&headers, &event)?;
    let (epoch, _) = api.store.door_version(&event).await?.ok_or_else(no_such_event)?;
    let key = NumberKey::of(&api, &event, epoch).shown();
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadDoor).subject(&event)).await;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(key)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_and_another_is_refused() {
        let key = NumberKey(Secret::new([255; 32]));
        let shown = key.shown();
        assert_eq!(shown.number_key, "__________________________________________8");
        assert!(key.check(&shown.number_key_id).is_ok());
        for other in ["", "0", &NumberKey(Secret::new([1; 32])).0.fingerprint()] {
            assert_eq!(key.check(other).unwrap_err().status(), 410, "{other}");
        }
    }
}
