//! Shared by the routes that take payments, refunds and cancellations: one message or an array of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::trace::is_traceparent;
use fulfillment_domain::{Message, OrderId, Subject, Unreadable};
use fulfillment_store::{EventChanged, Incoming, IngestOutcome, Source, WithdrawalState};
use serde::Serialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tokio::sync::SemaphorePermit;

use crate::access::Caller;
use crate::api::Api;
use crate::body;
use crate::problem::{Kind, Problem};

/// The outcome of each message, in the request's order.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a schema is read, never made")]
pub(crate) struct Results {
    /// One per message.
    results: Vec<ItemResult>,
}

/// The outcome of one message.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Result))]
pub(crate) struct ItemResult {
    /// Its index in the request, from 0.
    pub(crate) index: usize,
    /// `folded`: the order's payment, known already under another key. `already_paid`: another payment of an order; kept
    /// and shown, and Ordering is asked whether the order has grown. `late`: its order was voided before; the order is
    /// parked. Of refunds and cancellations: `applied`; `waiting` for what they refer to; `parked`; `pending` and `failed`
    /// as their status says.
    pub(crate) outcome: Word,
    /// Its order, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = Uuid))]
    pub(crate) order_id: Option<OrderId>,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = String))]
    pub(crate) field: Option<String>,
    /// What is wrong, or why this is the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(value_type = String))]
    pub(crate) reason: Option<String>,
}

/// Outcome of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Outcome))]
pub(crate) enum Word {
    New,
    Late,
    Applied,
    Waiting,
    Parked,
    Pending,
    Failed,
    Duplicate,
    Folded,
    AlreadyPaid,
    Quarantined,
    Unreadable,
}

impl ItemResult {
    /// One that was read, or became a dead letter.
    fn of(index: usize, subject: Subject, outcome: IngestOutcome) -> Self {
        let (outcome, order, reason) = match outcome {
            // No route takes changes of events: an event has a route of its own.
            IngestOutcome::Event(outcome) => {
                let outcome = if outcome == EventChanged::Changed { Word::Applied } else { Word::Duplicate };
                return Self { index, outcome, order_id: None, field: None, reason: None };
            }
            IngestOutcome::New(order) => (Word::New, order, None),
            IngestOutcome::Duplicate(order) => (Word::Duplicate, order, None),
            IngestOutcome::Folded(order) => (
                Word::Folded,
                order,
                Some("the same payment is known under another key: once with an id, once without"),
            ),
            IngestOutcome::AlreadyPaid(order) => (
                Word::AlreadyPaid,
                order,
                Some("the order was already paid; Ordering is asked whether items were added"),
            ),
            IngestOutcome::Late(order) => (
                Word::Late,
                order,
                Some("the order was voided before; it is parked and this payment issues no tickets"),
            ),
            IngestOutcome::Recorded(order, state) => {
                let (word, reason) = stands(state);
                (word, order, reason)
            }
            IngestOutcome::Quarantined(order) => (Word::Quarantined, order, Some(other_content(subject))),
            IngestOutcome::DeadLettered(why) => return Self::unreadable(index, why),
        };
        Self { index, outcome, order_id: Some(order), field: None, reason: reason.map(str::to_owned) }
    }

    /// One that was not.
    fn unreadable(index: usize, Unreadable { field, reason }: Unreadable) -> Self {
        Self { index, outcome: Word::Unreadable, order_id: None, field, reason: Some(reason) }
    }
}

/// The outcome of a refund or cancellation by its state, and the reason.
fn stands(state: WithdrawalState) -> (Word, Option<&'static str>) {
    match state {
        WithdrawalState::Waiting => (Word::Waiting, Some("what it refers to has not arrived yet")),
        WithdrawalState::Parked => {
            (Word::Parked, Some("it voids nothing by itself; see the order's record for the reason"))
        }
        WithdrawalState::Pending => {
            (Word::Pending, Some("it is in progress; it voids nothing until it is final"))
        }
        WithdrawalState::Failed => (Word::Failed, Some("it failed; it voids nothing")),
        WithdrawalState::Applied => (Word::Applied, None),
        WithdrawalState::Lifted => {
            (Word::Duplicate, Some("it was made before the order was reinstated; it voids nothing"))
        }
    }
}

fn other_content(subject: Subject) -> &'static str {
    match subject {
        Subject::Payment => "an earlier payment with this id has different content",
        Subject::Refund | Subject::Cancellation | Subject::EventChange => {
            "an earlier refund with this id has different content"
        }
    }
}

/// Takes a request of one message or an array of them. What cannot be read is reported to the client. If nothing can be
/// read, nothing is stored; if other messages can, the request is accepted, and everything in it is stored: the
/// unreadable messages as dead letters.
pub(crate) async fn take(api: &Arc<Api>, request: Request, subject: Subject) -> Result<Response, Problem> {
    let Messages { batch, many, _place, _room } = read(api, request, subject).await?;
    let results = if let Some(results) = all_unreadable(&batch) {
        results
    } else {
        let outcomes = api.accept.accept(batch).await?.into_iter().enumerate();
        outcomes.map(|(index, outcome)| ItemResult::of(index, subject, outcome)).collect()
    };
    answer(&results, many, subject)
}

/// If none of them can be read: what is wrong with each.
fn all_unreadable(batch: &[Incoming]) -> Option<Vec<ItemResult>> {
    let faults = batch.iter().map(|m| m.content.as_ref().err().cloned()).enumerate();
    faults.map(|(index, why)| Some(ItemResult::unreadable(index, why?))).collect()
}

/// The messages of a request.
struct Messages<'a> {
    batch: Vec<Incoming>,
    /// Whether they are an array.
    many: bool,
    _place: SemaphorePermit<'a>,
    _room: Option<SemaphorePermit<'a>>,
}

async fn read(api: &Arc<Api>, request: Request, subject: Subject) -> Result<Messages<'_>, Problem> {
    let caller = api.access.require(request.headers(), &[scope_of(subject)])?;
    body::require_message(request.headers())?;
    let headers = request.headers().clone();
    let body::Content { bytes, room } = body::read(request, api.limits.max_body, &api.limits.bodies).await?;
    // Whoever sends slowly takes no place.
    let place = api.limits.ingest.try_acquire().map_err(|_| body::busy())?;
    let unreadable = |detail: String| Problem::new(unreadable_kind(subject), detail);
    let body = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).trim_ascii();
    let text = || std::str::from_utf8(body).map_err(|_| unreadable("The body is not UTF-8 text.".to_owned()));
    let many = body.first() == Some(&b'[');
    let items: Vec<&[u8]> = if many {
        let most = api.limits.max_items;
        let items = split(text()?, most).map_err(unreadable)?.ok_or_else(|| {
            Problem::new(Kind::TooLarge, format!("Send at most {most} messages in one array."))
        })?;
        items.into_iter().map(str::as_bytes).collect()
    } else {
        // Of a body that begins with a zero byte, the envelope's parser decides whether it is text.
        if body.first() != Some(&0) {
            text()?;
        }
        vec![body]
    };
    let most = api.limits.max_message;
    if let [only] = items[..]
        && only.len() > most
    {
        return Err(Problem::new(Kind::TooLarge, format!("The message is larger than {most} bytes.")));
    }
    let read = |item: &[u8]| incoming(api, &caller, &headers, many, item, subject);
    Ok(Messages { batch: items.into_iter().map(read).collect(), many, _place: place, _room: room })
}

fn incoming(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    many: bool,
    item: &[u8],
    subject: Subject,
) -> Incoming {
    // A CloudEvent in binary mode has its attributes in headers `ce-...`; Kafka calls them `ce_...`.
    let attributes = headers.iter().filter(|_| !many).filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("ce-")?;
        Some((format!("ce_{name}"), value.as_bytes().to_vec()))
    });
    let traceparent = headers.get("traceparent").and_then(|v| v.to_str().ok()).filter(|t| is_traceparent(t));
    Incoming {
        source: Source::Http { caller: caller.name().to_owned() },
        key: None,
        raw: item.to_vec(),
        headers: attributes.collect(),
        traceparent: traceparent.map(str::to_owned),
        received_at: api.clock.now(),
        subject,
        content: Message::parse_within(api.limits.max_message, subject, item),
    }
}

/// What a token needs: whoever brings payments must not be able to take tickets back.
fn scope_of(subject: Subject) -> Scope {
    match subject {
        Subject::Payment => Scope::Ingest,
        Subject::Refund | Subject::Cancellation => Scope::Withdraw,
        Subject::EventChange => Scope::Admin,
    }
}

fn unreadable_kind(subject: Subject) -> Kind {
    match subject {
        Subject::Payment => Kind::UnreadablePayment,
        Subject::Refund | Subject::Cancellation | Subject::EventChange => Kind::UnreadableWithdrawal,
    }
}

/// The status of the response: 202 if anything is new, 200 if everything readable was known already, 409 if nothing was
/// taken and something contradicts what is known, 400 if nothing could be read.
fn answer(results: &[ItemResult], many: bool, subject: Subject) -> Result<Response, Problem> {
    let any = |words: &[Word]| results.iter().any(|r| words.contains(&r.outcome));
    let list = serde_json::json!({ "results": results });
    let kept = [Word::Waiting, Word::Parked, Word::Pending, Word::Failed];
    if any(&[Word::New, Word::Late, Word::Applied]) || any(&kept) {
        return Ok((StatusCode::ACCEPTED, Json(list)).into_response());
    }
    if any(&[Word::Duplicate, Word::Folded, Word::AlreadyPaid]) {
        return Ok(Json(list).into_response());
    }
    let first = results.first();
    let kind = unreadable_kind(subject);
    let mut problem = if any(&[Word::Quarantined]) {
        let detail = "It was quarantined and changed nothing. Send a correction under a new id.";
        let kind =
            if subject == Subject::Payment { Kind::PaymentQuarantined } else { Kind::RefundQuarantined };
        Problem::new(kind, detail)
    } else if many {
        Problem::new(kind, "See the results for what is wrong with each. Nothing was stored.")
    } else {
        let field = first.and_then(|r| r.field.as_deref()).unwrap_or("the message");
        let reason = first.and_then(|r| r.reason.as_deref()).unwrap_or("cannot be read");
        Problem::new(kind, format!("{field} {reason}. Nothing was stored."))
    };
    if let (false, Some(field)) = (many, first.and_then(|r| r.field.clone())) {
        problem = problem.with("field", field);
    }
    Err(problem.with("results", list["results"].clone()))
}

/// The items of an array, each as it was written; `None` if there are more than `max`.
fn split(text: &str, max: usize) -> Result<Option<Vec<&str>>, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let items = reader
        .deserialize_seq(Items { max })
        .and_then(|items| reader.end().map(|()| items))
        .map_err(|e| format!("The body is not a JSON array: line {}, column {}.", e.line(), e.column()))?;
    match items {
        Some(items) if items.is_empty() => Err("The array is empty.".to_owned()),
        items => Ok(items),
    }
}

/// Reads an array up to a limit, and only counts the items after it. `None` if there were more.
struct Items {
    max: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = Option<Vec<&'de str>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        let mut more = false;
        while let Some(item) = seq.next_element::<&RawValue>()? {
            if items.len() < self.max {
                items.push(item.get());
            } else {
                more = true;
            }
        }
        Ok((!more).then_some(items))
    }
}
