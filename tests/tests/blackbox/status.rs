//! `fulfillment status`: what a person sees who is called at night.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use serde_json::Value;

/// The commands of the machine on which this service runs.
fn beside(scene: &Scene, service: &Service) -> Setup {
    scene.setup.clone().env("FULFILLMENT_HTTP_LISTEN", service.base().trim_start_matches("http://"))
}

async fn asked(setup: &Setup) -> Result<(Option<i32>, Value)> {
    let said = setup.run(&["status", "--json"]).await?;
    let status = serde_json::from_slice(&said.stdout).with_context(|| format!("{:?}", err(&said)))?;
    Ok((said.status.code(), status))
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_ordering_that_is_away_is_the_first_thing_said() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let desk = beside(&scene, &service);
    let calm = eventually(PATIENCE, "nothing needs a person", async || {
        let (code, status) = asked(&desk).await?;
        Ok((code == Some(0)).then_some(status))
    })
    .await?;
    ensure!(calm["needsAPerson"] == serde_json::json!([]), "{calm}");

    scene.ordering.answer_others(|_| Answer::Status(503));
    let orders: Vec<_> = (0..3).map(|_| rig::id()).collect();
    for order in &orders {
        service.pay(Payment::of(*order).json()).await?;
    }
    let status = eventually(PATIENCE, "three orders wait with their error", async || {
        let (code, status) = asked(&desk).await?;
        let first = &status["needsAPerson"][0];
        let is_said = first["count"] == 3 && first["failures"][0]["count"] == 3;
        Ok((code == Some(1) && is_said && service_says(&status, "ordering", "degraded")).then_some(status))
    })
    .await?;
    let first = &status["needsAPerson"][0];
    ensure!(first["kind"] == "waiting_for_ordering", "{status}");
    ensure!(first["failures"][0]["error"] == "Ordering answers 503", "{status}");
    let since: jiff::Timestamp = first["since"].as_str().context("since when")?.parse()?;
    let at: jiff::Timestamp = status["at"].as_str().context("now")?.parse()?;
    ensure!(since < at && at.duration_since(since).as_secs() < 120, "{status}");
    let example = first["failures"][0]["example"].as_str().context("an order")?;
    ensure!(orders.iter().any(|order| order.to_string() == example), "{status}");
    ensure!(status["unissuedOrders"] == 3 && status["oldestWaitingPaymentAt"] == first["since"], "{status}");
    let needs = status["needsAPerson"].as_array().context("a list")?;
    ensure!(needs.len() == 1, "Ordering is said once: {status}");

    // The same by HTTP, and for people: the first line under the headings.
    let by_http = service.get_json("/status").await?;
    ensure!(by_http["needsAPerson"][0]["kind"] == "waiting_for_ordering", "{by_http}");
    let said = desk.run(&["status"]).await?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = text.lines().nth(1).context("a line")?;
    ensure!(line.starts_with("waiting for Ordering") && line.ends_with("fulfillment retry --all"), "{text}");
    ensure!(text.contains("Ordering answers 503"), "{text}");

    // Without the service the store says the same, and the command says what is missing.
    let alone = scene.setup.clone().env("FULFILLMENT_HTTP_LISTEN", "127.0.0.1:1");
    let said = alone.run(&["status"]).await?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(said.status.code() == Some(1) && text.contains("waiting for Ordering"), "{text}");
    ensure!(text.contains("no service answers at 127.0.0.1:1"), "{text}");
    // With a token that may not ask, it says which one may.
    let stranger = desk.clone().env("FULFILLMENT_HTTP_TOKEN", "x".repeat(40));
    let said = stranger.run(&["status"]).await?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(text.contains("waiting for Ordering") && text.contains("read:status"), "{text}");

    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    eventually(PATIENCE, "nothing needs a person any more", async || {
        Ok((asked(&desk).await?.0 == Some(0)).then_some(()))
    })
    .await?;
    scene.settled(&service).await
}

fn service_says(status: &Value, part: &str, state: &str) -> bool {
    let parts = status["service"]["parts"].as_array();
    parts.is_some_and(|parts| parts.iter().any(|known| known["name"] == part && known["status"] == state))
}

#[tokio::test]
async fn events_are_counted_and_a_store_that_is_away_is_said() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let desk = beside(&scene, &service);
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let event = record["tickets"][0]["eventId"].as_str().context("an event")?.to_owned();
    let said = desk.run(&["status", "--event", &event, "--json"]).await?;
    let now: Value = serde_json::from_slice(&said.stdout)?;
    let counts = &now["events"][0];
    ensure!(counts["sold"] == 1 && counts["issued"] == 1 && counts["voided"] == 0, "{now}");
    let unknown = desk.run(&["status", "--event", "no such event"]).await?;
    ensure!(unknown.status.code() == Some(1) && err(&unknown).contains("no event"), "{}", err(&unknown));
    // The background counts it within its interval.
    eventually(PATIENCE, "the event is counted", async || {
        let status = service.get_json("/status?past=true").await?;
        let counts = &status["events"][0];
        Ok((counts["sold"] == 1 && counts["countedAt"].is_string()).then_some(()))
    })
    .await?;
    let gone = desk
        .env("FULFILLMENT_STORE_URL", "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable")
        .env("FULFILLMENT_STORE_CONNECT_TIMEOUT", "1s");
    let said = tokio::time::timeout(Duration::from_secs(30), gone.run(&["status"])).await??;
    ensure!(said.status.code() == Some(3), "{:?} {}", said.status, err(&said));
    scene.settled(&service).await
}

#[tokio::test]
async fn the_lag_of_each_partition_is_known() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let wire = scene.wire()?;
    wire.pay(&Payment::of(order)).await?;
    service.order_in(order, "issued").await?;
    // Known from the first commit of an offset on.
    let lag = eventually(PATIENCE, "a partition of payments has no lag", async || {
        let status = service.get_json("/status").await?;
        let lag = status["service"]["lag"].as_array().cloned().unwrap_or_default();
        let read = lag.iter().any(|lag| lag["topic"] == wire.payments.as_str() && lag["messages"] == 0);
        Ok(read.then_some(lag))
    })
    .await?;
    ensure!(lag.iter().all(|lag| lag["partition"].as_i64().is_some_and(|number| number >= 0)), "{lag:?}");
    let metrics = service.get("/metrics").await?.text().await?;
    ensure!(metrics.contains("fulfillment_kafka_lag_messages{"), "{metrics}");
    scene.settled(&service).await
}
