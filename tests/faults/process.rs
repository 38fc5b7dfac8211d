//! Fault tests of the process: clock steps, signals, idle connections, key rotation and large answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fulfillment_tests::checker::check_issued;
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::webhook::Receiver;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Store, stage};

/// Lets the service read its wall clock through libfaketime, which does not change the monotonic one. Returns the file
/// that says how far it is off. Without Kafka, whose client waits by the kernel's wall clock, which a test must not
/// change.
pub(super) fn faketime(scene: Scene) -> Result<(Scene, PathBuf)> {
    let library = ["x86_64", "aarch64"]
        .map(|machine| format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| Path::new(path).exists())
        .context("libfaketime is missing; install it: apt-get install faketime")?;
    let clock = scene.setup.data().join("clock");
    std::fs::write(&clock, "+0")?;
    let scene = scene
        .set("LD_PRELOAD", library)
        .set("FAKETIME_TIMESTAMP_FILE", clock.display().to_string())
        .set("FAKETIME_NO_CACHE", "1")
        .set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok((scene, clock))
}

async fn clock_is_stepped(scene: Scene) -> Result<()> {
    let (scene, clock) = faketime(scene)?;
    let receiver = Receiver::start().await?;
    let scene = scene
        .set("FULFILLMENT_WEBHOOK_URL", receiver.url())
        .set("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=");
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 2)));
    let service = scene.start().await?;
    let mut orders = Vec::new();
    for step in ["+1h", "-1h", "+0"] {
        for moment in ["before", "after"] {
            for _ in 0..5 {
                orders.push(rig::id());
                service.pay(Payment::of(orders[orders.len() - 1]).json()).await?;
            }
            if moment == "before" {
                std::fs::write(&clock, step)?;
            }
        }
        // After each step, not only at the end: an hour back must not cause an hour's wait.
        for order in &orders {
            service.order_in(*order, "issued").await.with_context(|| format!("after {step}"))?;
        }
        receiver.accepted(orders.len() * 2, PATIENCE).await.with_context(|| format!("after {step}"))?;
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn the_clock_is_stepped_by_an_hour_on_sqlite() -> Result<()> {
    clock_is_stepped(Scene::embedded().await?).await
}

#[tokio::test]
async fn the_clock_is_stepped_by_an_hour_on_postgres() -> Result<()> {
    clock_is_stepped(Scene::embedded().await?.with_postgres().await?).await
}

/// Connections that clients keep open without using them do not block anything.
#[tokio::test]
async fn told_to_stop_in_the_middle_with_idle_connections() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let mut service = scene.start().await?;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut connection =
            tokio::net::TcpStream::connect(service.base().trim_start_matches("http://")).await?;
        connection.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(connection);
    }
    for _ in 0..40 {
        ledger.pay(&scene, 2).await?;
    }
    let begun = Instant::now();
    assert!(service.stop(PATIENCE).await?.success(), "in good order");
    ensure!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    drop(service);
    let service = scene.start().await?;
    check_issued(&scene, &service, &ledger).await
}

/// The code was signed at the freeze: the ticket keeps it, and its key still verifies it.
#[tokio::test]
async fn a_key_is_rotated_between_freeze_and_issue() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    ledger.pay(&scene, 3).await?;
    let mut doomed = scene.setup.clone().env("FAILPOINTS", "after-freeze-commit=return").launch()?;
    doomed.ended(PATIENCE).await?;
    let frozen = scene.record.texts("SELECT qr_code_data AS code FROM tickets ORDER BY id").await?;
    assert_eq!(frozen.len(), 3);
    let made = scene.setup.run(&["keys", "new", "--at-once"]).await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let service = scene.start().await?;
    ledger.pay(&scene, 1).await?;
    check_issued(&scene, &service, &ledger).await?;
    let issued = scene.record.texts("SELECT qr_code_data AS code FROM tickets ORDER BY id").await?;
    assert!(frozen.iter().all(|code| issued.contains(code)), "what was frozen is what was issued");
    let kids = "SELECT count(DISTINCT kid) FROM tickets";
    assert_eq!(scene.record.number(kids).await?, 2, "the new key signs what comes after");
    Ok(())
}

/// An answer of ten megabytes parks its order for an operator, without affecting others.
#[tokio::test]
async fn a_name_of_ten_megabytes() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    // The test's thread also runs the Ordering server, and ten megabytes keep it busy.
    let scene =
        scene.set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "2").set("FULFILLMENT_ORDERING_TIMEOUT", "60s");
    let service = scene.start().await?;
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventName"] = json!("x".repeat(10 << 20));
    scene.ordering.answer(order, [Answer::Text(answer.to_string())]);
    scene.wire()?.pay(&Payment::of(order)).await?;
    ledger.pay(&scene, 2).await?;
    service.order_in(ledger.paid()[0].order, "issued").await?;
    let record = service.order_in(order, "parked").await?;
    let reason = record["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("larger than") && reason.len() < 1_000, "{record}");
    scene.idle().await
}
