//! Fault tests in which the process aborts at each step of the protocol, on each store.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Context as _, Result, ensure};
use fulfillment_tests::checker::{Word, World, check_issued, offsets_are_not_ahead};
use fulfillment_tests::scene::PATIENCE;
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::wait::eventually;
use serde_json::Value;

use super::{Store, stage};

/// `SIGABRT`.
const ABORTED: i32 = 6;

/// Lets the process abort at the step, restarts it, waits until it is idle, and checks everything. `how` is the action
/// for the crate `fail`.
async fn dies(store: Store, step: &str, how: &str) -> Result<()> {
    let (scene, mut ledger) = stage(store).await?;
    for seats in [1, 2, 3, 7] {
        ledger.pay(&scene, seats).await?;
    }
    let mut doomed = scene.setup.clone().env("FAILPOINTS", format!("{step}={how}")).launch()?;
    let status = doomed.ended(PATIENCE).await?;
    ensure!(
        status.signal() == Some(ABORTED),
        "it was to die at {step}, and ended with {status}: {}",
        doomed.log()
    );
    offsets_are_not_ahead(&scene, &ledger).await?;
    let service = scene.start().await?;
    ledger.pay(&scene, 2).await?;
    check_issued(&scene, &service, &ledger).await
}

/// Lets the process abort at a step of a reissue: the state is consistent, and the request, repeated under its own
/// name, is done once.
async fn dies_in_a_reissue(store: Store, step: &str, how: &str) -> Result<()> {
    let (scene, mut ledger) = stage(store).await?;
    let doomed_setup = scene.setup.clone().env("FAILPOINTS", format!("{step}={how}"));
    let mut doomed = doomed_setup.start().await?;
    let order = ledger.pay(&scene, 2).await?;
    let record = doomed.order_in(order, "issued").await?;
    let ticket = record["tickets"][0]["id"].as_str().context("a ticket")?;
    let reissue = async |service: &Service| {
        let url = format!("{}/tickets/{ticket}/reissue", service.base());
        service.client().post(url).bearer_auth(TOKEN).header("idempotency-key", "lost-phone").send().await
    };
    ensure!(reissue(&doomed).await.is_err(), "it answered");
    let status = doomed.ended(PATIENCE).await?;
    ensure!(status.signal() == Some(ABORTED), "it was to die at {step}: {}", doomed.log());
    let service = scene.start().await?;
    check_issued(&scene, &service, &ledger).await?;
    for _ in 0..2 {
        reissue(&service).await?.error_for_status()?;
    }
    check_issued(&scene, &service, &ledger).await?;
    let wire = scene.wire()?;
    let told: BTreeSet<_> =
        wire.kafka.all(&wire.reissued).await?.iter().map(|event| event.header("ce_id")).collect();
    assert_eq!(told.len(), 1, "one new generation, whose event is out");
    let now = service.get_json(&format!("/tickets/{ticket}")).await?;
    assert_ne!(now["qrCodeData"], record["tickets"][0]["qrCodeData"], "the old code is good no more");
    Ok(())
}

/// Lets the process abort while it voids the tickets of a cancelled event: another continues, and each void is announced
/// once.
async fn dies_in_a_cancellation(store: Store, step: &str, how: &str) -> Result<()> {
    let (scene, mut ledger) = stage(store).await?;
    let mut doomed = scene.setup.clone().env("FAILPOINTS", format!("{step}={how}")).start().await?;
    let order = ledger.pay(&scene, 5).await?;
    let record = doomed.order_in(order, "issued").await?;
    let event = record["tickets"][0]["eventId"].as_str().context("an event")?.to_owned();
    let asked = scene.setup.run(&["event", "cancel", &event, "--yes", "--background"]).await?;
    ensure!(asked.status.success(), "{asked:?}");
    let status = doomed.ended(PATIENCE).await?;
    ensure!(status.signal() == Some(ABORTED), "it was to die at {step}: {}", doomed.log());
    let service = scene.start().await?;
    service.order_in(order, "voided").await?;
    let wire = scene.wire()?;
    wire.told(&wire.voided, 5).await?;
    wire.caught_up().await?;
    scene.settled(&service).await?;
    let mut world = World::look(&scene, &service, &ledger).await?;
    let tickets = record["tickets"].as_array().context("tickets")?;
    world.words.extend(tickets.iter().filter_map(|t| Some((t["id"].as_str()?.to_owned(), Word::Void))));
    let violations = world.violations();
    ensure!(violations.is_empty(), "{violations:#?}");
    let told = wire.kafka.all(&wire.voided).await?;
    let told: BTreeSet<_> = told.iter().map(|event| event.header("ce_id")).collect();
    assert_eq!(told.len(), 5, "one event for each ticket");
    eventually(PATIENCE, "the job is finished", async || {
        let shown = scene.setup.run(&["event", "show", &event, "--json"]).await?;
        let shown: Value = serde_json::from_slice(&shown.stdout)?;
        let job = &shown["cancellation"];
        Ok((job["done"] == 5 && job["finishedAt"].is_string() && shown["status"] == "cancelled")
            .then_some(()))
    })
    .await
}

macro_rules! points {
    ($dies:ident; $($name:ident: $step:literal $how:literal;)*) => {
        $(mod $name {
            #[tokio::test]
            async fn sqlite() -> anyhow::Result<()> {
                super::$dies(super::Store::Sqlite, $step, $how).await
            }

            #[tokio::test]
            async fn postgres() -> anyhow::Result<()> {
                super::$dies(super::Store::Postgres, $step, $how).await
            }
        })*
    };
}

points! {
    dies;
    before_the_first_migration: "before-a-migration" "return";
    between_two_migrations: "before-a-migration" "1*off->return";
    after_poll: "after-poll" "return";
    before_inbox_commit: "before-inbox-commit" "return";
    after_inbox_commit: "after-inbox-commit" "return";
    after_offset_commit: "after-offset-commit" "return";
    after_claim: "after-claim" "return";
    after_ordering_answer: "after-ordering-answer" "return";
    before_freeze_commit: "before-freeze-commit" "return";
    after_freeze_commit: "after-freeze-commit" "return";
    after_temporary_file: "after-temporary-file" "return";
    after_some_temporary_files: "after-temporary-file" "2*off->return";
    after_file_sync: "after-file-sync" "return";
    after_rename: "after-rename" "return";
    before_complete_commit: "before-complete-commit" "return";
    after_complete_commit: "after-complete-commit" "return";
    after_produce: "after-produce" "return";
}

points! {
    dies_in_a_reissue;
    after_reissue_file: "after-reissue-file" "return";
    before_reissue_commit: "before-reissue-commit" "return";
    after_reissue_commit: "after-reissue-commit" "return";
}

points! {
    dies_in_a_cancellation;
    before_event_cancellation_commit: "before-event-cancellation-commit" "return";
}
