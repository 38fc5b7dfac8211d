//! What the service sends to each configured webhook.

use serde_json::{Value, json};
use utoipa::OpenApi as _;

use super::example;

#[derive(utoipa::OpenApi)]
#[openapi(paths(ticket_event))]
struct Webhooks;

/// Sent to each of `webhooks`: a ticket was issued, reissued or voided or checked in, or an event's details changed
///
/// Signed by the Standard Webhooks scheme. Repeated with the same id and bytes until the answer is 2xx.
#[utoipa::path(
    post,
    path = "ticketEvent",
    operation_id = "ticketEvent",
    tag = "Events",
    params(
        ("webhook-id" = String, Header, description = "The event's id, the same in each repeat."),
        ("webhook-timestamp" = String, Header, description = "When it was sent, in seconds since 1970."),
        ("webhook-signature" = String, Header,
            description = "`v1,` and the HMAC-SHA256 of id, timestamp and body."),
    ),
    request_body(content = ref("#/components/schemas/Webhook"), content_type = "application/json"),
    responses(
        (status = "2XX", description = "Accepted."),
        (status = 410, description = "No longer wanted: the delivery is parked, and shown to operators."),
    )
)]
fn ticket_event() {}

/// The path item, with the examples of the contract.
pub(super) fn operation() -> Value {
    let mut webhooks = serde_json::to_value(Webhooks::openapi()).unwrap();
    let mut item = webhooks["paths"]["ticketEvent"].take();
    item["post"]["security"] = json!([]);
    item["post"]["requestBody"]["required"] = true.into();
    let examples = &mut item["post"]["requestBody"]["content"]["application/json"]["examples"];
    for name in [
        "ticket-issued",
        "ticket-reissued",
        "ticket-voided",
        "event-updated",
        "ticket-checked-in",
        "ticket-check-in-conflict",
    ] {
        examples[name] = json!({ "value": example("webhook", name) });
    }
    item
}
