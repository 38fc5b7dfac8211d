//! Tests of erasures that cannot be finished at once: files of a storage that is away, and a retention that fails.

use std::path::PathBuf;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use uuid::Uuid;

async fn execute(scene: &Scene, sql: &str) -> Result<()> {
    let Record::Sqlite(file) = &scene.record else { anyhow::bail!("not the embedded store") };
    let mut db = SqliteConnectOptions::new().filename(file).connect().await?;
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut db).await?;
    Ok(db.close().await?)
}

/// An order whose event was in 2001, and the file of its ticket.
async fn of_the_past(scene: &Scene, service: &Service) -> Result<(Uuid, PathBuf)> {
    let order = rig::id();
    let mut value = one_seat(order);
    value["eventStartsAt"] = json!("2001-05-14T19:30:00Z");
    scene.ordering.answer(order, [Answer::Json(value)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?;
    Ok((order, scene.tickets_folder().join(format!("{id}.pdf"))))
}

#[tokio::test]
async fn files_of_a_storage_that_was_away_for_days_are_removed() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let (order, file) = of_the_past(&scene, &service).await?;
    scene.settled(&service).await?;
    // A folder in the place of the file: the storage cannot remove it, even as root.
    let away = file.with_extension("away");
    std::fs::rename(&file, &away)?;
    std::fs::create_dir(&file)?;
    let receipt = scene.setup.data().join("receipt.jws");
    let path = receipt.display().to_string();
    let erase = ["erase", "--yes", "--order", &order.to_string(), "--receipt", &path];
    let erased = scene.setup.run(&erase).await?;
    let said = String::from_utf8_lossy(&erased.stderr).into_owned();
    assert_eq!(erased.status.code(), Some(3), "{said}");
    assert!(said.contains("the record is erased and its files are not"), "{said}");
    assert!(!receipt.exists(), "no receipt says otherwise");
    assert!(service.stop(PATIENCE).await?.success());

    // Longer than any worker can have a file.
    let days_ago = "strftime('%Y-%m-%dT%H:%M:%f', 'now', '-30 days') || '000Z'";
    execute(&scene, &format!("UPDATE tickets SET erased_at = {days_ago}")).await?;
    execute(&scene, &format!("UPDATE erased_files SET due_at = {days_ago}")).await?;
    let mut again = scene.start().await?;
    eventually(PATIENCE, "the log says that the files are left", async || {
        Ok(again.log().contains("files of erased tickets cannot be removed").then_some(()))
    })
    .await?;
    std::fs::remove_dir(&file)?;
    std::fs::rename(&away, &file)?;
    eventually(PATIENCE, "the file is gone", async || Ok((!file.exists()).then_some(()))).await?;
    eventually(PATIENCE, "nothing more is due", async || {
        Ok((scene.record.number("SELECT count(*) FROM erased_files").await? == 0).then_some(()))
    })
    .await?;
    let erased = scene.setup.run(&erase).await?;
    assert_eq!(erased.status.code(), Some(0), "{}", String::from_utf8_lossy(&erased.stderr));
    assert!(receipt.exists());
    scene.settled(&again).await?;
    assert!(again.stop(PATIENCE).await?.success());
    Ok(())
}

#[tokio::test]
async fn a_retention_that_fails_is_named() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let (order, file) = of_the_past(&scene, &service).await?;
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    let fails =
        "CREATE TRIGGER fails BEFORE UPDATE OF erased_at ON orders BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    execute(&scene, fails).await?;
    let mut again = scene.setup.clone().env("FULFILLMENT_PIPELINE_ERASE_AFTER", "90days").start().await?;
    let state = async |wanted: &str| {
        eventually(PATIENCE, "readiness names the retention", async || {
            let health: Value = again.get("/health/ready").await?.json().await?;
            Ok((health["parts"]["retention"]["status"] == wanted).then_some(()))
        })
        .await
    };
    state("degraded").await?;
    // Readiness knows it first; the gauges follow.
    for gauge in ["fulfillment_part_healthy{part=\"retention\"} 0", "fulfillment_retention_age_seconds "] {
        eventually(PATIENCE, gauge, async || {
            let metrics = again.get("/metrics").await?.text().await?;
            Ok(metrics.contains(gauge).then_some(()))
        })
        .await?;
    }
    assert!(again.log().contains("personal data of past events cannot be erased"), "{}", again.log());
    execute(&scene, "DROP TRIGGER fails").await?;
    state("ok").await?;
    let record = again.order_in(order, "issued").await?;
    assert!(record["erasedAt"].is_string(), "{record}");
    eventually(PATIENCE, "its file is gone", async || Ok((!file.exists()).then_some(()))).await?;
    scene.settled(&again).await?;
    assert!(again.stop(PATIENCE).await?.success());
    Ok(())
}
