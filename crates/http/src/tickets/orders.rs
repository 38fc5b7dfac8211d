//! `GET /orders/{id}` and `GET /orders/{id}/tickets`: the state of an order, with payments and tickets.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::OrderId;
use fulfillment_store::{Action, AuditEntry, OrderRecord};
use futures::{Stream, StreamExt as _};
use tracing::error;

use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, views};
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// Tickets read from the store in one query.
const PART: u32 = 500;
/// The end of an order's JSON.
const END: &[u8] = b"]}";

/// State of an order
///
/// Its state and the reason for it, its payments, refunds, cancellations and tickets. The tickets of a large order are
/// read while they are sent: the answer has no length then, and one that cannot be finished ends in a broken connection.
/// `ticketsPdfUrl` and each ticket's `ticketPdfUrl` are the signed links, while they open something.
///
/// With `read:status` instead of `read` the answer is the state alone, without personal data, codes, links and texts.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "getOrder",
    tag = "Orders",
    params(answers::OrderPath),
    responses(
        (status = 200, description = "The order with its payments and tickets.", body = views::OrderAnswer),
        (status = 400, response = answers::NotAGuid),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-order`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn order(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    // Without the right, not even whether an id is well formed is answered.
    let caller = api.access.require(&headers, &[Scope::ReadStatus, Scope::Read])?;
    let view = View::of(&caller);
    let Id { id, pdf: false } = path? else {
        return Err(Problem::new(
            Kind::NoSuchPage,
            "All tickets of an order are at /orders/{id}/tickets.pdf.",
        ));
    };
    let order = api.store.order_beginning(id, PART).await?.ok_or_else(|| {
        Problem::new(Kind::NoSuchOrder, "No payment for this order has arrived, or the id is wrong.")
    })?;
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadOrder).order(id)).await;
    let link = match view {
        View::Whole => api.linker.order(&order, api.store.order_pages(id).await?).ok(),
        View::State => None,
    };
    let json = view.order(&api.linker, &order, link).map_err(|error| {
        error!(order = %id, %error, "an order's record cannot be written as JSON");
        Problem::new(Kind::Internal, "See the service's log.")
    })?;
    let described = [(CACHE_CONTROL, "private, no-store"), (CONTENT_TYPE, "application/json")];
    if order.tickets.len() < PART as usize {
        return Ok((described, json).into_response());
    }
    Ok((described, Body::from_stream(large(api, &order, json, view))).into_response())
}

/// The JSON of an order with many tickets, read from the store while it is sent: neither memory nor a connection of the
/// store is kept for a slow reader. A record that cannot be finished ends in a broken connection.
fn large(
    api: Arc<Api>,
    order: &OrderRecord,
    mut json: Vec<u8>,
    view: View,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let (id, after) = (order.order_id, order.tickets.last().map_or(0, |ticket| ticket.line.index));
    // The tickets are its last field.
    json.truncate(json.len() - END.len());
    let beginning = futures::stream::once(async move { Ok(json.into()) });
    let rest = futures::stream::try_unfold(Some(after), move |after| {
        let api = Arc::clone(&api);
        async move {
            let Some(after) = after else { return Ok(None) };
            let part = api.store.tickets_after(id, after, PART).await.map_err(|error| {
                error!(order = %id, %error, "an order's record could not be finished");
                io::Error::other("the record could not be finished")
            })?;
            let mut json = Vec::new();
            for ticket in &part {
                json.push(b',');
                view.append(&mut json, &api.linker, ticket)?;
            }
            let next = part.last().map(|ticket| ticket.line.index);
            if next.is_none() {
                json.extend(END);
            }
            Ok(Some((Bytes::from(json), next)))
        }
    });
    beginning.chain(rest)
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
        (status = 200, description = "The order with its payments and tickets.", body = views::OrderAnswer),
        (status = 400, response = answers::NotAGuid),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-order`"),
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn tickets(
    api: State<Arc<Api>>,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    order(api, headers, path).await
}
