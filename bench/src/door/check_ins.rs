//! Measures check-ins over HTTP by 64 gates: how many a second, beside their bare SQL, and how long each takes, beside a
//! commit.

use std::time::Duration;

use anyhow::Result;

use super::gates::{Pace, Scanned, scan};
use super::sql::Sql;
use super::world::{World, stop};
use super::{Size, quantile};
use crate::figures::Figures;
use crate::floor::check_ins::{Batches, Floor};
use crate::floor::disk;
use crate::process::cpu_time;

/// Scans of a request that has several, as of a device that uploads.
const ARRAY: usize = 50;

/// Check-ins that were sent in one way.
struct Phase {
    name: &'static str,
    per_second: f64,
    /// The service's CPU time, in microseconds for each.
    cpu: f64,
    times: Vec<Duration>,
    batches: Batches,
}

pub(super) async fn measure(world: &mut World, size: Size, figures: &mut Figures) -> Result<()> {
    let store = world.store.name();
    let mut db = world.connect().await?;
    // So that connections, plans and pages of the store are warm.
    scan(world, 1, Pace::Saturated, size.saturated / 5).await?;
    let single = saturated(world, &mut db, "one by one", 1, size.saturated).await?;
    let arrays = saturated(world, &mut db, "arrays of 50", ARRAY, size.saturated).await?;
    let rate = single.per_second / 2.0;
    eprintln!("bench: {rate:.0} scans a second for {:?}", size.paced);
    let Scanned { times: paced, .. } = scan(world, 1, Pace::Even(rate), size.paced).await?;
    stop(&mut world.service).await?;

    eprintln!("bench: the floors on {store}");
    let mut floor = Floor::new(world).await?;
    for phase in [&single, &arrays] {
        let Phase { name, per_second, cpu, batches, .. } = phase;
        let bare = floor.measure(*batches).await?;
        figures.add(format!("{store}, {name}: scans of a transaction"), batches.mean(), "scans");
        figures.add(format!("{store}, {name}: CPU of the service"), *cpu, "us/scan");
        figures.add_beside(format!("{store}, {name}"), *per_second, "scans/s", bare);
    }
    let commits = floor.commits(size.commits).await?;
    let folder = world.setup.data().to_owned();
    let syncs = tokio::task::spawn_blocking(move || disk::syncs(&folder, size.commits)).await??;
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let commit = quantile(&commits, share);
        figures.add(format!("{store}: the disk's sync, {name}"), quantile(&syncs, share), "ms");
        figures.add(format!("{store}: a commit, {name}"), commit, "ms");
        let times = quantile(&single.times, share);
        figures.add_beside(format!("{store}, one by one: latency, {name}"), times, "ms", commit);
        let times = quantile(&paced, share);
        figures.add_beside(format!("{store}, at half of that rate: latency, {name}"), times, "ms", commit);
    }
    world.service = world.setup.start().await?;
    Ok(())
}

/// Lets the gates scan as fast as they can.
async fn saturated(
    world: &mut World,
    db: &mut Sql,
    name: &'static str,
    together: usize,
    lasting: Duration,
) -> Result<Phase> {
    let after = world.last_check_in(db).await?;
    let cpu = cpu_time(world.service.pid())?;
    let Scanned { scans, lasting, times } = scan(world, together, Pace::Saturated, lasting).await?;
    let cpu = cpu_time(world.service.pid())?.saturating_sub(cpu).as_secs_f64() * 1e6 / scans as f64;
    let last = world.last_check_in(db).await?;
    // Those of one transaction were received at the same time.
    let number = world.number;
    let transactions = db
        .number(&format!(
            "SELECT count(DISTINCT received_at) FROM check_ins \
             WHERE event_number = {number} AND sequence > {after} AND sequence <= {last}"
        ))
        .await?;
    let batches = Batches { after, last, transactions };
    Ok(Phase { name, per_second: scans as f64 / lasting.as_secs_f64(), cpu, times, batches })
}
