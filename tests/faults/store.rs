//! Fault tests of PostgreSQL: outages, lock waits, lost data, and workers that lose their leases.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fulfillment_tests::checker::{check, check_issued};
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::proxy::Proxy;
use fulfillment_tests::rig::OwnRig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{Store, stage};

/// Pays for this many orders of two seats.
async fn pay(scene: &Scene, ledger: &mut Ledger, orders: usize) -> Result<()> {
    for _ in 0..orders {
        ledger.pay(scene, 2).await?;
    }
    Ok(())
}

#[tokio::test]
async fn stopped_at_once_and_started_again() -> Result<()> {
    let rig = OwnRig::start("postgres").await?;
    let scene = Scene::embedded().await?.with_kafka().await?.with_postgres_of(&rig).await?;
    let scene = scene.set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "2s").set("FULFILLMENT_PIPELINE_LEASE", "2s");
    let mut ledger = Ledger::new(scene.setup.data())?;
    let service = scene.start().await?;
    for _ in 0..3 {
        pay(&scene, &mut ledger, 40).await?;
        rig.crash("postgres", "1").await?;
    }
    check_issued(&scene, &service, &ledger).await
}

#[tokio::test]
async fn replies_to_commits_are_lost() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let (proxy, url) = Proxy::in_front_of(scene.database()?.url()).await?;
    let scene = scene.set("FULFILLMENT_STORE_URL", url).set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "1s");
    let service = scene.start().await?;
    for _ in 0..8 {
        pay(&scene, &mut ledger, 6).await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
        proxy.lose_answers();
        tokio::time::sleep(Duration::from_millis(400)).await;
        proxy.mend();
    }
    check_issued(&scene, &service, &ledger).await
}

#[tokio::test]
async fn the_pool_is_exhausted() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene =
        scene.set("FULFILLMENT_STORE_MAX_CONNECTIONS", "2").set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "200ms");
    pay(&scene, &mut ledger, 60).await?;
    let service = scene.start().await?;
    // Both connections wait for a lock for a while, so everything else waits for a connection.
    let mut other = PgConnection::connect(scene.database()?.url()).await?;
    let mut transaction = other.begin().await?;
    sqlx::query("LOCK TABLE bc_fulfillment.orders IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    transaction.commit().await?;
    check_issued(&scene, &service, &ledger).await
}

#[tokio::test]
async fn a_snapshot_is_held_open() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let service = scene.start().await?;
    let mut other = PgConnection::connect(scene.database()?.url()).await?;
    let mut transaction = other.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *transaction).await?;
    let before: i64 = sqlx::query_scalar("SELECT count(*) FROM bc_fulfillment.tickets")
        .fetch_one(&mut *transaction)
        .await?;
    pay(&scene, &mut ledger, 100).await?;
    check_issued(&scene, &service, &ledger).await?;
    let still: i64 = sqlx::query_scalar("SELECT count(*) FROM bc_fulfillment.tickets")
        .fetch_one(&mut *transaction)
        .await?;
    assert_eq!((before, still), (0, 0), "the snapshot was held all the while");
    Ok(())
}

/// Payments survive the loss of the database: with the same secret, the same tickets are issued again.
#[tokio::test]
async fn emptied_and_the_topic_read_again() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let mut service = scene.start().await?;
    pay(&scene, &mut ledger, 10).await?;
    check_issued(&scene, &service, &ledger).await?;
    let same = "SELECT CAST(id AS TEXT) || ' ' || ticket_number || ' ' || encode(cti, 'hex') AS t \
                FROM tickets ORDER BY id";
    let before = scene.record.texts(same).await?;
    assert!(service.stop(PATIENCE).await?.success());
    drop(service);
    // The folder of files belongs to the old database; the keys and the secret stay.
    std::fs::remove_dir_all(scene.tickets_folder())?;
    let group = fulfillment_tests::rig::unique("group");
    let scene = scene.with_postgres().await?.set("FULFILLMENT_KAFKA_GROUP_ID", group);
    let service = scene.start().await?;
    for paid in ledger.paid() {
        service.order_in(paid.order, "issued").await?;
    }
    assert_eq!(scene.record.texts(same).await?, before, "the same ids, numbers and codes' ids");
    scene.idle().await
}

/// Suspends or resumes a process.
fn signal(service: &Service, signal: Signal) -> Result<()> {
    let process = Pid::from_raw(i32::try_from(service.pid())?).context("a process")?;
    Ok(kill_process(process, signal)?)
}

/// A worker that loses its claims while it waits for Ordering resumes with outdated answers before its successor has
/// the new ones: it must not freeze them.
#[tokio::test]
async fn an_owner_is_paused_beyond_its_lease_and_woken() -> Result<()> {
    const ORDERS: usize = 10;
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene = scene.set("FULFILLMENT_ORDERING_TIMEOUT", "60s");
    pay(&scene, &mut ledger, ORDERS).await?;
    for paid in ledger.paid() {
        let old = Answer::Slow(Duration::from_secs(4), Box::new(Answer::Json(seats(paid.order, 1))));
        let new = Answer::Slow(Duration::from_secs(7), Box::new(Answer::Json(seats(paid.order, paid.seats))));
        scene.ordering.answer(paid.order, [old, new]);
    }
    let asked = async |times: usize| {
        eventually(PATIENCE, "Ordering is asked", async || {
            Ok((scene.ordering.total() == times * ORDERS).then_some(()))
        })
        .await
    };
    let sleeper = scene.start().await?;
    asked(1).await?;
    signal(&sleeper, Signal::STOP)?;
    let waking = scene.start().await?;
    asked(2).await?;
    signal(&sleeper, Signal::CONT)?;
    check_issued(&scene, &waking, &ledger).await
}

/// The lengths of the files that still have temporary names.
fn unnamed(folder: &Path) -> Vec<u64> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "pdf"));
    files.filter_map(|file| Some(file.metadata().ok()?.len())).collect()
}

/// A worker that has drawn its tickets is suspended while another issues and reissues them, and then resumes.
#[tokio::test]
async fn a_paused_writer_wakes_after_its_ticket_was_reissued() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let order = ledger.pay(&scene, 2).await?;
    // Leaves time to suspend it while its first ticket has a temporary name; the storage's marker file was written
    // before.
    let setup = scene.setup.clone().env("FAILPOINTS", "after-temporary-file=1*off->1*sleep(5000)");
    let writer = setup.launch()?;
    let temporary = scene.tickets_folder().join(".tmp");
    eventually(PATIENCE, "a file without its name", async || {
        Ok(unnamed(&temporary).iter().any(|length| *length > 1_000).then_some(()))
    })
    .await?;
    signal(&writer, Signal::STOP)?;
    let service = scene.start().await?;
    let before = service.order_in(order, "issued").await?;
    let ticket = before["tickets"][0]["id"].as_str().context("a ticket")?;
    let url = format!("{}/tickets/{ticket}/reissue", service.base());
    let request = service.client().post(url).bearer_auth(TOKEN).header("idempotency-key", "lost-phone");
    request.send().await?.error_for_status()?;
    let reissued = service.order_in(order, "issued").await?["tickets"].clone();
    assert_eq!((&reissued[0]["generation"], &reissued[1]["generation"]), (&1.into(), &0.into()));
    signal(&writer, Signal::CONT)?;
    eventually(PATIENCE, "it has written", async || Ok(unnamed(&temporary).is_empty().then_some(()))).await?;
    pay(&scene, &mut ledger, 3).await?;
    check_issued(&scene, &service, &ledger).await?;
    assert_eq!(service.order_in(order, "issued").await?["tickets"], reissued, "nothing of it is another's");
    Ok(())
}

/// Rows get their numbers when they are written but become visible when they are committed, in another order.
#[tokio::test]
async fn an_event_is_committed_after_a_later_one() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene = scene.set("FULFILLMENT_PIPELINE_LEASE", "60s");
    let service = scene.start().await?;
    // Voids of one event have one order, in which its doors hear of them: these two are of different events.
    let (slow, quick) = (ledger.pay_at(&scene, "slow").await?, ledger.pay_at(&scene, "quick").await?);
    service.order_in(slow, "issued").await?;
    let wire = scene.wire()?;
    wire.issued(2).await?;
    // Whatever is now written for one of them has its number, but waits and does not commit.
    let database = scene.database()?;
    database
        .execute(&format!(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$; \
             CREATE TRIGGER wait AFTER INSERT ON bc_fulfillment.outbox FOR EACH ROW \
             WHEN (NEW.order_id = '{slow}') EXECUTE FUNCTION wait()"
        ))
        .await?;
    let mut gate = PgConnection::connect(database.url()).await?;
    sqlx::query("SELECT pg_advisory_lock(7)").execute(&mut gate).await?;
    let cancel = async |order: Uuid| {
        let cancelled = json!({ "orderId": order, "cancelledAt": "2099-01-01T00:00:00Z" }).to_string();
        anyhow::Ok(service.post("/events/order-cancelled", cancelled).await?.error_for_status()?)
    };
    let late = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7 \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually(PATIENCE, "it waits for the gate", async || {
            Ok((database.number(waiting).await? == 1).then_some(()))
        })
        .await?;
        cancel(quick).await?;
        wire.told(&wire.voided, 1).await?;
        sqlx::query("SELECT pg_advisory_unlock(7)").execute(&mut gate).await?;
        anyhow::Ok(())
    };
    let (first, then) = tokio::join!(cancel(slow), late);
    first?;
    then?;
    let told = wire.told(&wire.voided, 2).await?;
    let keys: Vec<_> = told.iter().filter_map(|event| event.key.as_deref()).collect();
    assert_eq!(keys, [quick.to_string(), slow.to_string()], "both are told, the later one first");
    check(&scene, &service, &ledger).await
}

/// The first claim wins: no worker asks Ordering for an order that another has claimed.
#[tokio::test]
async fn three_claim_the_same_orders_at_once() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene = scene.set("FULFILLMENT_PIPELINE_LEASE", "60s").set("FULFILLMENT_ORDERING_TIMEOUT", "60s");
    let mut door = scene.setup.clone().roles("http,ingest").start().await?;
    pay(&scene, &mut ledger, 60).await?;
    for paid in ledger.paid() {
        door.order_in(paid.order, "received").await?;
    }
    assert!(door.stop(PATIENCE).await?.success());
    // Leaves time for the others between what a statement reads and what it changes.
    let linger = "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$; \
                  CREATE TRIGGER linger BEFORE UPDATE ON bc_fulfillment.orders \
                  FOR EACH STATEMENT EXECUTE FUNCTION linger()";
    scene.database()?.execute(linger).await?;
    let mut other = PgConnection::connect(scene.database()?.url()).await?;
    let mut transaction = other.begin().await?;
    sqlx::query("LOCK TABLE bc_fulfillment.orders IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await?;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(scene.setup.launch()?);
    }
    for worker in &mut workers {
        worker.ready(PATIENCE).await?;
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database() AND query LIKE '%due_at <= now()%'";
    eventually(PATIENCE, "three wait for orders", async || {
        Ok((scene.record.number(waiting).await? >= 3).then_some(()))
    })
    .await?;
    transaction.commit().await?;
    check_issued(&scene, &workers[0], &ledger).await?;
    for paid in ledger.paid() {
        assert_eq!(scene.ordering.calls(paid.order), 1, "order {} was asked for", paid.order);
    }
    Ok(())
}
