//! Fault tests with SIGKILL at random moments, with one instance and with three.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::checker::{check, offsets_are_not_ahead};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Store, stage};

/// The number of kills of one test, unless `FAULTS_CYCLES` sets it.
const CYCLES: u32 = 10;
/// The longest time an instance runs before it is killed.
const LONGEST: u64 = 900;

#[expect(clippy::disallowed_methods, reason = "set by whoever runs the tests")]
pub(super) fn number(name: &str) -> Result<Option<u64>> {
    std::env::var(name).ok().map(|text| text.parse().with_context(|| name.to_owned())).transpose()
}

/// Starts `instances`, then repeatedly kills one of them at a random moment and starts it again, while payments arrive.
async fn killed(store: Store, instances: usize) -> Result<()> {
    let cycles = number("FAULTS_CYCLES")?.map_or(Ok(CYCLES), u32::try_from)?;
    let seed = number("FAULTS_SEED")?.unwrap_or_else(|| rand::rng().random());
    println!("FAULTS_SEED={seed} draws the same moments again");
    let mut rng = StdRng::seed_from_u64(seed);
    let (scene, mut ledger) = stage(store).await?;
    ledger.pay(&scene, 2).await?;
    let first = scene.start().await?;
    let mut services = vec![first];
    for _ in 1..instances {
        // All of them share the keys of the first.
        services.push(scene.setup.launch()?);
    }
    for _ in 0..cycles {
        for _ in 0..rng.random_range(1..6) {
            ledger.pay(&scene, rng.random_range(1..5)).await?;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..LONGEST))).await;
        let victim = rng.random_range(0..instances);
        services[victim].kill()?;
        offsets_are_not_ahead(&scene, &ledger).await?;
        services[victim] = scene.setup.launch()?;
    }
    for service in &mut services {
        service.ready(fulfillment_tests::scene::PATIENCE).await?;
    }
    check(&scene, &services[0], &ledger).await
}

#[tokio::test]
async fn one_instance_on_sqlite() -> Result<()> {
    killed(Store::Sqlite, 1).await
}

#[tokio::test]
async fn one_instance_on_postgres() -> Result<()> {
    killed(Store::Postgres, 1).await
}

#[tokio::test]
async fn three_instances_on_postgres() -> Result<()> {
    killed(Store::Postgres, 3).await
}
