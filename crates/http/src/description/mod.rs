//! The description of the API, OpenAPI 3.1: written to `docs/openapi.json` from the annotations on handlers and types.
//!
//! It exists in tests alone. The service embeds the file, and a test fails when the file differs from what the
//! annotations generate: `UPDATE=1 cargo test -p fulfillment-http description` writes it.

#![expect(
    dead_code,
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "schemas are read, never made, and have the names of the API"
)]

pub(crate) mod answers;
pub(crate) mod audit;
pub(crate) mod bodies;
pub(crate) mod door;
pub(crate) mod event;
pub(crate) mod lists;
pub(crate) mod messages;
pub(crate) mod order;
pub(crate) mod status;
pub(crate) mod ticket;
pub(crate) mod views;
mod webhook;
mod words;

use serde_json::{Value, json};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use self::answers::{
    Forbidden, NotAGuid, StoreUnavailable, TooLarge, TooManyRequests, Unauthorized, UnsupportedMediaType,
};
use self::bodies::{Change, Delivered, Reason, Resend};
use self::lists::{OrderRow, OrderStateRow, TicketRow, TicketStateRow};

/// What the routes are described within.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Fulfillment",
        description = "Turns a paid order into tickets: one PDF with a signed QR code per seat.\n\n\
            Errors are problem documents (RFC 9457). Once a token is configured, every route needs one \
            (`Authorization: Bearer <token>`), except health, the public keys, this documentation, signed links and the enrolment of devices by a code. \
            A token has scopes: `ingest` (payments), `withdraw` (refunds, cancellations, voids), `read:status` (the \
            state of orders and tickets), `read` (also personal data, codes, links and files), `events`, `deliver`, \
            `door` (check tickets in, whether a code was voided), `door:names` (the names of holders), \
            `door:supervise` (overrides and the list of check-ins), `metrics`, `audit`, `admin`. Answers to a token without `read`, `events` or `admin` have no personal data, no \
            code and no link. A token that is not valid is answered 401, half a second later.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    // Relative to this document: a proxy may serve it under a path of its own.
    servers((url = ".", description = "The service that serves this document.")),
    tags(
        (name = "Payments", description = "Payments, refunds and cancellations in."),
        (name = "Tickets", description = "Tickets out: the PDF and its record."),
        (name = "Orders", description = "The state of each order, and the reason for it."),
        (name = "Doors", description = "Check-ins at the doors of events."),
        (name = "Events", description = "What happened, as it happens."),
        (name = "Operations", description = "For those who run the service."),
    ),
    components(
        // The request bodies that are optional, which attributes can only name, and the rows of lists.
        schemas(Delivered, Reason, Change, Resend, OrderRow, OrderStateRow, TicketRow, TicketStateRow),
        responses(
            NotAGuid, Unauthorized, Forbidden, TooLarge, UnsupportedMediaType, TooManyRequests, StoreUnavailable
        ),
    ),
)]
struct Api;

/// Addresses for people of a route that the router knows under another path.
#[derive(utoipa::OpenApi)]
#[openapi(paths(crate::tickets::ticket::ticket_pdf))]
struct AlsoServed;

/// Names the ways in, and writes down where everybody is let in.
fn secure(api: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token from the settings, or made by `fulfillment token new`, with scopes."));
    let link = ApiKeyValue::with_description("s", "The signature of a ticket's link.");
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    components.add_security_scheme("link", SecurityScheme::ApiKey(ApiKey::Query(link)));
    for item in api.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten() {
            operation.security.get_or_insert_default();
        }
    }
}

/// Records that have all of their fields in every answer: what is not known is null.
const RECORDS: [&str; 10] = [
    "Ticket",
    "TicketState",
    "Order",
    "OrderProgress",
    "PaymentRecord",
    "WithdrawalRecord",
    "OrderRow",
    "OrderStateRow",
    "TicketRow",
    "TicketStateRow",
];

/// The whole document.
pub(crate) fn document() -> Value {
    let mut api = Api::openapi();
    api.merge(crate::Routes::openapi());
    api.merge(AlsoServed::openapi());
    secure(&mut api);
    let mut api = serde_json::to_value(api).unwrap();
    for operation in api["paths"].as_object_mut().unwrap().values_mut().flat_map(operations) {
        say_who_may(operation);
    }
    api["webhooks"] = json!({ "ticketEvent": webhook::operation() });
    unwrap_lines(&mut api);
    let schemas = api["components"]["schemas"].as_object_mut().unwrap();
    for name in RECORDS {
        let schema = &mut schemas[name];
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        schema["required"] = fields.into();
    }
    for (name, file) in CONTRACTS {
        schemas.insert(name.to_owned(), contract(file));
    }
    schemas.sort_keys();
    api
}

fn operations(item: &mut Value) -> impl Iterator<Item = &mut Value> {
    item.as_object_mut().unwrap().values_mut()
}

/// Viewers do not show the scopes of bearer tokens: the text names them too.
fn say_who_may(operation: &mut Value) {
    let ways = operation["security"].as_array().unwrap();
    let scopes: Vec<_> = ways.iter().filter_map(|way| way["bearer"][0].as_str()).collect();
    let or_link = if ways.iter().any(|way| way["link"].is_array()) { ", or a signed link" } else { "" };
    let needs = if scopes.is_empty() {
        "Needs no token.".to_owned()
    } else {
        format!("Needs a token with the scope `{}`{or_link}.", scopes.join("` or `"))
    };
    let said = operation["description"].as_str().map(|text| format!("{text}\n\n")).unwrap_or_default();
    operation["description"] = format!("{said}{needs}").into();
}

/// Comments break their lines at the width of the source; texts have paragraphs alone.
fn unwrap_lines(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "description" => {
                        *text =
                            text.split("\n\n").map(|p| p.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
                    }
                    field => unwrap_lines(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}

/// The contracts with other services, which have files of their own.
pub(crate) const CONTRACTS: [(&str, &str); 4] = [
    ("OrderingOrder", "order"),
    ("OrderingOrders", "orders"),
    ("IdentityUser", "user"),
    ("Webhook", "webhook"),
];

/// The schema of a contract in docs/contracts, as the file has it.
pub(crate) fn contract(name: &str) -> Value {
    let path = format!("{}/../../docs/contracts/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An example in docs/contracts/examples.
fn example(contract: &str, name: &str) -> Value {
    let path = format!("{}/../../docs/contracts/examples/{contract}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
