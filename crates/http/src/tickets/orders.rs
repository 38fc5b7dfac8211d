//! `GET /orders/{id}` and `GET /orders/{id}/tickets`: the state of an order, with payments and tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::OrderId;

use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, order as schema};
use crate::path::Id;
use crate::problem::{Kind, Problem};

/// State of an order
///
/// Its state and the reason for it, its payments, refunds, cancellations and tickets.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "getOrder",
    tag = "Orders",
    params(answers::OrderPath),
    responses(
        (status = 200, description = "The order with its payments and tickets.", body = schema::Order),
        (status = 400, response = answers::NotAGuid),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-order`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]))
))]
pub(crate) async fn order(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    // Without the right, not even whether an id is well formed is answered.
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

/// Tickets of an order
///
/// The same record as `/orders/{id}`.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders/{id}/tickets",
    operation_id = "getOrderTickets",
    tag = "Orders",
    params(answers::OrderPath),
    responses(
        (status = 200, description = "The order with its payments and tickets.", body = schema::Order),
        (status = 400, response = answers::NotAGuid),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-order`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]))
))]
pub(crate) async fn tickets(
    api: State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    order(api, headers, path).await
}
