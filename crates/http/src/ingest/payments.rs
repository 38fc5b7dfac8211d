//! `POST /events/payment-succeeded`: payments in, one or many, answered after the commit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_domain::Payment;
use fulfillment_store::{IngestOutcome, Subject};

use crate::api::Api;
use crate::ingest::messages::{ItemResult, Word, answer, read};
use crate::problem::Problem;

/// Takes a payment or an array of them. What cannot be read is told to the caller. When nothing can be read
/// that is all; when there are good ones beside it, the request is accepted, and so everything in it is kept:
/// the unreadable ones as dead letters.
pub(crate) async fn payments(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let mut messages = read(&api, request, Subject::Payment, Payment::parse).await?;
    if let Some(results) = messages.all_unreadable() {
        return answer(&results, messages.many, Subject::Payment);
    }
    let outcomes = api.accept.accept(std::mem::take(&mut messages.batch)).await?;
    let results: Vec<_> = outcomes.into_iter().enumerate().map(|(i, outcome)| result(i, outcome)).collect();
    answer(&results, messages.many, Subject::Payment)
}

fn result(index: usize, outcome: IngestOutcome) -> ItemResult {
    let (outcome, order, reason) = match outcome {
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
        IngestOutcome::Quarantined(order) => {
            (Word::Quarantined, order, Some("an earlier payment with this id has different content"))
        }
        IngestOutcome::DeadLettered(why) => return ItemResult::unreadable(index, why),
    };
    ItemResult::read(index, outcome, order, reason)
}
