//! `GET /orders`, `GET /tickets`, `POST /orders/search` and `POST /tickets/search`: lists of orders and tickets. Addresses
//! are logged on their way, so what may hold personal data is searched by a body alone.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::{Flags, OrderId, OrderState, ShownStatus, TicketId};
use fulfillment_pipeline::operations::lists::{PERSONAL, read};
use fulfillment_store::{Action, AuditEntry, BadFilter, ListQuery, Listed, OrderRow, TicketRow};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::access::Caller;
use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, lists as schema};
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// The fields of a query, as often as they are there.
type Asked = Vec<(String, String)>;

/// Orders
///
/// Newest first, if nothing else is asked. Every answer costs a bounded number of rows: it may have fewer orders than
/// `limit`, even none, and a `next` for the rest. An order is listed some seconds after its payment. With `read:status`
/// instead of `read` a row is the order's state, without personal data and texts. Names, seats, addresses and errors are
/// searched by `POST /orders/search`, because addresses of requests are logged.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders",
    operation_id = "listOrders",
    tag = "Orders",
    params(schema::ListFields),
    responses(
        (status = 200, description = "A page of orders.", body = schema::OrderList),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn orders(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::ReadStatus, Scope::Read])?;
    let query = of_address(&api, asked, "/orders/search")?;
    answer_orders(&api, &caller, &query).await
}

/// Search orders
///
/// The fields of `GET /orders`, and also e-mail addresses, words of names and seats, and texts of errors. Words are searched
/// without case and accents; the list is then in the order of the words. With `read:status` these fields are refused.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/orders/search",
    operation_id = "searchOrders",
    tag = "Orders",
    request_body(content = schema::Search, content_type = "application/json",
        example = json!({ "name": "muller anna", "state": "issued" })),
    responses(
        (status = 200, description = "A page of orders.", body = schema::OrderList),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        answers::Guarded,
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn search_orders(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, query) = of_body(&api, request).await?;
    answer_orders(&api, &caller, &query).await
}

/// Tickets
///
/// As `GET /orders`, with a row for each ticket. `voided` and `erased` are among its statuses.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/tickets",
    operation_id = "listTickets",
    tag = "Tickets",
    params(schema::ListFields),
    responses(
        (status = 200, description = "A page of tickets.", body = schema::TicketList),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn tickets(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::ReadStatus, Scope::Read])?;
    let query = of_address(&api, asked, "/tickets/search")?;
    answer_tickets(&api, &caller, &query).await
}

/// Search tickets
///
/// As `POST /orders/search`, with a row for each ticket.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/search",
    operation_id = "searchTickets",
    tag = "Tickets",
    request_body(content = schema::Search, content_type = "application/json",
        example = json!({ "event": "gala-2026", "seat": "A 5 12" })),
    responses(
        (status = 200, description = "A page of tickets.", body = schema::TicketList),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        answers::Guarded,
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]))
))]
pub(crate) async fn search_tickets(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, query) = of_body(&api, request).await?;
    answer_tickets(&api, &caller, &query).await
}

async fn answer_orders(api: &Api, caller: &Caller, query: &ListQuery) -> Result<Response, Problem> {
    let listed = api.store.list_orders(query).await?;
    note(api, caller, Action::ListOrders, listed.items.len()).await;
    Ok(answer(caller, listed, |row: OrderRow| OrderStateRow {
        order_id: row.order_id,
        state: row.state,
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at,
        received_at: row.received_at,
        updated_at: row.updated_at,
        issued_at: row.issued_at,
        tickets: row.tickets,
        voided_tickets: row.voided_tickets,
        erased_at: row.erased_at,
    }))
}

async fn answer_tickets(api: &Api, caller: &Caller, query: &ListQuery) -> Result<Response, Problem> {
    let listed = api.store.list_tickets(query).await?;
    note(api, caller, Action::ListTickets, listed.items.len()).await;
    Ok(answer(caller, listed, |row: TicketRow| TicketStateRow {
        id: row.id,
        order_id: row.order_id,
        ticket_index: row.ticket_index,
        event_id: row.event_id,
        status: row.status,
        voided_at: row.voided_at,
        erased_at: row.erased_at,
        generation: row.generation,
        kid: row.kid,
        flags: row.flags,
        issued_at: row.issued_at,
    }))
}

async fn note(api: &Api, caller: &Caller, action: Action, rows: usize) {
    api.trail.read(caller, |by| AuditEntry::new(by, action).times(rows as u64)).await;
}

/// The page, with whole rows for those who may read them.
fn answer<R: Serialize, S: Serialize>(
    caller: &Caller,
    listed: Listed<R>,
    state: impl Fn(R) -> S,
) -> Response {
    let described = [(CACHE_CONTROL, "private, no-store")];
    match View::of(caller) {
        View::Whole => (described, Json(listed)).into_response(),
        View::State => {
            let Listed { items, next, sorted_by, indexing } = listed;
            let items = items.into_iter().map(state).collect();
            (described, Json(Listed { items, next, sorted_by, indexing })).into_response()
        }
    }
}

/// What is asked in the address of a request.
fn of_address(
    api: &Api,
    asked: Result<Query<Asked>, QueryRejection>,
    search: &str,
) -> Result<ListQuery, Problem> {
    let Query(fields) =
        asked.map_err(|_| Problem::new(Kind::BadRequest, "The query cannot be read: encode it in UTF-8."))?;
    if let Some((field, _)) = fields.iter().find(|(name, _)| PERSONAL.contains(&name.as_str())) {
        let detail = format!(
            "\"{field}\" may hold personal data, and the addresses of requests are logged: send it in the body of POST \
             {search}."
        );
        return Err(Problem::new(Kind::BadRequest, detail).with("field", field.as_str()));
    }
    let fields = fields.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    read(fields, || api.keys.current().secret.clone()).map_err(refused)
}

/// What is asked in the body of a request.
async fn of_body(api: &Api, request: Request) -> Result<(Caller, ListQuery), Problem> {
    let caller = api.access.require(request.headers(), &[Scope::ReadStatus, Scope::Read])?;
    let bytes = body::read_json(request, api.limits.max_small_body).await?;
    let not_an_object =
        || Problem::new(Kind::BadRequest, "Send a JSON object with the fields of the search.");
    let Ok(Value::Object(fields)) = serde_json::from_slice(&bytes) else { return Err(not_an_object()) };
    let fields = fields.iter().filter(|(_, value)| !value.is_null());
    let fields = fields.map(|(name, value)| Ok((name.as_str(), text_of(name, value)?)));
    let fields = fields.collect::<Result<Vec<_>, Problem>>()?;
    let personal = fields.iter().find(|(name, _)| PERSONAL.contains(name));
    if let Some((field, _)) = personal.filter(|_| View::of(&caller) == View::State) {
        let detail =
            format!("Searching by \"{field}\" needs the scope \"read\": the token has only \"read:status\".");
        return Err(Problem::new(Kind::Forbidden, detail).with("scope", "read").with("field", *field));
    }
    let fields = fields.iter().map(|(name, text)| (*name, text.as_ref()));
    let query = read(fields, || api.keys.current().secret.clone()).map_err(refused)?;
    Ok((caller, query))
}

/// A text, a number, or a list of texts.
fn text_of<'a>(name: &str, value: &'a Value) -> Result<Cow<'a, str>, Problem> {
    let wrong = || {
        Problem::new(Kind::BadRequest, format!("\"{name}\" must be a text, a number or a list of texts."))
            .with("field", name)
    };
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Number(number) => Ok(number.to_string().into()),
        Value::Array(texts) => {
            let texts =
                texts.iter().map(|text| text.as_str().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
            Ok(texts.join(",").into())
        }
        _ => Err(wrong()),
    }
}

fn refused(bad: BadFilter) -> Problem {
    let BadFilter { field, why } = bad;
    let detail = if field == "field" { format!("A field {why}.") } else { format!("\"{field}\" {why}.") };
    Problem::new(Kind::BadRequest, detail).with("field", field)
}

/// The state of an order in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderStateRow {
    order_id: OrderId,
    state: OrderState,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    received_at: Timestamp,
    updated_at: Timestamp,
    issued_at: Option<Timestamp>,
    tickets: u32,
    voided_tickets: u32,
    erased_at: Option<Timestamp>,
}

/// The state of a ticket in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketStateRow {
    id: TicketId,
    order_id: OrderId,
    ticket_index: u32,
    event_id: String,
    status: ShownStatus,
    voided_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    generation: u32,
    kid: String,
    flags: Flags,
    issued_at: Timestamp,
}
