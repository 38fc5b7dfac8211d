//! Fault injection tests, run by `scripts/faults`, which builds the service with the steps (fail points) at which it
//! can be made to abort.
//!
//! Every test pays through the broker, keeps a ledger of what the broker acknowledged, injects a fault, waits until the
//! service is idle, and runs the checker (`tests/src/checker/`). The promise for each fault is in
//! `docs/reliability.md`; `promises` checks that table against the tests.

mod broker;
mod disk;
mod doors;
mod kills;
mod points;
mod process;
mod promises;
mod store;
mod versions;

use anyhow::Result;
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::scene::Scene;

/// The two stores.
#[derive(Debug, Clone, Copy)]
enum Store {
    Sqlite,
    Postgres,
}

/// A scene with Kafka and this store, and its ledger. Leases are short, so that the claims of a dead process expire
/// soon.
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
