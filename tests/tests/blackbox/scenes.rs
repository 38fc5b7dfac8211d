//! Tests of the check at the end of a scene, which must find unfinished work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;

#[tokio::test]
async fn a_scene_that_ends_with_work_in_the_embedded_store_panics() -> Result<()> {
    ends_with_work(Scene::embedded().await?, Scene::embedded().await?).await
}

#[tokio::test]
async fn a_scene_that_ends_with_work_in_postgresql_panics() -> Result<()> {
    let (scene, other) = (Scene::embedded().await?, Scene::embedded().await?);
    ends_with_work(scene.with_postgres().await?, other.with_postgres().await?).await
}

async fn ends_with_work(scene: Scene, on_purpose: Scene) -> Result<()> {
    for scene in [&scene, &on_purpose] {
        scene.ordering.answer_others(|order| {
            Answer::Slow(Duration::from_mins(10), Box::new(Answer::Json(one_seat(order))))
        });
        // Killed while the order is claimed.
        let service = scene.start().await?;
        service.pay(Payment::of(rig::id()).json()).await?;
        eventually(PATIENCE, "the order is claimed", async || {
            let claimed = scene.record.number("SELECT count(*) FROM orders WHERE worker IS NOT NULL").await?;
            Ok((claimed > 0).then_some(()))
        })
        .await?;
    }
    on_purpose.leaves("no work would be left otherwise");
    drop(on_purpose);
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(scene))).err().context("it did not panic")?;
    let said = panicked.downcast_ref::<String>().map_or("", String::as_str);
    assert!(said.contains("1 orders held by a worker"), "{said}");
    Ok(())
}
