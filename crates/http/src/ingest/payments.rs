//! `POST /events/payment-succeeded`: takes payments, one or many, and answers after the commit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_domain::Subject;

use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, messages};
#[cfg(test)]
use crate::ingest::messages::Results;
use crate::ingest::messages::take;
use crate::problem::Problem;

/// Accepts payments, one or up to 5,000
///
/// Answered after the commit. Field names are read in camelCase, `PascalCase` and `snake_case`, also mixed, and `CloudEvents` in
/// structured or binary form (`ce-` headers); the envelopes listed in docs/operations.md are unwrapped. A good payment is
/// accepted whatever is beside it; `results` has the outcome of each, in order. Sending a request again is always safe.
/// Any other `application/*+json` (such as `application/vnd.masstransit+json`) and `application/octet-stream` are read as
/// `application/json` is.
///
/// When nothing can be read, nothing is stored.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/events/payment-succeeded",
    operation_id = "paymentSucceeded",
    tag = "Payments",
    params(answers::Trace),
    request_body(content(
        (inline(messages::Payments) = "application/json", example = messages::payment),
        (inline(messages::PaymentEvent) = "application/cloudevents+json", example = messages::payment_event),
        (inline(messages::PaymentEvents) = "application/cloudevents-batch+json", example = messages::payment_events),
    )),
    responses(
        (status = 202, body = Results,
            description = "Committed; at least one payment is new. What could not be read beside it is kept as a \
                dead letter."),
        (status = 200, body = Results,
            description = "Nothing new: every payment was known, or its order was paid before."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`unreadable-payment`: none could be read. `field` names the field that is wrong, \
                `results` has each."),
        answers::Guarded,
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`payment-quarantined`: a known payment id with different content. Kept apart; issues \
                nothing."),
        answers::WithBody,
        (status = 429, response = answers::TooManyRequests),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["ingest"]))
))]
pub(crate) async fn payments(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Payment).await
}
