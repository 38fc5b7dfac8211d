//! `GET /events`: events as server-sent events (WHATWG HTML, 9.2), replayed from a position and then followed.
//!
//! The `id` of each is its position in the gapless order that the sequencer assigns: a reader that reconnects with
//! `Last-Event-ID` misses nothing and gets nothing twice. A store that was restored assigns positions again: its epoch
//! tells them apart.

mod cursor;

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::{EventKind, event::SOURCE};
use fulfillment_store::PublishedEvent;
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;
use uuid::Uuid;

use self::cursor::Cursor;
use crate::access::{Caller, Standing};
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::problem::{Kind, Problem};

/// Events read from the store in one query.
const PAGE: usize = 200;
/// How often to poll without a notification: another process may have written an event.
const LOOK: Duration = Duration::from_secs(1);
/// The interval of comments, which keep proxies from closing the connection as idle.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The delay before a reader reconnects.
const RECONNECT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Asked {
    /// The same as `Last-Event-ID`, for readers that cannot set headers.
    after: Option<String>,
    /// Comma-separated types of events; by default, all.
    #[cfg_attr(test, param(example = "ticket-issued"))]
    types: Option<String>,
}

/// One server-sent event.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a schema is read, never made")]
struct StreamEvent {
    /// Its position in the stream: `42`, or `1796050000.42` in a later epoch of the store.
    id: String,
    /// Its type, such as `ticket-issued`.
    event: String,
    /// A `CloudEvent` as JSON; its `data` is that of the webhooks.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// Follows events as server-sent events
///
/// Each event has its position as `id`, its type as `event`, and a `CloudEvent` as `data`. A reader that reconnects with
/// `Last-Event-ID` misses nothing. Without it, the stream begins with the next event; `after=0` replays everything
/// that is kept, as long as nothing was deleted yet. After a restore with a new epoch, an `id` has the epoch before the
/// position, and one of another epoch is refused. It ends when its token is revoked or expires.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/events",
    operation_id = "followEvents",
    tag = "Events",
    params(answers::Resume, Asked),
    responses(
        (status = 200,
            description = "The stream. It stays open.", body = StreamEvent, content_type = "text/event-stream",
            example = json!({
                "id": "42", "event": "ticket-issued",
                "data": "{\"specversion\":\"1.0\",\"id\":\"…\",\"type\":\"ticket-issued\",\"data\":{…}}"
            })),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`, with the `field` that is wrong. A position beyond the newest event has \
                `newest`."),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`events-pruned`: events after this position were deleted. `resumeAfter` is the position \
                after which the stream goes on. `another-epoch`: the position was assigned before the store was \
                restored; read again what you need, and follow from `resumeAfter`."),
        answers::Guarded,
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`too-many-streams` or `store-unavailable`"),
    ),
    security(("bearer" = ["events"]))
))]
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Events])?;
    let Query(asked) = asked.map_err(|_| {
        Problem::new(Kind::BadRequest, "The query gives \"after\" or \"types\" more than once.")
    })?;
    let types = asked.types.as_deref().map(types).transpose()?;
    let permit = Arc::clone(&api.limits.streams).try_acquire_owned().map_err(|_| {
        Problem::new(Kind::TooManyStreams, "Close streams that are no longer read, or try again later.")
            .retry_after(10)
    })?;
    let last = headers.get("last-event-id").map(|v| v.to_str().unwrap_or("?"));
    let epoch = api.store.epoch().await?;
    // The highest position so far: this call sequences nothing.
    let top = api.store.sequence_events(0).await?;
    let position = match last.or(asked.after.as_deref()) {
        Some(given) => {
            let cursor = cursor(&api, given, epoch).await?;
            if cursor.epoch != epoch {
                return Err(other_epoch(Cursor { epoch, position: top }));
            }
            continues(&api, cursor, top).await?;
            cursor.position
        }
        None => top,
    };
    let reader = Reader {
        api,
        caller,
        epoch,
        from: position,
        position,
        types,
        page: VecDeque::new(),
        begun: false,
        _permit: permit,
    };
    let mut response =
        Sse::new(reader.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Asks proxies not to buffer the response.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn types(list: &str) -> Result<HashSet<EventKind>, Problem> {
    list.split(',')
        .map(|word| match word.trim().parse() {
            Ok(EventKind::DeadLetter) | Err(_) => Err(Problem::new(
                Kind::BadRequest,
                "\"types\" must be a comma-separated list of event types, such as ticket-issued.",
            )
            .with("field", "types")),
            Ok(kind) => Ok(kind),
        })
        .collect()
}

/// A position, given directly or as an event's id.
async fn cursor(api: &Api, given: &str, epoch: u64) -> Result<Cursor, Problem> {
    if let Some(cursor) = Cursor::read(given, epoch) {
        return Ok(cursor);
    }
    let known = match given.parse::<Uuid>() {
        Ok(event) => api.store.position_of(event).await?,
        Err(_) => None,
    };
    known.map(|position| Cursor { epoch, position }).ok_or_else(|| {
        let detail = "Use an id that this stream has sent, an event's id, or 0.";
        Problem::new(Kind::BadRequest, detail).with("field", "after")
    })
}

/// Refuses a position from which the stream cannot go on without a gap that its reader would not see.
async fn continues(api: &Api, cursor: Cursor, top: i64) -> Result<(), Problem> {
    let Cursor { epoch, position } = cursor;
    if position > top {
        let top = Cursor { epoch, position: top };
        let detail = format!(
            "The newest event has the position {top}: this position is of another store, or of this one before it was \
             restored. Read again what you need, and follow from {top}."
        );
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "after").with("newest", top));
    }
    let next = api.store.events_after(position, 1).await?;
    let Some(first) = next.first().map(|event| event.position).filter(|first| *first != position + 1) else {
        return Ok(());
    };
    let resume = Cursor { epoch, position: first - 1 };
    let detail = format!(
        "The events from {} to {} were sent everywhere and deleted after pipeline.prune_after. Read the orders that \
         you need, and follow from {}.",
        position + 1,
        first - 1,
        resume
    );
    Err(Problem::new(Kind::EventsPruned, detail).with("resumeAfter", resume))
}

/// Refuses a position that was assigned in another epoch: the events after it are others here.
fn other_epoch(newest: Cursor) -> Problem {
    let detail = format!(
        "The store was restored since, and its epoch is {}. Read again what you need, and follow from {newest}.",
        newest.epoch
    );
    Problem::new(Kind::AnotherEpoch, detail).with("epoch", newest.epoch).with("resumeAfter", newest)
}

/// One reader, at its position in the stream.
struct Reader {
    api: Arc<Api>,
    /// Its token may be revoked or expire while it reads.
    caller: Caller,
    /// The store's epoch when it began.
    epoch: u64,
    /// The position after which it began.
    from: i64,
    /// The position of the last event that was sent or passed over.
    position: i64,
    types: Option<HashSet<EventKind>>,
    /// Events taken and not sent yet.
    page: VecDeque<PublishedEvent>,
    begun: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.position > self.from {
            self.api.trail.end_stream(&self.caller, (self.from + 1, self.position));
        }
    }
}

impl Reader {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        futures::stream::unfold(self, |mut reader| async move {
            let stop = reader.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => None,
                event = reader.next() => event.map(|event| (Ok(event), reader)),
            }
        })
    }

    /// Waits for the next event; `None` when the one that follows was deleted because this reader is too slow, or its
    /// token has ended. It learns so when it connects again.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(RECONNECT).comment("events follow"));
        }
        let mut head = self.api.head.clone();
        loop {
            let standing = self.api.access.standing(&self.caller);
            if standing == Standing::Ended {
                return None;
            }
            // What was read before is not sent until it is known that it may be.
            while standing == Standing::Good
                && let Some(published) = self.page.pop_front()
            {
                if published.position != self.position + 1 {
                    return None;
                }
                self.position = published.position;
                if self.types.as_ref().is_none_or(|types| types.contains(&published.event.kind)) {
                    match render(&published, self.epoch) {
                        Ok(event) => return Some(event),
                        Err(error) => {
                            warn!(position = published.position, %error, "an event cannot be shown");
                        }
                    }
                }
            }
            head.mark_unchanged();
            if self.page.is_empty() {
                match self.api.store.events_after(self.position, PAGE).await {
                    Ok(page) => self.page = page.into(),
                    Err(error) => warn!(%error, "a reader of events waits for the store"),
                }
                let first = self.from + 1;
                if self.position < first && self.page.front().is_some_and(|event| event.position == first) {
                    self.api.trail.begin_stream(&self.caller, first).await;
                }
            }
            if self.page.is_empty() || standing == Standing::Unsure {
                // Without a sequencer in this process the channel is closed: then only the timer is left.
                let _ = tokio::time::timeout(LOOK, async {
                    if head.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                })
                .await;
            }
        }
    }
}

/// A `CloudEvent` (JSON format 1.0) around the value as it was written.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    r#type: &'static str,
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a RawValue,
}

fn render(published: &PublishedEvent, epoch: u64) -> Result<Event, Box<dyn std::error::Error + Send + Sync>> {
    let event = &published.event;
    let header = |name: &str| {
        let value = event.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        value.and_then(|v| std::str::from_utf8(v).ok())
    };
    let written = published.created_at.to_string();
    let envelope = Envelope {
        specversion: "1.0",
        id: event.id,
        source: SOURCE,
        r#type: event.kind.as_str(),
        time: header("ce_time").unwrap_or(&written),
        subject: header("ce_subject"),
        datacontenttype: "application/json",
        traceparent: header("traceparent"),
        data: serde_json::from_slice(&event.value)?,
    };
    let id = Cursor { epoch, position: published.position };
    let shown = Event::default().id(id.to_string()).event(event.kind.as_str());
    Ok(shown.json_data(envelope)?)
}
