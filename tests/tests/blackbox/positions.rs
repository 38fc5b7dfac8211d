//! Tests of reading positions: the group's offsets are in the broker, the positions read are in the store; what lies
//! between is read, whichever is older.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::kafka::Kafka;
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use uuid::Uuid;

const STOP: Duration = Duration::from_secs(20);

async fn pay_for(scene: &Scene, count: usize) -> Result<Vec<Uuid>> {
    let orders: Vec<_> = (0..count).map(|_| rig::id()).collect();
    for order in &orders {
        scene.wire()?.pay(&Payment::of(*order)).await?;
    }
    Ok(orders)
}

async fn issued(service: &Service, orders: &[Uuid]) -> Result<()> {
    for order in orders {
        service.order_in(*order, "issued").await?;
    }
    Ok(())
}

/// Starts the service, pays, waits until all is issued and committed, and stops it.
async fn one_life(scene: &Scene, count: usize) -> Result<Vec<Uuid>> {
    let mut service = scene.start().await?;
    let orders = pay_for(scene, count).await?;
    issued(&service, &orders).await?;
    scene.wire()?.caught_up().await?;
    assert!(service.stop(STOP).await?.success(), "{}", service.log());
    Ok(orders)
}

fn store_files(scene: &Scene) -> Result<Vec<PathBuf>> {
    let Record::Sqlite(file) = &scene.record else { anyhow::bail!("an embedded store") };
    let folder = file.parent().context("a folder")?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fulfillment.db")) {
            files.push(path);
        }
    }
    Ok(files)
}

fn copy_to(files: &[PathBuf], folder: &Path) -> Result<()> {
    for file in files {
        std::fs::copy(file, folder.join(file.file_name().context("a name")?))?;
    }
    Ok(())
}

async fn restored_from_a_copy(protocol: &str) -> Result<()> {
    let scene =
        Scene::embedded().await?.with_kafka().await?.set("FULFILLMENT_KAFKA_GROUP_PROTOCOL", protocol);
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let mut orders = one_life(&scene, 12).await?;
    let copy = tempfile::tempdir()?;
    copy_to(&store_files(&scene)?, copy.path())?;
    orders.extend(one_life(&scene, 12).await?);

    // The disk is replaced; the newest copy is older than what the group has committed.
    let kept: Vec<_> = std::fs::read_dir(copy.path())?.map(|it| Ok(it?.path())).collect::<Result<_>>()?;
    for file in store_files(&scene)? {
        std::fs::remove_file(file)?;
    }
    copy_to(&kept, scene.setup.data())?;
    let service = scene.start().await?;
    issued(&service, &orders).await?;
    assert!(service.log().contains("the store is behind the broker"), "it is said");
    let again = "SELECT coalesce(sum(duplicates), 0) FROM payments";
    assert_eq!(scene.record.number(again).await?, 0, "what the copy has is not read again");
    orders.extend(pay_for(&scene, 6).await?);
    issued(&service, &orders).await?;
    scene.wire()?.caught_up().await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 30);
    scene.idle().await
}

#[tokio::test]
async fn a_store_restored_from_a_copy_reads_what_lies_between() -> Result<()> {
    restored_from_a_copy("classic").await
}

#[tokio::test]
async fn a_store_restored_from_a_copy_reads_what_lies_between_by_the_newer_protocol() -> Result<()> {
    restored_from_a_copy("consumer").await
}

#[tokio::test]
async fn an_emptied_store_reads_all_that_its_group_has_read() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let wire = scene.wire()?;
    let refund = format!(r#"{{"refundId":"R-1","orderId":"{}","paymentId":"P-1"}}"#, rig::id());
    wire.kafka.send(&wire.refunded, None, &[], Some(refund.as_bytes())).await?;
    let mut orders = one_life(&scene, 12).await?;
    let stored = "SELECT count(*) FROM withdrawals";
    assert_eq!(scene.record.number(stored).await?, 1);

    // The same group and keys, but an empty database. The folder of files belongs to the old one.
    std::fs::remove_dir_all(scene.tickets_folder())?;
    let scene = scene.with_postgres().await?;
    let service = scene.start().await?;
    // A payment by HTTP does not make it count as an old store.
    let by_http = rig::id();
    assert_eq!(service.pay(Payment::of(by_http).json()).await?.0, 202);
    issued(&service, &orders).await?;
    orders.extend(pay_for(&scene, 6).await?);
    issued(&service, &orders).await?;
    scene.wire()?.caught_up().await?;
    eventually(PATIENCE, "the refund is read again too", async || {
        Ok((scene.record.number(stored).await? == 1).then_some(()))
    })
    .await?;
    scene.idle().await
}

async fn anew_under_a_running_consumer(protocol: &str, before: usize, after: usize) -> Result<()> {
    let scene = Scene::platform().await?.set("FULFILLMENT_KAFKA_GROUP_PROTOCOL", protocol);
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let mut orders = pay_for(&scene, before).await?;
    issued(&service, &orders).await?;
    let wire = scene.wire()?;
    wire.caught_up().await?;

    // It is suspended meanwhile, and finds a topic that continues at its position, as far as offsets show.
    let process = Pid::from_raw(i32::try_from(service.pid())?).context("a process")?;
    kill_process(process, Signal::STOP)?;
    wire.kafka.delete_topic(&wire.payments).await?;
    eventually(PATIENCE, "the topic is made anew", async || {
        Ok(wire.kafka.create_topic(&wire.payments, 3, &[]).await.ok())
    })
    .await?;
    orders.extend(pay_for(&scene, after).await?);
    kill_process(process, Signal::CONT)?;
    issued(&service, &orders).await?;
    orders.extend(pay_for(&scene, 6).await?);
    issued(&service, &orders).await?;
    wire.caught_up().await?;
    // The recorded positions are the new topic's ends, so that a later start begins there.
    let next = "SELECT sum(next_offset) FROM kafka_positions WHERE topic LIKE 'payment-succeeded%'";
    // A partition that got no message is noticed at the next look, not with a batch.
    let end = i64::try_from(after + 6)?;
    eventually(PATIENCE, "the record is at the new topic's ends", async || {
        Ok((scene.record.number(next).await? == end).then_some(()))
    })
    .await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_longer_topic_made_anew_under_a_running_consumer_is_read_from_its_start() -> Result<()> {
    anew_under_a_running_consumer("classic", 12, 60).await
}

#[tokio::test]
async fn a_longer_topic_made_anew_is_read_from_its_start_by_the_newer_protocol() -> Result<()> {
    anew_under_a_running_consumer("consumer", 12, 60).await
}

#[tokio::test]
async fn a_shorter_topic_made_anew_under_a_running_consumer_is_read_from_its_start() -> Result<()> {
    anew_under_a_running_consumer("classic", 30, 6).await
}

#[tokio::test]
async fn partitions_that_are_added_are_read_from_their_start() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let mut orders = pay_for(&scene, 12).await?;
    issued(&service, &orders).await?;
    let wire = scene.wire()?;
    wire.caught_up().await?;
    wire.kafka.add_partitions(&wire.payments, 6).await?;
    // The service does not know of them yet.
    let producer = Kafka::at(wire.kafka.brokers().to_owned())?;
    eventually(PATIENCE, "the new partitions are paid into", async || {
        for _ in 0..12 {
            let order = rig::id();
            producer.pay(&wire.payments, &Payment::of(order)).await?;
            orders.push(order);
        }
        let ends = wire.kafka.ends(&wire.payments).await?;
        Ok((ends.len() == 6 && ends.values().all(|(low, high)| high > low)).then_some(()))
    })
    .await?;
    issued(&service, &orders).await?;
    wire.caught_up().await?;
    scene.settled(&service).await
}

/// The state that an earlier version left: payments and offsets, but no positions.
async fn without_positions(scene: &Scene, migrated: &str) -> Result<()> {
    let statements = [
        "DELETE FROM kafka_positions".to_owned(),
        format!("UPDATE fulfillment_migrations SET installed_on = '{migrated}' WHERE version = 8"),
    ];
    match &scene.record {
        Record::Postgres(database) => {
            for sql in &statements {
                database.execute(sql).await?;
            }
        }
        Record::Sqlite(file) => {
            let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
            for sql in statements {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
            connection.close().await?;
        }
    }
    Ok(())
}

async fn upgraded(scene: Scene) -> Result<()> {
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let mut orders = one_life(&scene, 12).await?;
    without_positions(&scene, "2100-01-01 00:00:00").await?;
    let mut service = scene.start().await?;
    orders.extend(pay_for(&scene, 6).await?);
    issued(&service, &orders).await?;
    scene.wire()?.caught_up().await?;
    let again = "SELECT coalesce(sum(duplicates), 0) FROM payments";
    assert_eq!(scene.record.number(again).await?, 0, "nothing is read again");
    assert!(service.log().contains("has no recorded positions yet"), "it is said");
    assert!(service.stop(STOP).await?.success());

    // A store that had positions and has lost them is not an upgrade.
    without_positions(&scene, "2000-01-01 00:00:00").await?;
    let service = scene.start().await?;
    eventually(PATIENCE, "all is read again", async || {
        Ok((scene.record.number(again).await? == 18).then_some(()))
    })
    .await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn an_upgrade_takes_the_brokers_offsets_once() -> Result<()> {
    upgraded(Scene::platform().await?).await
}

#[tokio::test]
async fn an_upgrade_of_an_embedded_store_takes_the_brokers_offsets_once() -> Result<()> {
    upgraded(Scene::embedded().await?.with_kafka().await?).await
}

#[tokio::test]
async fn messages_can_be_skipped_on_purpose() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    one_life(&scene, 12).await?;
    let wire = scene.wire()?;
    let skipped = pay_for(&scene, 12).await?;
    let ends: BTreeMap<_, _> =
        wire.kafka.ends(&wire.payments).await?.into_iter().map(|(id, (_, high))| (id, high)).collect();
    wire.kafka.commit(&wire.group, &wire.payments, &ends).await?;

    let mut service =
        scene.setup.clone().env("FULFILLMENT_KAFKA_IGNORE_STORED_OFFSETS", "true").start().await?;
    // Ensures that every partition was read before it stops.
    let mut later = pay_for(&scene, 12).await?;
    issued(&service, &later).await?;
    wire.caught_up().await?;
    assert!(service.log().contains("kafka.ignore_stored_offsets is set"), "it is said");
    assert!(service.stop(STOP).await?.success());
    // Without the setting, the next start continues from there.
    let service = scene.start().await?;
    later.extend(pay_for(&scene, 12).await?);
    issued(&service, &later).await?;
    wire.caught_up().await?;
    for order in skipped {
        assert_eq!(service.get(&format!("/orders/{order}")).await?.status(), 404, "{order} was skipped");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn null_values_are_skipped_and_counted() -> Result<()> {
    let scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let wire = scene.wire()?;
    for topic in [&wire.payments, &wire.refunded, &wire.cancelled, &wire.delivered] {
        wire.kafka.send(topic, Some("a key"), &[], None).await?;
    }
    let orders = pay_for(&scene, 3).await?;
    issued(&service, &orders).await?;
    wire.caught_up().await?;
    let counted = eventually(PATIENCE, "they are counted", async || {
        let metrics = service.get("/metrics").await?.text().await?;
        let counts = metrics.lines().filter(|line| line.starts_with("fulfillment_kafka_null_values_total{"));
        Ok((counts.filter(|line| line.ends_with(" 1")).count() == 4).then_some(()))
    });
    counted.await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM dead_letters").await?, 0);
    assert_eq!(wire.kafka.all(&wire.dead_letters).await?.len(), 0);
    scene.settled(&service).await
}
