//! `POST /events/{eventId}/check-ins`: checks tickets in.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_door::Verdict;
use fulfillment_pipeline::door::{CheckedIn, Holders, NotCheckedIn, tickets_of};
use fulfillment_store::CheckInOutcome;
use serde::Serialize;

use super::scan::{self, Keys, ScanRequest};
use super::{event_id, no_such_event};
use crate::access::Caller;
use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::problem::Problem;

/// The answer.
#[derive(Serialize)]
struct Answer {
    results: Vec<ScanResult>,
}

/// The result of one scan.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScanResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    verdict: Verdict,
    /// For a steward, in English.
    message: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeat: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_name: Option<String>,
    #[serde(flatten)]
    check_in: Option<Box<Shown>>,
}

/// What a device learns of a check-in.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the contract's")]
#[serde(rename_all = "camelCase")]
struct Shown {
    check_in_id: uuid::Uuid,
    sequence: u64,
    recorded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_id: Option<fulfillment_domain::TicketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<fulfillment_door::FirstEntry>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_on_record: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_revoked: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    feed_stale: bool,
}

/// Check tickets in
///
/// One scan, or an array of at most 1,000, which are recorded in one transaction. A person who is refused is no error:
/// `verdict` says why, and `message` what a steward does. Each ticket is admitted once, whatever gates race. The same
/// `nonce` of a token again is answered with the stored result. An offline scan that showed `admitted` is recorded even
/// where the record refuses it: then `ticket-check-in-conflict` is published. A device's token is for its own event, gates
/// and name; one that was revoked or has expired may upload offline scans for thirty days.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/events/{eventId}/check-ins",
    operation_id = "checkIn",
    tag = "Doors",
    params(("eventId" = String, Path, description = "The event's id, percent-encoded.")),
    request_body(content = schema::Scans, content_type = "application/json",
        example = json!({ "code": "TK1:...", "gate": "North", "device": "scanner 3", "nonce": "s3-17" })),
    responses(
        (status = 200, description = "A result for each scan, in their order.", body = schema::ScanResults),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong. Nothing was recorded."),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-event`"),
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["door"]))
))]
pub(crate) async fn check_in(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let event = event_id(path)?;
    let caller = api.access.require_scanner(request.headers(), &event)?;
    body::require_json(request.headers())?;
    let body::Content { bytes, room: _room } =
        body::read(request, api.limits.max_body, &api.limits.bodies).await?;
    let scans = scan::read(&bytes)?;
    api.access.check_upload(&caller, scans.iter().all(ScanRequest::is_upload))?;
    if let Some(last) = scans.last() {
        api.access.note(&caller, last.state());
    }
    let nonces: Vec<_> = scans.iter().map(|scan| scan.nonce.clone()).collect();
    let keyring = api.keys.current();
    let keys = Keys { accepted: keyring.public(), revoked: keyring.revoked() };
    let (many, now) = (scans.len() > 1, api.clock.now());
    let opened = scans.into_iter().enumerate().map(|(index, scan)| {
        let at = if many { format!("[{index}].") } else { String::new() };
        scan.open(&at, &event, &caller, &keys, now)
    });
    let opened = opened.collect::<Result<Vec<_>, _>>()?;
    let checked_in = api.doors.check_in(&event, opened).await.map_err(|error| match error {
        NotCheckedIn::NoSuchEvent => no_such_event(),
        NotCheckedIn::Busy => body::busy(),
        NotCheckedIn::Store(error) => error.into(),
    })?;
    let CheckedIn { outcomes, holders } = checked_in;
    let holders = match holders {
        Some(holders) => holders,
        // Reading those of all requests together failed.
        None => Arc::new(read_holders(&api, &outcomes).await?),
    };
    let results = nonces.into_iter().zip(outcomes).map(|(nonce, outcome)| {
        if caller.had_ended(now) {
            receipt(nonce, &outcome)
        } else {
            result(&caller, nonce, outcome, &holders)
        }
    });
    let answer = Answer { results: results.collect() };
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(answer)).into_response())
}

async fn read_holders(api: &Api, outcomes: &[CheckInOutcome]) -> Result<Holders, Problem> {
    let holders = api.store.holders(&tickets_of(outcomes)).await?;
    Ok(holders.into_iter().map(|holder| (holder.ticket_id, holder)).collect())
}

/// What a device that has ended is answered: that its scan is on record, and nothing about tickets and people.
fn receipt(nonce: Option<String>, outcome: &CheckInOutcome) -> ScanResult {
    let (verdict, check_in) = match outcome {
        CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in) => {
            (check_in.result.verdict, Some(check_in))
        }
        CheckInOutcome::NonceConflict => (Verdict::NonceConflict, None),
    };
    ScanResult {
        nonce,
        verdict,
        message: verdict.to_string(),
        repeat: check_in.is_some_and(|check_in| check_in.result.repeat_of.is_some()),
        seat: None,
        holder_name: None,
        check_in: check_in.map(|check_in| {
            Box::new(Shown {
                check_in_id: check_in.check_in_id,
                sequence: check_in.sequence,
                recorded: check_in.result.recorded,
                entries: None,
                ticket_id: None,
                ticket_number: None,
                category: None,
                first: None,
                not_on_record: false,
                key_revoked: false,
                feed_stale: false,
            })
        }),
    }
}

fn result(caller: &Caller, nonce: Option<String>, outcome: CheckInOutcome, holders: &Holders) -> ScanResult {
    let (CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in)) = outcome else {
        let verdict = Verdict::NonceConflict;
        let message = verdict.to_string();
        return ScanResult {
            nonce,
            verdict,
            message,
            repeat: false,
            seat: None,
            holder_name: None,
            check_in: None,
        };
    };
    // Who goes to another event is no business of this one's door.
    let is_of_event = check_in.result.verdict != Verdict::OtherEvent;
    let holder = check_in.ticket_id.filter(|_| is_of_event).and_then(|ticket| holders.get(&ticket));
    let may_see_names = caller.has(&[Scope::DoorNames]);
    let result = check_in.result;
    ScanResult {
        nonce,
        verdict: result.verdict,
        message: result.message,
        repeat: result.repeat_of.is_some(),
        seat: holder.map(|holder| holder.seat.clone()),
        holder_name: holder.filter(|_| may_see_names).and_then(|holder| holder.name.clone()),
        check_in: Some(Box::new(Shown {
            check_in_id: check_in.check_in_id,
            sequence: check_in.sequence,
            recorded: result.recorded,
            entries: Some(result.entries),
            ticket_id: check_in.ticket_id,
            ticket_number: check_in.ticket_number,
            category: check_in.category,
            first: result.first,
            not_on_record: check_in.not_on_record,
            key_revoked: check_in.key_revoked,
            feed_stale: check_in.feed_stale,
        })),
    }
}
