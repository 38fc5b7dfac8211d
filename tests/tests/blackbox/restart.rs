//! Tests of stops and restarts: orders in flight, a backlog, expired offsets, two processes.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;
use uuid::Uuid;

const STOP: Duration = Duration::from_secs(20);

async fn pay_for(scene: &Scene, count: usize) -> Result<Vec<Uuid>> {
    let orders: Vec<_> = (0..count).map(|_| rig::id()).collect();
    for order in &orders {
        scene.wire()?.pay(&Payment::of(*order)).await?;
    }
    Ok(orders)
}

#[tokio::test]
async fn a_service_told_to_stop_in_the_middle_issues_everything_once() -> Result<()> {
    stopped_in_the_middle(Scene::platform().await?).await
}

#[tokio::test]
async fn an_embedded_service_told_to_stop_in_the_middle_issues_everything_once() -> Result<()> {
    stopped_in_the_middle(Scene::embedded().await?.with_kafka().await?).await
}

async fn stopped_in_the_middle(scene: Scene) -> Result<()> {
    let scene =
        scene.set("FULFILLMENT_PIPELINE_CLAIM_BATCH", "4").set("FULFILLMENT_ORDERING_CONCURRENCY", "4");
    scene.ordering.answer_others(|order| {
        Answer::Slow(Duration::from_millis(60), Box::new(Answer::Json(seats(order, 2))))
    });
    let orders = pay_for(&scene, 60).await?;
    let mut stops = 0;
    loop {
        let mut service = scene.start().await?;
        let issued = "SELECT count(*) FROM tickets WHERE status = 'Generated'";
        let goal = i64::from(stops + 1) * 20;
        eventually(PATIENCE, "some tickets", async || {
            Ok((scene.record.number(issued).await? >= goal).then_some(()))
        })
        .await?;
        stops += 1;
        assert!(service.stop(STOP).await?.success(), "it ends in good order:\n{}", service.log());
        assert_eq!(scene.record.number("SELECT count(*) FROM orders WHERE worker IS NOT NULL").await?, 0);
        if stops == 3 {
            break;
        }
    }
    let left = scene.record.number("SELECT count(*) FROM orders WHERE state <> 'issued'").await?;
    assert!(left > 0, "it was stopped with work in hand");
    let service = scene.start().await?;
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    scene.settled(&service).await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 120);
    let attempts = scene.record.number("SELECT max(attempts) FROM orders").await?;
    assert!(attempts <= 1, "an orderly stop is no failed try: {attempts}");
    Ok(())
}

#[tokio::test]
async fn a_first_start_finds_the_whole_backlog() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let orders = pay_for(&scene, 200).await?;
    let service = scene.start().await?;
    let events = scene.wire()?.issued(200).await?;
    let keys: HashSet<_> = events.into_iter().filter_map(|event| event.key).collect();
    assert_eq!(keys, orders.iter().map(ToString::to_string).collect());
    scene.wire()?.caught_up().await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn expired_offsets_start_from_the_earliest_that_is_left() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let mut service = scene.start().await?;
    for order in pay_for(&scene, 12).await? {
        service.order_in(order, "issued").await?;
    }
    scene.wire()?.caught_up().await?;
    assert!(service.stop(STOP).await?.success());

    // While it is stopped, retention deletes what it would have read next, and more messages arrive after that.
    let wire = scene.wire()?;
    pay_for(&scene, 30).await?;
    for (partition, (_, high)) in wire.kafka.ends(&wire.payments).await? {
        wire.kafka.drop_before(&wire.payments, partition, high).await?;
    }
    let later = pay_for(&scene, 12).await?;
    let service = scene.start().await?;
    for order in later {
        service.order_in(order, "issued").await?;
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn a_topic_made_anew_is_read_from_its_start() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let mut service = scene.start().await?;
    for order in pay_for(&scene, 30).await? {
        service.order_in(order, "issued").await?;
    }
    scene.wire()?.caught_up().await?;
    assert!(service.stop(STOP).await?.success());

    let wire = scene.wire()?;
    wire.kafka.delete_topic(&wire.payments).await?;
    eventually(PATIENCE, "the topic is made anew", async || {
        Ok(wire.kafka.create_topic(&wire.payments, 3, &[]).await.ok())
    })
    .await?;
    // Fewer than the group has committed: its offsets are beyond the end.
    let later = pay_for(&scene, 6).await?;
    let service = scene.start().await?;
    for order in later {
        service.order_in(order, "issued").await?;
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn two_instances_share_the_partitions() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    // The group shares the partitions of all topics by their number: of fewer than these one member might have all.
    let wire = scene.wire()?;
    wire.kafka.add_partitions(&wire.payments, 6).await?;
    let (first, mut second) = (scene.start().await?, scene.start().await?);
    // Waits until both have a share of the work; before that, nothing would show that they share it.
    let counted = async |service: &fulfillment_tests::service::Service| -> Result<u64> {
        let text = service.get("/metrics").await?.text().await?;
        Ok(text
            .lines()
            .filter(|line| line.starts_with("fulfillment_payments_total") && line.contains("\"new\""))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum())
    };
    let mut orders = Vec::new();
    eventually(PATIENCE, "both take payments in", async || {
        orders.extend(pay_for(&scene, 10).await?);
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok((counted(&first).await? > 0 && counted(&second).await? > 0).then_some(()))
    })
    .await?;
    // One stops; the other takes over all of it.
    assert!(second.stop(STOP).await?.success());
    orders.extend(pay_for(&scene, 30).await?);
    for order in &orders {
        first.order_in(*order, "issued").await?;
    }
    scene.wire()?.caught_up().await?;
    let events = scene.wire()?.issued(orders.len()).await?;
    assert_eq!(events.len(), orders.len());
    scene.settled(&first).await
}
