//! Faults on purpose, and what is left after them: run by `scripts/faults`, which builds the service with the steps at
//! which it can be told to die.
//!
//! Every test pays through the broker, keeps a ledger of what the broker acknowledged, lets something go wrong, lets
//! the service come to rest, and hands everything to the checker (`tests/src/checker.rs`). What is promised for each
//! fault stands in `docs/reliability.md`; `promises` holds that table and the tests together.

mod broker;
mod disk;
mod kills;
mod points;
mod process;
mod promises;
mod store;

use anyhow::Result;
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::scene::Scene;

/// The two stores.
#[derive(Debug, Clone, Copy)]
enum Store {
    Sqlite,
    Postgres,
}

/// A scene with Kafka and this store, and its ledger. Leases are short: what a dead process held comes back soon.
async fn stage(store: Store) -> Result<(Scene, Ledger)> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let scene = match store {
        Store::Sqlite => scene,
        Store::Postgres => scene.with_postgres().await?,
    };
    let scene = scene.set("FULFILLMENT_PIPELINE_LEASE", "2s").set("FULFILLMENT_KAFKA_SESSION_TIMEOUT", "6s");
    let ledger = Ledger::new(scene.setup.data())?;
    Ok((scene, ledger))
}
