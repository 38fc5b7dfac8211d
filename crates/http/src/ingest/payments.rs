//! `POST /events/payment-succeeded`: payments in, one or many, answered after the commit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_domain::Subject;

use crate::api::Api;
use crate::ingest::messages::take;
use crate::problem::Problem;

/// Takes a payment or an array of them.
pub(crate) async fn payments(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    take(&api, request, Subject::Payment).await
}
