//! Fault tests of check-ins: gates scan tickets, and send each scan again with its nonce until it is answered, while
//! servers die, PostgreSQL is lost or does not answer, and clocks are stepped.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fulfillment_tests::checker::{check_doors, check_issued};
use fulfillment_tests::gates::Gates;
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::proxy::Proxy;
use fulfillment_tests::rig::{self, OwnRig};
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::kills::number;
use super::process::faketime;
use super::{Store, stage};

/// `SIGABRT`.
const ABORTED: i32 = 6;

/// The number of tickets of an order.
const SEATS: usize = 10;

/// The gates for the tickets of this many new orders.
async fn gates(scene: &Scene, service: &Service, ledger: &mut Ledger, orders: usize) -> Result<Gates> {
    for _ in 0..orders {
        ledger.pay(scene, SEATS).await?;
    }
    let mut tickets: Vec<Value> = Vec::new();
    for paid in ledger.paid() {
        let record = service.order_in(paid.order, "issued").await?;
        tickets.extend(record["tickets"].as_array().context("tickets")?.clone());
    }
    // A void would suppress what is out and not yet recorded as sent.
    scene.idle().await?;
    Gates::new(&tickets)
}

/// Lets the service abort at a step of the third transaction of check-ins, while the gates send theirs: the next one has
/// all that was acknowledged, and answers what was not.
async fn dies(store: Store, step: &str, how: &str) -> Result<()> {
    let (scene, mut ledger) = stage(store).await?;
    let mut doomed = scene.setup.clone().env("FAILPOINTS", format!("{step}={how}")).start().await?;
    let gates = gates(&scene, &doomed, &mut ledger, 2).await?;
    gates.ask(&[&doomed]);
    let next = async {
        let status = doomed.ended(PATIENCE).await?;
        ensure!(status.signal() == Some(ABORTED), "it was to die at {step}: {}", doomed.log());
        let service = scene.start().await?;
        gates.ask(&[&service]);
        Ok(service)
    };
    let (scanned, service) = tokio::join!(gates.scan_all(), next);
    let service = service?;
    scanned?;
    check_doors(&scene, &service, &gates.scans).await?;
    check_issued(&scene, &service, &ledger).await
}

macro_rules! points {
    ($($name:ident: $step:literal $how:literal;)*) => {
        $(mod $name {
            #[tokio::test]
            async fn sqlite() -> anyhow::Result<()> {
                super::dies(super::Store::Sqlite, $step, $how).await
            }

            #[tokio::test]
            async fn postgres() -> anyhow::Result<()> {
                super::dies(super::Store::Postgres, $step, $how).await
            }
        })*
    };
}

points! {
    before_check_in_write: "before-check-in-write" "2*off->return";
    before_check_in_commit: "before-check-in-commit" "2*off->return";
    after_check_in_commit: "after-check-in-commit" "2*off->return";
}

/// Kills servers at random moments while gates scan.
async fn killed(store: Store, instances: usize) -> Result<()> {
    let cycles = number("FAULTS_CYCLES")?.map_or(Ok(6), u32::try_from)?;
    let seed = number("FAULTS_SEED")?.unwrap_or_else(|| rand::rng().random());
    println!("FAULTS_SEED={seed} draws the same moments again");
    let mut rng = StdRng::seed_from_u64(seed);
    let (scene, mut ledger) = stage(store).await?;
    let mut services = vec![scene.start().await?];
    for _ in 1..instances {
        services.push(scene.start().await?);
    }
    let gates = gates(&scene, &services[0], &mut ledger, 8).await?;
    gates.ask(&services.iter().collect::<Vec<_>>());
    let kills = async {
        for _ in 0..cycles {
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..900))).await;
            let victim = rng.random_range(0..instances);
            services[victim].kill()?;
            services[victim] = scene.start().await?;
            gates.ask(&services.iter().collect::<Vec<_>>());
        }
        anyhow::Ok(())
    };
    let (scanned, killed) = tokio::join!(gates.scan_for(Duration::from_secs(1) * cycles), kills);
    killed?;
    scanned?;
    check_doors(&scene, &services[0], &gates.scans).await
}

#[tokio::test]
async fn one_server_is_killed_while_gates_scan() -> Result<()> {
    killed(Store::Sqlite, 1).await
}

#[tokio::test]
async fn two_servers_are_killed_while_gates_scan() -> Result<()> {
    killed(Store::Postgres, 2).await
}

/// Two servers scan the same tickets; whoever locks the door of the event too late admits one twice.
#[tokio::test]
async fn two_servers_race_with_slow_commits() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene = scene.set("FAILPOINTS", "before-check-in-write=sleep(5);before-check-in-commit=sleep(5)");
    let (one, other) = (scene.start().await?, scene.start().await?);
    let gates = gates(&scene, &one, &mut ledger, 5).await?;
    gates.ask(&[&one, &other]);
    gates.scan_for(Duration::from_secs(4)).await?;
    check_doors(&scene, &one, &gates.scans).await
}

/// PostgreSQL dies while transactions wait at their commit.
#[tokio::test]
async fn postgres_is_lost_at_commit() -> Result<()> {
    let rig = OwnRig::start("postgres").await?;
    let scene = Scene::embedded().await?.with_kafka().await?.with_postgres_of(&rig).await?;
    let scene = scene
        .set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "2s")
        .set("FULFILLMENT_PIPELINE_LEASE", "2s")
        .set("FAILPOINTS", "before-check-in-commit=sleep(30)");
    let mut ledger = Ledger::new(scene.setup.data())?;
    let (one, other) = (scene.start().await?, scene.start().await?);
    let gates = gates(&scene, &one, &mut ledger, 6).await?;
    gates.ask(&[&one, &other]);
    let outages = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            rig.crash("postgres", "0").await?;
        }
        anyhow::Ok(())
    };
    let (scanned, ended) = tokio::join!(gates.scan_for(Duration::from_secs(8)), outages);
    ended?;
    scanned?;
    check_doors(&scene, &one, &gates.scans).await
}

/// PostgreSQL ends single connections while their transactions wait at their commit; the others go on.
#[tokio::test]
async fn connections_are_lost_at_commit() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let scene = scene.set("FAILPOINTS", "before-check-in-commit=sleep(20)");
    let service = scene.start().await?;
    let gates = gates(&scene, &service, &mut ledger, 6).await?;
    gates.ask(&[&service]);
    let mut lost = 0;
    let losses = async {
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(70)).await;
            lost += scene.database()?.number(TERMINATE).await?;
        }
        anyhow::Ok(())
    };
    let (scanned, losses) = tokio::join!(gates.scan_for(Duration::from_secs(5)), losses);
    losses?;
    scanned?;
    ensure!(lost > 5, "{lost} connections were lost: too few to show anything");
    check_doors(&scene, &service, &gates.scans).await
}

/// Ends the connections whose transactions have written and wait.
const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND state = 'idle in transaction'";

#[tokio::test]
async fn replies_to_commits_are_lost() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let (proxy, url) = Proxy::in_front_of(scene.database()?.url()).await?;
    let scene = scene.set("FULFILLMENT_STORE_URL", url).set("FULFILLMENT_STORE_CONNECT_TIMEOUT", "1s");
    let service = scene.start().await?;
    let gates = gates(&scene, &service, &mut ledger, 6).await?;
    gates.ask(&[&service]);
    let losses = async {
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(430)).await;
            proxy.lose_answers();
            tokio::time::sleep(Duration::from_millis(400)).await;
            proxy.mend();
        }
    };
    let (scanned, ()) = tokio::join!(gates.scan_for(Duration::from_secs(7)), losses);
    scanned?;
    check_doors(&scene, &service, &gates.scans).await
}

/// The clock of the service is set forth and back by an hour while gates scan, whose own clocks are an hour off. Without
/// Kafka, whose client waits by the wall clock.
async fn clock_is_stepped(scene: Scene) -> Result<()> {
    let (scene, clock) = faketime(scene)?;
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 60)));
    let service = scene.start().await?;
    let order = rig::id();
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let gates = Gates::new(record["tickets"].as_array().context("tickets")?)?;
    gates.ask(&[&service]);
    let steps = async {
        for step in ["+1h", "-1h", "+0", "-1h", "+1h"] {
            tokio::time::sleep(Duration::from_millis(600)).await;
            std::fs::write(&clock, step)?;
        }
        anyhow::Ok(())
    };
    let (scanned, stepped) = tokio::join!(gates.scan_for(Duration::from_secs(4)), steps);
    stepped?;
    scanned?;
    check_doors(&scene, &service, &gates.scans).await
}

#[tokio::test]
async fn the_clock_is_stepped_by_an_hour_on_sqlite() -> Result<()> {
    clock_is_stepped(Scene::embedded().await?).await
}

#[tokio::test]
async fn the_clock_is_stepped_by_an_hour_on_postgres() -> Result<()> {
    clock_is_stepped(Scene::embedded().await?.with_postgres().await?).await
}
