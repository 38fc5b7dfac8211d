//! `POST /events/payment-refunded` and `/events/order-cancelled`: takes refunds and cancellations, as from their
//! topics.

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

/// Accepts refunds, one or up to 5,000
///
/// A refund voids the tickets it names, the items it names as far as its amount covers them, or the whole order once every
/// payment of it is refunded in full. A partial refund that names nothing is parked and voids nothing. One that is in
/// progress or failed (`status`) voids nothing; it can become final later. One that arrives before its payment, or before
/// the tickets it names are created, waits for them. Answered after the commit; sending it again is safe. Any other
/// `application/*+json` (such as `application/vnd.masstransit+json`) and `application/octet-stream` are read as
/// `application/json` is.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/events/payment-refunded",
    operation_id = "paymentRefunded",
    tag = "Payments",
    request_body(content(
        (inline(messages::Refunds) = "application/json", example = messages::refund),
        (inline(messages::RefundEvent) = "application/cloudevents+json", example = messages::refund_event),
        (inline(messages::RefundEvents) = "application/cloudevents-batch+json", example = messages::refund_events),
    )),
    responses(
        (status = 202, body = Results,
            description = "Committed; at least one is new. What could not be read beside it is kept as a dead \
                letter."),
        (status = 200, body = Results, description = "Nothing new: all were known."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`unreadable-withdrawal`: none could be read. `field` names the field that is wrong, \
                `results` has each."),
        answers::Guarded,
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`refund-quarantined`: a known refund id with different content. Kept apart; voids \
                nothing."),
        answers::WithBody,
        (status = 429, response = answers::TooManyRequests),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["withdraw"]))
))]
pub(crate) async fn refunded(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Refund).await
}

/// Accepts cancellations, one or up to 5,000
///
/// A cancellation voids the order and all its tickets. A payment that arrives later parks the order: an operator has to
/// refund it or reinstate the order. After a reinstatement, a later cancellation differs from a repeat by `cancelledAt` or,
/// without it, by when it arrived: one that is not later than the reinstatement voids nothing. Any other
/// `application/*+json` (such as `application/vnd.masstransit+json`) and `application/octet-stream` are read as
/// `application/json` is.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/events/order-cancelled",
    operation_id = "orderCancelled",
    tag = "Payments",
    request_body(content(
        (inline(messages::Cancellations) = "application/json", example = messages::cancellation),
        (inline(messages::CancellationEvent) = "application/cloudevents+json", example = messages::cancellation_event),
        (inline(messages::CancellationEvents) = "application/cloudevents-batch+json", example = messages::cancellation_events),
    )),
    responses(
        (status = 202, body = Results,
            description = "Committed; at least one is new. What could not be read beside it is kept as a dead \
                letter."),
        (status = 200, body = Results, description = "Nothing new: all were known."),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`unreadable-withdrawal`: none could be read. `field` names the field that is wrong, \
                `results` has each."),
        answers::Guarded,
        answers::WithBody,
        (status = 429, response = answers::TooManyRequests),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["withdraw"]))
))]
pub(crate) async fn cancelled(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Cancellation).await
}
