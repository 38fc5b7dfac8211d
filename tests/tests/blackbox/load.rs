//! Tests of the service under load while something else is down.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::Value;

/// A counter of `GET /metrics`; 0 while it has not been counted.
async fn counted(service: &Service, name: &str) -> Result<u64> {
    let metrics = service.get("/metrics").await?.error_for_status()?.text().await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.map_or(Ok(0), str::parse)?)
}

#[tokio::test]
async fn an_outage_of_ordering_with_many_orders_waiting_writes_little() -> Result<()> {
    const ORDERS: usize = 2_000;
    let scene = Scene::embedded().await?;
    scene.leaves("most orders of the backlog are not issued before the test ends");
    scene.ordering.answer_others(|_| Answer::Status(503));
    let service = scene.start().await?;
    let payments: Vec<_> = (0..ORDERS).map(|_| Payment::of(rig::id())).collect();
    for payments in payments.chunks(500) {
        let batch: Vec<_> = payments.iter().map(Payment::json).collect();
        let response = service.post("/events/payment-succeeded", format!("[{}]", batch.join(","))).await?;
        ensure!(response.status().is_success(), "{}", response.text().await?);
    }
    eventually(PATIENCE, "Ordering is named", async || {
        let health: Value = service.get("/health/ready").await?.json().await?;
        Ok((health["parts"]["ordering"]["status"] == "degraded").then_some(()))
    })
    .await?;
    // What was claimed before the circuit opened is given back.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = counted(&service, "fulfillment_orders_claimed_total").await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let claims = counted(&service, "fulfillment_orders_claimed_total").await? - before;
    ensure!(claims <= 25, "{claims} claims in five seconds while Ordering is known to be away");

    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    eventually(Duration::from_secs(60), "orders are issued again", async || {
        let issued = counted(&service, "fulfillment_tickets_issued_total").await?;
        Ok((issued > 100).then_some(()))
    })
    .await?;
    Ok(())
}

/// The most memory that a process had, in bytes.
fn peak(service: &Service) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

#[tokio::test]
async fn many_large_dead_letters_without_a_broker_take_little_memory() -> Result<()> {
    const LETTERS: usize = 700;
    const BYTES: usize = 990_000;
    let scene = Scene::embedded().await?.set("FULFILLMENT_KAFKA_BROKERS", "127.0.0.1:1");
    scene.leaves("there is no broker that could take the dead letters");
    // Made by the first start.
    scene.start().await?.stop(PATIENCE).await?;
    let file = scene.setup.data().join("unreadable.jsonl");
    let mut lines = String::new();
    for n in 0..LETTERS {
        writeln!(lines, r#"{{"orderId":"no id {n}","note":"{}"}}"#, "x".repeat(BYTES))?;
    }
    std::fs::write(&file, lines)?;
    scene.setup.run(&["ingest", file.to_str().context("a path")?]).await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM outbox").await?, i64::try_from(LETTERS)?);

    let service = scene.start().await?;
    eventually(PATIENCE, "Kafka is named", async || {
        let health: Value = service.get("/health/ready").await?.json().await?;
        Ok((health["parts"]["kafka"]["status"] == "degraded").then_some(()))
    })
    .await?;
    // Two times as long as the client itself tries.
    tokio::time::sleep(Duration::from_secs(45)).await;
    let peak = peak(&service)?;
    ensure!(peak < 200_000_000, "the service took {} MB", peak / 1_000_000);
    Ok(())
}
