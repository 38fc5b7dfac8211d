//! `POST /events/payment-refunded` and `/events/order-cancelled`: what takes tickets back, as from their topics.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_domain::Subject;

use crate::api::Api;
use crate::ingest::messages::take;
use crate::problem::Problem;

/// Takes a refund or an array of them.
pub(crate) async fn refunded(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Refund).await
}

/// Takes a cancellation or an array of them.
pub(crate) async fn cancelled(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Cancellation).await
}
