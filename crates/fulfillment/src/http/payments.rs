//! `POST /events/payment-succeeded`: payments in, one or many, answered after the commit.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fulfillment_domain::{OrderId, Payment, Unreadable};
use fulfillment_store::{Incoming, IngestOutcome, Source};
use serde::Serialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::access::Caller;
use super::problem::{Kind, Problem};
use super::{Api, body};
use crate::config::Scope;
use crate::pipeline::ingest::is_traceparent;

const TYPES: [&str; 3] =
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];

/// What became of one payment of the request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemResult {
    /// Its place in the request, from 0.
    index: usize,
    outcome: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    New,
    Duplicate,
    AlreadyPaid,
    Quarantined,
    Unreadable,
}

/// Takes a payment or an array of them. What cannot be read is told to the caller. When nothing can be read
/// that is all; when there are good ones beside it, the request is accepted, and so everything in it is kept:
/// the unreadable ones as dead letters.
pub(super) async fn payments(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), Scope::Ingest)?;
    body::require_type(request.headers(), &TYPES)?;
    let _permit = api.limits.ingest.try_acquire().map_err(|_| {
        Problem::new(Kind::TooManyRequests, "Send this request again, or more payments in one array.")
            .retry_after(1)
    })?;
    let headers = request.headers().clone();
    let bytes = body::read(request).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new(Kind::UnreadablePayment, "The body is not UTF-8 text."))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let many = text.starts_with('[');
    let items = if many { split(text, api.limits.max_items)? } else { vec![text] };
    if let [only] = items[..]
        && only.len() > api.limits.max_message
    {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("The payment is larger than {} bytes.", api.limits.max_message),
        ));
    }

    let read: Vec<_> = items.iter().map(|item| read(item, api.limits.max_message)).collect();
    if read.iter().all(Result::is_err) {
        let results = read.into_iter().enumerate().filter_map(|(i, r)| Some(unreadable(i, r.err()?)));
        return answer(&results.collect::<Vec<_>>(), many);
    }
    let batch = items
        .into_iter()
        .zip(read)
        .map(|(item, payment)| incoming(&api, &caller, &headers, many, item, payment))
        .collect();
    let outcomes = api.accept.accept(batch).await?;
    let results: Vec<_> = outcomes.into_iter().enumerate().map(|(i, outcome)| result(i, outcome)).collect();
    answer(&results, many)
}

fn read(item: &str, max_message: usize) -> Result<Payment, Unreadable> {
    if item.len() > max_message {
        return Err(Unreadable::whole(format!("is larger than {max_message} bytes")));
    }
    Payment::parse(item.as_bytes())
}

fn incoming(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    many: bool,
    item: &str,
    payment: Result<Payment, Unreadable>,
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
        raw: item.as_bytes().to_vec(),
        headers: attributes.collect(),
        traceparent: traceparent.map(str::to_owned),
        received_at: api.clock.now(),
        payment,
    }
}

fn unreadable(index: usize, Unreadable { field, reason }: Unreadable) -> ItemResult {
    ItemResult { index, outcome: Word::Unreadable, order_id: None, field, reason: Some(reason) }
}

fn result(index: usize, outcome: IngestOutcome) -> ItemResult {
    let (outcome, order, reason) = match outcome {
        IngestOutcome::New(order) => (Word::New, order, None),
        IngestOutcome::Duplicate(order) => (Word::Duplicate, order, None),
        IngestOutcome::AlreadyPaid(order) => {
            (Word::AlreadyPaid, order, Some("the order was paid before; this payment issues nothing"))
        }
        IngestOutcome::Quarantined(order) => {
            (Word::Quarantined, order, Some("a payment with this id said something else before"))
        }
        IngestOutcome::DeadLettered(why) => return unreadable(index, why),
    };
    ItemResult { index, outcome, order_id: Some(order), field: None, reason: reason.map(str::to_owned) }
}

/// The status for all: 202 with anything new, 200 when everything that counts was known, 409 when nothing
/// was taken and something contradicts, 400 when nothing could be read.
fn answer(results: &[ItemResult], many: bool) -> Result<Response, Problem> {
    let any = |word| results.iter().any(|r| r.outcome == word);
    let list = serde_json::json!({ "results": results });
    if any(Word::New) {
        return Ok((StatusCode::ACCEPTED, Json(list)).into_response());
    }
    if any(Word::Duplicate) || any(Word::AlreadyPaid) {
        return Ok(Json(list).into_response());
    }
    let first = results.first();
    let mut problem = if any(Word::Quarantined) {
        let detail = "It is set apart and issues nothing. Send a correction under an id of its own.";
        Problem::new(Kind::PaymentQuarantined, detail)
    } else if many {
        Problem::new(Kind::UnreadablePayment, "The results say what is wrong with each. Nothing was stored.")
    } else {
        let field = first.and_then(|r| r.field.as_deref()).unwrap_or("the payment");
        let reason = first.and_then(|r| r.reason.as_deref()).unwrap_or("cannot be read");
        Problem::new(Kind::UnreadablePayment, format!("{field} {reason}. Nothing was stored."))
    };
    if let (false, Some(field)) = (many, first.and_then(|r| r.field.clone())) {
        problem = problem.with("field", field);
    }
    Err(problem.with("results", list["results"].clone()))
}

/// The items of an array, each as it was written.
fn split(text: &str, max_items: usize) -> Result<Vec<&str>, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let items = reader
        .deserialize_seq(Items { max: max_items })
        .and_then(|items| reader.end().map(|()| items))
        .map_err(|e| {
            let place = format!("line {}, column {}", e.line(), e.column());
            Problem::new(Kind::UnreadablePayment, format!("The body is no JSON array: {place}."))
        })?;
    match items {
        None => Err(Problem::new(Kind::TooLarge, format!("Send at most {max_items} payments in one array."))),
        Some(items) if items.is_empty() => {
            Err(Problem::new(Kind::UnreadablePayment, "The array has no payment in it."))
        }
        Some(items) => Ok(items),
    }
}

/// Reads an array up to a limit; beyond it, only counts on. `None` when there were more.
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
