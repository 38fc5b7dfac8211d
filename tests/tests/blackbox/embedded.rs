//! Tests of the embedded default: no Kafka, payments by HTTP, events by webhook and as a stream.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::stream::Stream;
use fulfillment_tests::wait::eventually;
use fulfillment_tests::webhook::{Receiver, Request};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=";

/// Checks a signature by the Standard Webhooks specification, without the service's code.
fn check_signature(request: &Request) -> Result<()> {
    let header = |name: &str| request.header(name).with_context(|| format!("no header {name}"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(SECRET)?)?;
    mac.update(format!("{}.{}.", header("webhook-id")?, header("webhook-timestamp")?).as_bytes());
    mac.update(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let given = header("webhook-signature")?;
    assert!(given.split(' ').any(|one| one == expected), "{given} is not {expected}");
    Ok(())
}

#[tokio::test]
async fn a_payment_by_http_becomes_a_signed_webhook() -> Result<()> {
    let receiver = Receiver::start().await?;
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_WEBHOOK_URL", format!("{}/hooks/tickets", receiver.url()))
        .set("FULFILLMENT_WEBHOOK_SECRET", format!("whsec_{SECRET}"));
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    let (status, body) = service.pay(Payment::of(order).json()).await?;
    assert_eq!((status, &body["results"][0]["outcome"]), (202, &"new".into()));

    let requests = receiver.accepted(2, PATIENCE).await?;
    let mut ids = std::collections::HashSet::new();
    for request in &requests {
        check_signature(request)?;
        assert_eq!(request.path, "/hooks/tickets");
        let body = request.json()?;
        assert_eq!(body["type"], "ticket-issued");
        assert_eq!(body["data"]["orderId"], order.to_string());
        ids.insert(request.header("webhook-id").map(str::to_owned));
    }
    assert_eq!(ids.len(), 2, "each event has its id");
    scene.settled(&service).await
}

#[tokio::test]
async fn a_refused_webhook_comes_again_with_the_same_id_and_body() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.answer([500]);
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_WEBHOOK_URL", receiver.url())
        .set("FULFILLMENT_WEBHOOK_SECRET", format!("whsec_{SECRET}"));
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    receiver.accepted(1, PATIENCE).await?;
    let all = receiver.requests();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].header("webhook-id"), all[1].header("webhook-id"));
    assert_eq!(all[0].body, all[1].body);
    check_signature(&all[1])?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_stream_is_taken_up_where_its_reader_left_it() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let orders: Vec<_> = (0..4).map(|_| rig::id()).collect();
    let mut stream = Stream::open(&service, None).await?;
    service.pay(Payment::of(orders[0]).json()).await?;
    let first = stream.next(PATIENCE).await?;
    assert_eq!(first.name, "ticket-issued");
    assert_eq!(first.data["specversion"], "1.0");
    assert_eq!(first.data["data"]["orderId"], orders[0].to_string());
    drop(stream);
    for order in &orders[1..] {
        service.pay(Payment::of(*order).json()).await?;
        service.order_in(*order, "issued").await?;
    }
    let mut stream = Stream::open(&service, Some(&first.id)).await?;
    let mut missed = Vec::new();
    for _ in 1..orders.len() {
        missed.push(stream.next(PATIENCE).await?.data["data"]["orderId"].clone());
    }
    assert_eq!(missed, orders[1..].iter().map(ToString::to_string).collect::<Vec<_>>());
    let more = stream.next(Duration::from_millis(1500)).await;
    assert!(more.is_err(), "nothing comes twice: {more:?}");
    let mut all = Stream::open(&service, Some("0")).await?;
    assert_eq!(all.next(PATIENCE).await?.id, first.id, "from the very start");
    scene.settled(&service).await
}

#[tokio::test]
async fn each_payment_of_a_request_is_answered_for_itself() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_HTTP_MAX_BODY", "64KiB")
        .set("FULFILLMENT_HTTP_MAX_ITEMS", "10");
    let service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let one = Payment::of(rig::id());
    assert_eq!(service.pay(one.json()).await?.0, 202);
    assert_eq!(service.pay(one.json()).await?.0, 200, "a repeat");

    let again = Payment { payment_id: rig::id(), ..one.clone() };
    let other = Payment { amount: "1".into(), ..one.clone() };
    let fresh = Payment::of(rig::id());
    let bad = r#"{"paymentId":"6f1c1f0e-53a1-4c5e-9a52-0c5d7f3f1a11","amount":1}"#;
    let array = [fresh.json(), one.json(), again.json(), other.json(), bad.to_owned()].join(",");
    let (status, body) = service.pay(format!("[{array}]")).await?;
    let outcomes: Vec<_> =
        body["results"].as_array().context("results")?.iter().map(|r| r["outcome"].clone()).collect();
    assert_eq!(status, 202);
    assert_eq!(outcomes, ["new", "duplicate", "already_paid", "quarantined", "unreadable"]);
    assert_eq!(body["results"][4]["field"], "orderId");

    assert_eq!(service.pay(other.json()).await?.0, 409, "the same id, another amount");
    for nothing in [bad, "[]", "", "{", "null", "7", r#""x""#] {
        let (status, problem) = service.pay(nothing).await?;
        assert_eq!(status, 400, "{nothing}: {problem}");
        assert!(problem["type"].is_string() && problem["detail"].is_string(), "{problem}");
    }
    assert_eq!(service.pay(bad).await?.1["field"], "orderId");
    let many = vec![fresh.json(); 11].join(",");
    assert_eq!(service.pay(format!("[{many}]")).await?.0, 413);
    assert_eq!(service.pay(" ".repeat(70_000) + &fresh.json()).await?.0, 413);
    service.order_in(fresh.order_id, "issued").await?;
    let tickets = scene.record.number("SELECT count(*) FROM tickets").await?;
    assert_eq!(tickets, 2);
    scene.settled(&service).await
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_are_told_to_come_back() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_MAX_INGEST_REQUESTS", "1");
    let service = scene.start().await?;
    scene.leaves("Ordering does not know the orders");
    let (first, second) = (Payment::of(rig::id()).json(), Payment::of(rig::id()).json());
    // Another writer holds the store: the first payment waits there, in the only place.
    let Record::Sqlite(file) = &scene.record else { anyhow::bail!("the store is a file") };
    let mut other = SqliteConnectOptions::new().filename(file).connect().await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await?;
    let waiting = service.posting("/events/payment-succeeded", first.clone());
    let waiting = tokio::spawn(waiting.send());
    let refused = eventually(PATIENCE, "no place is left", async || {
        let response = service.post("/events/payment-succeeded", "{}").await?;
        Ok((response.status() == 429).then_some(response))
    })
    .await?;
    assert!(refused.headers().contains_key("retry-after"));
    sqlx::query("ROLLBACK").execute(&mut other).await?;
    assert_eq!(waiting.await??.status(), 202, "the one that waited is taken all the same");
    assert_eq!(service.pay(second).await?.0, 202, "and its place is free again");
    Ok(())
}

#[tokio::test]
async fn no_ordering_burns_no_attempts_and_health_says_so() -> Result<()> {
    let mut scene = Scene::embedded().await?;
    scene.setup = scene.setup.without("FULFILLMENT_ORDERING_URL");
    let service = scene.start().await?;
    scene.leaves("there is no Ordering to ask");
    let order = rig::id();
    service.pay(Payment::of(order).json()).await?;
    service.order_when(order, "a reason", |record| record["reason"].is_string()).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // It was claimed and released at least once since; while it is claimed, the attempt counts.
    service.order_when(order, "no try is counted", |record| record["attempts"] == 0).await?;
    let ready = eventually(PATIENCE, "health names Ordering", async || {
        let ready = service.get_json("/health/ready").await?;
        Ok((ready["status"] == "degraded").then_some(ready))
    })
    .await?;
    assert!(ready["parts"]["ordering"]["reason"].is_string(), "{ready}");
    assert_eq!(service.get_json("/health/live").await?["status"], "live");
    Ok(())
}
