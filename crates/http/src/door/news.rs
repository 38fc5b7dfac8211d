//! `GET /events/{eventId}/door/news`: tells scanners within a second that the feed of their event or who is in has
//! changed, as server-sent events.
//!
//! News have no content: each says up to where the event's door is, and the scanner fetches the deltas that it wants.
//! A reader that misses some news loses nothing by it, and a slow one gets the newest alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_store::DoorPosition;
use futures::Stream;
use serde::Serialize;
use tokio::sync::watch;
use tracing::warn;

use super::streams::Place;
use super::{event_id, no_such_event};
use crate::access::{Caller, Standing};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::Problem;

/// How often a listener's token is looked at while nothing changes.
const LOOK: Duration = Duration::from_secs(1);
/// The interval of comments, which keep proxies from closing the connection as idle.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The delay before a listener reconnects.
const RECONNECT: Duration = Duration::from_secs(2);

/// Up to where an event's door is.
#[derive(Serialize)]
struct News {
    epoch: u64,
    version: u64,
    sequence: u64,
}

/// One server-sent event.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a schema is read, never made")]
struct NewsEvent {
    /// `door`.
    event: String,
    /// An object: `epoch` and `version` of the feed, and `sequence`, the number of the last check-in. Ask for
    /// `/door?since=EPOCH-VERSION` and `/door/admitted?since=EPOCH-SEQUENCE` with the ones that you hold.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// News of an event's door as server-sent events
///
/// The first says up to where the door is, each later one that it went on, within a second of the commit: of the feed's
/// version, and of the check-ins. What changed is fetched by deltas. A comment comes every 15 seconds. It ends when its
/// token is revoked or expires, and when the process stops: connect again.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events/{eventId}/door/news",
    operation_id = "doorNews",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    responses(
        (status = 200,
            description = "The stream. It stays open.", body = NewsEvent, content_type = "text/event-stream",
            example = json!({ "event": "door", "data": "{\"epoch\":1,\"version\":4,\"sequence\":17}" })),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM, description = "`bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`too-many-streams` or `store-unavailable`"),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn news(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_at(&headers, &[Scope::Door], &event)?;
    let place = api.limits.door_streams.open(&caller)?;
    let named = [event];
    let first = api.store.door_positions(&named).await?.remove(&named[0]).ok_or_else(no_such_event)?;
    let [event] = named;
    let positions = api.followed.follow(event, first);
    let listener = Listener { api, caller, positions, told: None, begun: false, _place: place };
    let mut response =
        Sse::new(listener.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Asks proxies not to buffer the response.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One reader of the news.
struct Listener {
    api: Arc<Api>,
    /// Its token may be revoked or expire while it listens.
    caller: Caller,
    positions: watch::Receiver<DoorPosition>,
    /// What it was told last.
    told: Option<DoorPosition>,
    begun: bool,
    _place: Place,
}

impl Listener {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        futures::stream::unfold(self, |mut listener| async move {
            let stop = listener.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => None,
                event = listener.next() => event.map(|event| (Ok(event), listener)),
            }
        })
    }

    /// Waits for the next news; `None` when its token has ended.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(RECONNECT).comment("news follow"));
        }
        loop {
            match self.api.access.standing(&self.caller) {
                Standing::Ended => return None,
                // The token may have been revoked: no news until the store has been read again.
                Standing::Unsure => tokio::time::sleep(LOOK).await,
                Standing::Good => {
                    let position = *self.positions.borrow_and_update();
                    if self.told != Some(position) {
                        self.told = Some(position);
                        match render(position) {
                            Ok(event) => return Some(event),
                            Err(error) => warn!(%error, "news of a door cannot be shown"),
                        }
                    }
                    if let Ok(Err(_)) = tokio::time::timeout(LOOK, self.positions.changed()).await {
                        return None;
                    }
                }
            }
        }
    }
}

fn render(position: DoorPosition) -> Result<Event, axum::Error> {
    let DoorPosition { epoch, version, sequence, .. } = position;
    Event::default().event("door").json_data(News { epoch, version, sequence })
}
