//! Fault tests of Kafka: killed brokers and rebalances.

use std::time::Duration;

use anyhow::Result;
use fulfillment_tests::checker::check_issued;
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::rig::OwnRig;
use fulfillment_tests::scene::{PATIENCE, Scene};

use super::{Store, stage};

#[tokio::test]
async fn killed_and_started_again() -> Result<()> {
    let rig = OwnRig::start("kafka").await?;
    let scene = Scene::embedded().await?.with_kafka_of(&rig).await?.with_postgres().await?;
    let mut ledger = Ledger::new(scene.setup.data())?;
    let service = scene.start().await?;
    for _ in 0..2 {
        for _ in 0..30 {
            ledger.pay(&scene, 2).await?;
        }
        rig.crash("kafka", "1").await?;
    }
    ledger.pay(&scene, 1).await?;
    check_issued(&scene, &service, &ledger).await
}

#[tokio::test]
async fn rebalance_storms() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let service = scene.start().await?;
    for round in 0..6 {
        let mut passer_by = scene.setup.launch()?;
        for _ in 0..8 {
            ledger.pay(&scene, 2).await?;
        }
        passer_by.ready(PATIENCE).await?;
        tokio::time::sleep(Duration::from_millis(200 * (round % 3))).await;
        for _ in 0..8 {
            ledger.pay(&scene, 1).await?;
        }
        if round % 2 == 0 {
            assert!(passer_by.stop(PATIENCE).await?.success());
        } else {
            passer_by.kill()?;
        }
    }
    check_issued(&scene, &service, &ledger).await
}
