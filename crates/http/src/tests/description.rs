//! Checks that the API description and the API agree.

use std::collections::BTreeSet;

use fulfillment_domain::event::{Before, Publication, ticket_reissued, ticket_voided};
use fulfillment_domain::{Cancellation, Flag, Payment, Refund, Spelling, Ticket};
use fulfillment_pipeline::operations::links::TicketRecord;
use fulfillment_store::conformance::fixtures::{cancellation, generated, order, quietly, ticket};
use fulfillment_store::{DeadLetterRoute, Inbox};
use serde_json::Value;

use super::App;
use crate::admin::docs::OPENAPI;
use crate::description::{self, CONTRACTS, contract};
use crate::problem::Kind;

fn described() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The file has the content that the annotations generate: `UPDATE=1` writes it.
#[test]
fn the_file_is_the_description() {
    let mut written = serde_json::to_string_pretty(&description::document()).unwrap();
    written.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        std::fs::write(file, &written).unwrap();
    } else {
        let again = "UPDATE=1 cargo test -p fulfillment-http description";
        assert!(written == OPENAPI, "docs/openapi.json is not what the code says; write it with: {again}");
    }
}

#[test]
fn routes_and_description_are_the_same() {
    let mut routes: BTreeSet<_> = crate::ROUTES.iter().copied().collect();
    // One route of the router, two documented paths.
    routes.insert(("/tickets/{id}.pdf", "get"));
    let api = described();
    let paths = api["paths"].as_object().unwrap();
    let described: BTreeSet<_> =
        paths.iter().flat_map(|(p, ops)| keys(ops).into_iter().map(move |m| (p.as_str(), m))).collect();
    assert_eq!(routes, described);
}

#[test]
fn every_problem_is_described() {
    let api = described();
    let types = &api["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.urn()).collect();
    assert_eq!(*types, Value::from(known));
}

/// Fails unless a value fits one of the schemas.
pub(super) fn fits(value: &Value, schema: &str) {
    let url = "urn:fulfillment:description";
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource(url, described()).unwrap();
    let index = compiler.compile(&format!("{url}#/components/schemas/{schema}"), &mut schemas).unwrap();
    if let Err(fault) = schemas.validate(value, index) {
        panic!("{schema}: {fault:#}");
    }
}

#[tokio::test]
async fn records_have_the_fields_described() {
    let api = described();
    let fields = |schema: &str| &api["components"]["schemas"][schema]["properties"];
    let record = serde_json::to_value(TicketRecord::of(&days_alone(), None)).unwrap();
    assert_eq!(keys(&record), keys(fields("Ticket")));
    fits(&record, "Ticket");
    let app = App::open().await;
    let ticket = app.issued().await;
    let json = [("accept", "application/json")];
    fits(&app.get(&format!("/tickets/{}", ticket.id), &json).await.json(), "TicketRecord");
    let record = app.get(&format!("/orders/{}", ticket.order_id), &[]).await.json();
    assert_eq!(keys(&record), keys(fields("Order")));
    assert_eq!(keys(&record["payments"][0]), keys(fields("PaymentRecord")));
    fits(&record, "Order");
    let letters = DeadLetterRoute::default();
    app.store.ingest(&[cancellation(1, "rain")], &letters, &quietly()).await.unwrap();
    let record = app.get(&format!("/orders/{}", ticket.order_id), &[]).await.json();
    assert_eq!(keys(&record["withdrawals"][0]), keys(fields("WithdrawalRecord")));
    fits(&record, "Order");
    fits(&app.get("/health", &[]).await.json(), "Health");
    fits(&app.get("/health/ready", &[]).await.json(), "Readiness");
    fits(&app.get("/orders/x", &[]).await.json(), "Problem");
    fits(&app.get(&format!("/codes/{}", hex::encode(ticket.code.cti)), &[]).await.json(), "CodeStanding");
}

#[test]
fn bodies_are_described_as_they_are_read() {
    let api = described();
    let refused = |body: &Value, what: &str| match what {
        "/events/payment-succeeded" => Payment::parse(body.to_string().as_bytes()).err(),
        "/events/payment-refunded" => Refund::parse(body.to_string().as_bytes()).err(),
        _ => Cancellation::parse(body.to_string().as_bytes()).err(),
    };
    for path in ["/events/payment-succeeded", "/events/payment-refunded", "/events/order-cancelled"] {
        let content = &api["paths"][path]["post"]["requestBody"]["content"];
        for kind in ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"]
        {
            let (schema, example) = (content[kind]["schema"].to_string(), &content[kind]["example"]);
            let one = if kind.contains("batch") { &example[0] } else { example };
            assert_eq!(refused(one, path), None, "{path} {kind}");
            let event = kind.contains("cloudevents");
            assert_eq!(schema.contains("/CloudEvent\""), event, "{path} {kind}");
            assert_eq!(
                one["specversion"] == "1.0" && one["data"]["orderId"].is_string(),
                event,
                "{path} {kind}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_served_is_the_file() {
    let app = App::open().await;
    let served = app.get("/openapi.json", &[]).await;
    assert_eq!(served.body.as_ref(), OPENAPI.as_bytes());
    assert_eq!(served.json()["openapi"], "3.1.0");
    let landing = app.get("/", &[]).await;
    assert_eq!((landing.status.as_u16(), landing.header("location")), (303, "docs"));
}

/// The page loads only what the service serves, by relative addresses.
#[tokio::test]
async fn the_page_is_whole() {
    let app = App::open().await;
    let page = app.get("/docs", &[]).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = std::str::from_utf8(&page.body).unwrap();
    let files: Vec<_> = html.split(['"']).filter(|part| part.starts_with("docs/")).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    assert!(!html.contains("//") && !html.contains("\"/") && !html.contains("<style"));
    for file in files {
        let answer = app.get(&format!("/{file}"), &[]).await;
        assert_eq!(answer.status, 200, "{file}");
        let kind = match file.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => "text/css; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), kind, "{file}");
        let packed = answer.body.starts_with(&[0x1f, 0x8b]);
        assert_eq!(answer.header("content-encoding"), if packed { "gzip" } else { "" }, "{file}");
    }
    for other in ["/docs/README.md", "/docs/%ff", "/docs/..%2Fdocs.rs"] {
        app.get(other, &[]).await.is_problem(404, "no-such-page");
    }
}

#[test]
fn the_topics_description_has_every_field_of_an_event() {
    let topics = include_str!("../../../../docs/asyncapi.yaml");
    let issued = topics.split_once("    TicketIssued:\n").unwrap().1;
    let event = generated(&days_alone(), &[]).events.remove(0);
    let value: Value = serde_json::from_slice(&event.value).unwrap();
    for field in keys(&value) {
        assert!(issued.contains(&format!("\n        {field}: {{type: ")), "{field}");
    }
    let mut void = ticket(order(1), 1);
    void.lifecycle.voided_at = Some(void.lifecycle.issued_at);
    let before = Before { generation: 0, reason: None };
    let publication =
        Publication { spelling: Spelling::Camel, ticket_pdf_url: "", traceparent: None, destinations: &[] };
    for (schema, event) in [
        ("TicketVoided", ticket_voided(&void, Spelling::Camel, None, &[]).unwrap()),
        ("TicketReissued", ticket_reissued(&void, before, &publication).unwrap()),
    ] {
        let described = topics.split_once(&format!("    {schema}:\n")).unwrap().1;
        let value: Value = serde_json::from_slice(&event.value).unwrap();
        for field in keys(&value) {
            assert!(
                described.contains(&format!(" {field}: {{type: "))
                    || issued.contains(&format!(" {field}: {{type: ")),
                "{field}"
            );
        }
    }
    for (header, _) in &event.headers {
        assert!(topics.contains(&format!("\n        {header}:\n")), "{header}");
    }
}

/// A ticket whose event has days without times: its events have every field.
fn days_alone() -> Ticket {
    let mut ticket = ticket(order(1), 1);
    let at = Some(ticket.lifecycle.issued_at);
    (ticket.event.starts_at, ticket.event.ends_at, ticket.event.doors_at) = (at, at, at);
    let flags = [Flag::StartWithoutHour, Flag::EndWithoutHour, Flag::DoorsWithoutHour];
    ticket.flags = flags.into_iter().collect();
    ticket
}

#[test]
fn the_neighbours_contracts_are_those_of_the_files() {
    let api = described();
    for (name, file) in CONTRACTS {
        assert_eq!(api["components"]["schemas"][name], contract(file), "{file}");
    }
    let body = &api["webhooks"]["ticketEvent"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(body["schema"]["$ref"], "#/components/schemas/Webhook");
    let examples = [
        "ticket-issued",
        "ticket-reissued",
        "ticket-voided",
        "event-updated",
        "ticket-checked-in",
        "ticket-check-in-conflict",
    ];
    assert_eq!(keys(&body["examples"]), BTreeSet::from(examples));
}

#[test]
fn events_fit_the_contract_of_webhooks() {
    let contract = contract("webhook");
    let url = "urn:fulfillment:contract:webhook";
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource(url, contract.clone()).unwrap();
    let index = compiler.compile(url, &mut schemas).unwrap();
    let issued = keys(&contract["$defs"]["ticketIssued"]["properties"]);
    let more = keys(&contract["$defs"]["ticketReissued"]["allOf"][1]["properties"]);
    let voided = keys(&contract["$defs"]["ticketVoided"]["properties"]);
    let mut void = ticket(order(1), 1);
    (void.lifecycle.voided_at, void.lifecycle.void_reason) =
        (Some(void.lifecycle.issued_at), Some("cancelled".into()));
    (void.lifecycle.sequence, void.code.generation) = (2, 1);
    let before = Before { generation: 0, reason: None };
    let ticket_pdf_url = "http://localhost/t";
    let publication =
        Publication { spelling: Spelling::Camel, ticket_pdf_url, traceparent: None, destinations: &[] };
    let mut reissued = days_alone();
    (reissued.lifecycle.sequence, reissued.code.generation) = (2, 1);
    let only = BTreeSet::from(["eventStartDateOnly", "eventEndDateOnly", "doorsDateOnly"]);
    let hours = &issued - &only;
    for (kind, event, fields) in [
        ("ticket-issued", generated(&days_alone(), &[]).events.remove(0), issued.clone()),
        ("ticket-issued", generated(&ticket(order(1), 1), &[]).events.remove(0), hours.clone()),
        ("ticket-voided", ticket_voided(&void, Spelling::Camel, None, &[]).unwrap(), voided),
        ("ticket-reissued", ticket_reissued(&void, before, &publication).unwrap(), &hours | &more),
        ("ticket-reissued", ticket_reissued(&reissued, before, &publication).unwrap(), &issued | &more),
    ] {
        let data: Value = serde_json::from_slice(&event.value).unwrap();
        assert_eq!(keys(&data), fields, "{kind}");
        let body = serde_json::json!({ "type": kind, "timestamp": "2026-11-22T18:30:00Z", "data": data });
        if let Err(fault) = schemas.validate(&body, index) {
            panic!("{kind}: {fault:#}");
        }
    }
}
