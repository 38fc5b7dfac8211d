//! Tests of outages: a dependency is down for a while, or the process dies; downloads continue where they can, and
//! nothing is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::proxy::Proxy;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use fulfillment_tests::webhook::Receiver;
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn ready(service: &Service, status: u16) -> Result<Value> {
    eventually(PATIENCE, &format!("readiness {status}"), async || {
        let response = service.get("/health/ready").await?;
        Ok(if response.status() == status { Some(response.json().await?) } else { None })
    })
    .await
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_taken_and_then_all_is_issued() -> Result<()> {
    let scene = Scene::platform().await?;
    let (proxy, url) = Proxy::in_front_of(scene.database()?.url()).await?;
    let scene = scene.set("FULFILLMENT_STORE_URL", url).set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "1s");
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let before = rig::id();
    scene.wire()?.pay(&Payment::of(before)).await?;
    service.order_in(before, "issued").await?;

    proxy.cut();
    let health = ready(&service, 503).await?;
    assert_eq!(health["parts"]["store"]["status"], "down", "{health}");
    let by_http = Payment::of(rig::id());
    let refused = service.post("/events/payment-succeeded", by_http.json()).await?;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let mut orders = Vec::new();
    for _ in 0..20 {
        let payment = Payment::of(rig::id());
        scene.wire()?.pay(&payment).await?;
        orders.push(payment.order_id);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.mend();
    ready(&service, 200).await?;
    assert_eq!(service.pay(by_http.json()).await?.0, 202);
    for order in orders.iter().chain([&by_http.order_id]) {
        service.order_in(*order, "issued").await?;
    }
    scene.wire()?.caught_up().await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 22);
    scene.settled(&service).await
}

#[tokio::test]
async fn while_the_files_are_away_a_ticket_is_never_missing() -> Result<()> {
    let scene = Scene::platform().await?;
    let mut files = rig::s3()?;
    let (_, endpoint) =
        files.env.iter_mut().find(|(name, _)| name == "AWS_ENDPOINT_URL").context("an endpoint")?;
    let (proxy, url) = Proxy::in_front_of(endpoint).await?;
    *endpoint = url;
    let setup = scene.setup.clone().files(&files);
    let service = setup.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let before = rig::id();
    scene.wire()?.pay(&Payment::of(before)).await?;
    let record = service.order_in(before, "issued").await?;
    let path = format!("/tickets/{}", record["tickets"][0]["id"].as_str().context("an id")?);
    let pdf = service.get(&path).await?.error_for_status()?.bytes().await?;

    proxy.cut();
    let away = service.get(&path).await?;
    assert_eq!(away.status(), 503, "away is not missing");
    assert!(away.headers().contains_key("retry-after"));
    assert_eq!(away.json::<Value>().await?["type"], "urn:fulfillment:problem:files-unavailable");
    assert_eq!(service.get_json(&path).await?["status"], "Generated", "the record is there");
    let meanwhile = rig::id();
    scene.wire()?.pay(&Payment::of(meanwhile)).await?;
    service.order_when(meanwhile, "a reason", |record| record["reason"].is_string()).await?;
    proxy.mend();
    service.order_in(meanwhile, "issued").await?;
    assert_eq!(service.get(&path).await?.error_for_status()?.bytes().await?, pdf);
    scene.settled(&service).await
}

#[tokio::test]
async fn a_ticket_that_cannot_be_stored_is_failed_and_comes_back() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let mut files = rig::s3()?;
    let (_, endpoint) =
        files.env.iter_mut().find(|(name, _)| name == "AWS_ENDPOINT_URL").context("an endpoint")?;
    let (proxy, url) = Proxy::in_front_of(endpoint).await?;
    *endpoint = url;
    let setup = scene
        .setup
        .clone()
        .files(&files)
        .env("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "2")
        .env("FULFILLMENT_PIPELINE_PARKED_RETRY_EVERY", "500ms");
    let service = setup.start().await?;
    proxy.cut();
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    scene.wire()?.pay(&Payment::of(order)).await?;
    let record = service.order_in(order, "parked").await?;
    for ticket in record["tickets"].as_array().context("tickets")? {
        assert_eq!(ticket["status"], "Failed", "{ticket}");
        assert!(ticket["lastError"].as_str().is_some_and(|why| why.contains("s3://")), "{ticket}");
    }
    let path = format!("/tickets/{}.pdf", record["tickets"][0]["id"].as_str().context("an id")?);
    let failed = service.get(&path).await?;
    assert_eq!(failed.status(), 404);
    assert_eq!(failed.json::<Value>().await?["type"], "urn:fulfillment:problem:ticket-failed");
    // Nothing is done except ending the outage.
    proxy.mend();
    let issued = service.order_in(order, "issued").await?;
    for at in 0..2 {
        assert_eq!(issued["tickets"][at]["id"], record["tickets"][at]["id"]);
        assert!(issued["tickets"][at]["lastError"].is_null());
    }
    assert_eq!(service.get(&path).await?.status(), 200);
    scene.settled(&service).await
}

#[tokio::test]
async fn a_killed_service_is_followed_by_one_that_issues_everything_once() -> Result<()> {
    killed(Scene::platform().await?).await
}

#[tokio::test]
async fn a_killed_embedded_service_is_followed_by_one_that_issues_everything_once() -> Result<()> {
    killed(Scene::embedded().await?.with_kafka().await?).await
}

async fn killed(scene: Scene) -> Result<()> {
    let scene = scene
        .set("FULFILLMENT_PIPELINE_LEASE", "3s")
        .set("FULFILLMENT_PIPELINE_DRAIN", "1s")
        .set("FULFILLMENT_KAFKA_SESSION_TIMEOUT", "2s")
        .set("FULFILLMENT_PIPELINE_CLAIM_BATCH", "4");
    scene.ordering.answer_others(|order| {
        Answer::Slow(Duration::from_millis(150), Box::new(Answer::Json(seats(order, 2))))
    });
    let mut orders = Vec::new();
    for _ in 0..80 {
        let payment = Payment::of(rig::id());
        scene.wire()?.pay(&payment).await?;
        orders.push(payment.order_id);
    }
    // A few get no answer until the end, so that each kill hits claimed orders however fast the rest is.
    let held = &orders[..8];
    for order in held {
        let never = Answer::Slow(Duration::from_mins(10), Box::new(Answer::Status(500)));
        scene.ordering.answer(*order, [never]);
    }
    for share in [20, 60, 110] {
        let mut service = scene.start().await?;
        eventually(PATIENCE, "some tickets", async || {
            let tickets = scene.record.number("SELECT count(*) FROM tickets").await?;
            Ok((tickets >= share).then_some(()))
        })
        .await?;
        eventually(PATIENCE, "orders in hand", async || {
            let lent = scene.record.number("SELECT count(*) FROM orders WHERE worker IS NOT NULL").await?;
            Ok((lent > 0).then_some(()))
        })
        .await?;
        service.kill()?;
    }
    for order in held {
        scene.ordering.answer(*order, [Answer::Json(seats(*order, 2))]);
    }
    let service = scene.start().await?;
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    scene.settled(&service).await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 160);
    Ok(())
}

#[tokio::test]
async fn a_slow_neighbour_does_not_hold_up_the_stop() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_ORDERING_TIMEOUT", "30s")
        .set("FULFILLMENT_PIPELINE_DRAIN", "25s");
    scene.ordering.answer_others(|order| {
        Answer::Slow(Duration::from_secs(20), Box::new(Answer::Json(one_seat(order))))
    });
    let mut service = scene.start().await?;
    scene.leaves("the stop gives the order back");
    let order = rig::id();
    service.pay(Payment::of(order).json()).await?;
    eventually(PATIENCE, "Ordering is asked", async || Ok((scene.ordering.calls(order) > 0).then_some(())))
        .await?;
    // On a stop, a pending request to a neighbour is cancelled and its order released, so there is nothing to wait for.
    let begun = std::time::Instant::now();
    assert!(service.stop(PATIENCE).await?.success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(scene.record.number("SELECT count(*) FROM orders WHERE worker IS NOT NULL").await?, 0);
    Ok(())
}

/// A folder that is read and takes no file, and a webhook that answers 401: neither looks broken from outside.
#[tokio::test]
async fn a_folder_that_refuses_files_and_a_webhook_that_refuses_events_are_named() -> Result<()> {
    let webhook = Receiver::start().await?;
    let scene = Scene::embedded().await?.set("FULFILLMENT_WEBHOOK_URL", webhook.url());
    let scene = scene.set("FULFILLMENT_WEBHOOK_SECRET", SECRET);
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let named = async |part: &str, status: &str| {
        eventually(Duration::from_secs(10), &format!("{part} {status}"), async || {
            let health = service.get_json("/health/ready").await?;
            Ok((health["parts"][part]["status"] == status).then_some(health))
        })
        .await
    };
    named("files", "ok").await?;
    // The folder for temporary files is a file now.
    let (temporary, away) = (scene.tickets_folder().join(".tmp"), scene.setup.data().join("away"));
    std::fs::rename(&temporary, &away)?;
    std::fs::write(&temporary, "")?;
    let payment = Payment::of(rig::id());
    service.pay(payment.json()).await?;
    let health = named("files", "degraded").await?;
    let data = scene.setup.data().display().to_string();
    assert!(!health.to_string().contains(&data), "no place of this machine is shown to strangers: {health}");
    assert!(
        service.get("/metrics").await?.text().await?.contains("fulfillment_part_healthy{part=\"files\"} 0")
    );
    std::fs::remove_file(&temporary)?;
    std::fs::rename(&away, &temporary)?;
    scene.setup.run(&["retry", "--order", &payment.order_id.to_string()]).await?;
    webhook.answer([401; 100]);
    service.order_in(payment.order_id, "issued").await?;
    named("files", "ok").await?;
    let said = service.log();
    let lines =
        said.lines().filter(|line| line.contains("the file storage") && line.contains("is unavailable"));
    assert_eq!(lines.count(), 1, "one line, however often it was tried: {said}");

    named("webhook:default", "degraded").await?;
    let listed = scene.setup.run(&["destination", "list", "--json"]).await?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    assert_eq!(
        (&listed[0]["name"], &listed[0]["waiting"]),
        (&"webhook:default".into(), &1.into()),
        "{listed}"
    );
    assert!(listed[0]["reason"].as_str().is_some_and(|r| r.contains("401")), "{listed}");
    webhook.answer([]);
    webhook.accepted(1, PATIENCE).await?;
    named("webhook:default", "ok").await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_constraint_of_a_later_version_makes_no_dead_letter_of_a_payment() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let first = rig::id();
    scene.wire()?.pay(&Payment::of(first)).await?;
    service.order_in(first, "issued").await?;

    // No second payment fits.
    let later = "CREATE UNIQUE INDEX later ON inbox (outcome)";
    scene.database()?.execute(later).await?;
    let mut orders = Vec::new();
    for _ in 0..5 {
        let payment = Payment::of(rig::id());
        scene.wire()?.pay(&payment).await?;
        orders.push(payment.order_id);
    }
    let by_http = Payment::of(rig::id());
    assert_eq!(service.post("/events/payment-succeeded", by_http.json()).await?.status(), 503);
    eventually(PATIENCE, "the constraint in the log", async || {
        Ok(service.log().contains("is a later version running too?").then_some(()))
    })
    .await?;
    assert_eq!(scene.database()?.number("SELECT count(*) FROM dead_letters").await?, 0);

    scene.database()?.execute("DROP INDEX later").await?;
    assert_eq!(service.pay(by_http.json()).await?.0, 202);
    for order in orders.iter().chain([&by_http.order_id]) {
        service.order_in(*order, "issued").await?;
    }
    scene.settled(&service).await
}
