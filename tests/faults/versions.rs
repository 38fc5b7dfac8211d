//! The last release runs beside this version while its processes are replaced, as in a rolling update.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::checker::{check, offsets_are_not_ahead};
use fulfillment_tests::scene::PATIENCE;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::kills::number;
use super::{Store, stage};

/// The number of kills, unless `FAULTS_CYCLES` sets it.
const CYCLES: u32 = 10;

#[expect(clippy::disallowed_methods, reason = "set by scripts/faults, which builds it")]
fn release() -> Result<String> {
    std::env::var("FAULTS_RELEASE_BIN").context("the last release is missing: run scripts/faults --long")
}

/// The release works on the schema that this version has migrated under it, until it is killed in the middle. From then
/// on it could not start again: it refuses a newer schema.
#[tokio::test]
#[ignore = "needs the last release, which scripts/faults --long builds"]
async fn the_last_release_runs_beside_this_version() -> Result<()> {
    let cycles = number("FAULTS_CYCLES")?.map_or(Ok(CYCLES), u32::try_from)?;
    let seed = number("FAULTS_SEED")?.unwrap_or_else(|| rand::rng().random());
    println!("FAULTS_SEED={seed} draws the same moments again");
    let mut rng = StdRng::seed_from_u64(seed);
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    let mut earlier = scene.setup.clone().program(release()?).start().await?;
    ledger.pay(&scene, 3).await?;
    let mut services = vec![scene.start().await?, scene.setup.launch()?];
    for cycle in 0..cycles {
        for _ in 0..rng.random_range(1..6) {
            ledger.pay(&scene, rng.random_range(1..5)).await?;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..900))).await;
        if cycle == cycles / 2 {
            earlier.kill()?;
        }
        let victim = rng.random_range(0..services.len());
        services[victim].kill()?;
        offsets_are_not_ahead(&scene, &ledger).await?;
        services[victim] = scene.setup.launch()?;
    }
    for service in &mut services {
        service.ready(PATIENCE).await?;
    }
    check(&scene, &services[0], &ledger).await
}
