//! Tests of tracing: one trace for each payment, from its message to the event that is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::wait::eventually;
use fulfillment_tests::webhook::Receiver;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use uuid::Uuid;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";

/// The exported spans of that trace.
fn spans(collector: &Receiver) -> Result<Vec<Span>> {
    let mut spans = all_spans(collector)?;
    spans.retain(|span| hex::encode(&span.trace_id) == TRACE);
    Ok(spans)
}

fn all_spans(collector: &Receiver) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        anyhow::ensure!(request.path == "/v1/traces", "{}", request.path);
        let sent = ExportTraceServiceRequest::decode(request.body).context("an export of spans")?;
        for resource in sent.resource_spans {
            let named = resource.resource.iter().flat_map(|r| &r.attributes).any(|a| a.key == "service.name");
            anyhow::ensure!(named, "the resource has a service.name");
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    Ok(spans)
}

/// Pays for an order, in that trace.
async fn pay(service: &Service, order: Uuid) -> Result<()> {
    let request = service.client().post(format!("{}/events/payment-succeeded", service.base()));
    let request = request
        .bearer_auth(TOKEN)
        .header("traceparent", format!("00-{TRACE}-{SENDER}-01"))
        .header("content-type", "application/json")
        .body(Payment::of(order).json());
    assert_eq!(request.send().await?.status(), 202);
    Ok(())
}

#[tokio::test]
async fn a_payment_is_followed_to_its_event() -> Result<()> {
    let (collector, webhook) = (Receiver::start().await?, Receiver::start().await?);
    let scene = Scene::embedded()
        .await?
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .set("OTEL_BSP_SCHEDULE_DELAY", "100")
        .set("FULFILLMENT_WEBHOOK_URL", webhook.url())
        .set("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    pay(&service, order).await?;
    webhook.accepted(1, PATIENCE).await?;

    let wanted =
        ["POST /events/payment-succeeded", "ingest", "order", "enrich", "freeze", "issue", "deliver"];
    let wanted: BTreeSet<String> = wanted.map(str::to_owned).into();
    let found = eventually(PATIENCE, "the spans of the trace", async || {
        let found = spans(&collector)?;
        let names: BTreeSet<_> = found.iter().map(|span| span.name.clone()).collect();
        Ok(names.is_superset(&wanted).then_some(found))
    })
    .await?;
    let by_name: BTreeMap<_, _> = found.iter().map(|span| (span.name.as_str(), span)).collect();
    let parent = |name: &str| hex::encode(&by_name[name].parent_span_id);
    for name in ["POST /events/payment-succeeded", "ingest", "order", "deliver"] {
        assert_eq!(parent(name), SENDER, "{name}: the sender's span");
    }
    let claimed = hex::encode(&by_name["order"].span_id);
    for name in ["enrich", "freeze", "issue"] {
        assert_eq!(parent(name), claimed, "{name}");
    }
    // The request to Ordering is within the span `enrich`.
    let enriching = hex::encode(&by_name["enrich"].span_id);
    assert_eq!(scene.ordering.traceparent(order), Some(format!("00-{TRACE}-{enriching}-01")));
    // The event continues the trace of the payment.
    let event = webhook.requests().remove(0);
    assert_eq!(event.header("traceparent"), Some(format!("00-{TRACE}-{SENDER}-01").as_str()));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_payment_without_a_trace_is_one_with_its_request() -> Result<()> {
    let collector = Receiver::start().await?;
    let scene = Scene::embedded()
        .await?
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .set("OTEL_BSP_SCHEDULE_DELAY", "100");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    assert_eq!(service.pay(Payment::of(order).json()).await?.0, 202);
    let [request, ingest, order, issue] = eventually(PATIENCE, "the order's spans", async || {
        let found = all_spans(&collector)?;
        let named = |name: &str| found.iter().find(|span| span.name == name).cloned();
        let wanted = ["POST /events/payment-succeeded", "ingest", "order", "issue"].map(named);
        let [Some(request), Some(ingest), Some(order), Some(issue)] = wanted else { return Ok(None) };
        Ok(Some([request, ingest, order, issue]))
    })
    .await?;
    assert_eq!(ingest.parent_span_id, request.span_id);
    assert_eq!(order.parent_span_id, request.span_id);
    assert!(order.end_time_unix_nano >= issue.end_time_unix_nano, "an order ends with its last step");
    scene.settled(&service).await
}

#[tokio::test]
async fn every_line_about_an_order_names_it_and_its_trace() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_LOG_FORMAT", "json")
        .set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "1");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Text("{}".to_owned())]);
    pay(&service, order).await?;
    let line =
        eventually(Duration::from_secs(20), "the line that says that the order is parked", async || {
            let log = service.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            Ok(lines.into_iter().find(|line| line["message"] == "order parked"))
        })
        .await?;
    assert_eq!(line["span"]["order"], order.to_string(), "{line}");
    assert_eq!(line["span"]["trace"], TRACE, "{line}");
    scene.settled(&service).await
}
