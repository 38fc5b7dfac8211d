//! `GET /orders/{id}` and `GET /orders/{id}/tickets`: where an order stands, with payments and tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::OrderId;

use crate::api::Api;
use crate::path::Id;
use crate::problem::{Kind, Problem};

/// The order's record, both paths alike.
pub(crate) async fn order(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    // Without a right, not even whether an id is well formed.
    api.access.require(&headers, Scope::Read)?;
    let Id { id, pdf: false } = path? else {
        return Err(Problem::new(
            Kind::NoSuchPage,
            "All tickets of an order are at /orders/{id}/tickets.pdf.",
        ));
    };
    let order = api.store.order(id).await?.ok_or_else(|| {
        Problem::new(Kind::NoSuchOrder, "No payment for this order has arrived, or the id is wrong.")
    })?;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(order)).into_response())
}
