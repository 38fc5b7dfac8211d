//! `POST /events/payment-refunded` and `/events/order-cancelled`: what takes tickets back, as from their topics.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_domain::{Cancellation, Refund, Unreadable, Withdrawal};
use fulfillment_store::{Subject, WithdrawalOutcome, WithdrawalState};

use crate::api::Api;
use crate::ingest::messages::{ItemResult, Word, answer, read};
use crate::problem::Problem;

/// Takes a refund or an array of them.
pub(crate) async fn refunded(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let parse = |raw: &[u8]| Refund::parse(raw).map(Withdrawal::Refund);
    withdraw(api, request, Subject::Refund, parse).await
}

/// Takes a cancellation or an array of them.
pub(crate) async fn cancelled(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let parse = |raw: &[u8]| Cancellation::parse(raw).map(Withdrawal::Cancellation);
    withdraw(api, request, Subject::Cancellation, parse).await
}

/// As with payments: what cannot be read is told, and kept only where something else of the request is.
async fn withdraw(
    api: Arc<Api>,
    request: Request,
    subject: Subject,
    parse: impl Fn(&[u8]) -> Result<Withdrawal, Unreadable>,
) -> Result<Response, Problem> {
    let mut messages = read(&api, request, subject, parse).await?;
    if let Some(results) = messages.all_unreadable() {
        return answer(&results, messages.many, subject);
    }
    let outcomes = api.accept.withdraw(std::mem::take(&mut messages.batch)).await?;
    let results: Vec<_> = outcomes.into_iter().enumerate().map(|(i, outcome)| result(i, outcome)).collect();
    answer(&results, messages.many, subject)
}

fn result(index: usize, outcome: WithdrawalOutcome) -> ItemResult {
    let (outcome, order, reason) = match outcome {
        WithdrawalOutcome::Recorded(order, WithdrawalState::Waiting) => {
            (Word::Waiting, order, Some("what it refers to has not arrived yet"))
        }
        WithdrawalOutcome::Recorded(order, WithdrawalState::Parked) => {
            (Word::Parked, order, Some("it voids nothing by itself; see the order's record for the reason"))
        }
        WithdrawalOutcome::Recorded(order, WithdrawalState::Pending) => {
            (Word::Pending, order, Some("it is in progress; it voids nothing until it is final"))
        }
        WithdrawalOutcome::Recorded(order, WithdrawalState::Failed) => {
            (Word::Failed, order, Some("it failed; it voids nothing"))
        }
        WithdrawalOutcome::Recorded(order, WithdrawalState::Applied) => (Word::Applied, order, None),
        WithdrawalOutcome::Recorded(order, WithdrawalState::Lifted) => {
            (Word::Duplicate, order, Some("it was made before the order was reinstated; it voids nothing"))
        }
        WithdrawalOutcome::Duplicate(order) => (Word::Duplicate, order, None),
        WithdrawalOutcome::Quarantined(order) => {
            (Word::Quarantined, order, Some("an earlier refund with this id has different content"))
        }
        WithdrawalOutcome::DeadLettered(why) => return ItemResult::unreadable(index, why),
    };
    ItemResult::read(index, outcome, order, reason)
}
