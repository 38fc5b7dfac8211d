//! Benchmarks of the door: check-ins and the feed over HTTP on both stores, verdicts natively and as wasm.

mod check_ins;
mod feed;
mod filling;
mod gates;
pub(crate) mod sql;
mod verdicts;
mod wasm;
pub(crate) mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fulfillment_tests::rig;

use crate::figures::Figures;
use world::{Store, World};

/// What to measure and for how long.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scripts/bench door
  scripts/bench door --json figures.json
  scripts/bench door --only check-ins
  scripts/bench door --quick              a smoke run; its figures mean little

The service runs as its own process, with 64 gates on as many connections that stay open. The floor of the check-ins is
their bare SQL: the same rows are read and written again by the statements that the store uses, in transactions of as many
scans as the service's had on average, by one connection, as the check-ins of an event come one after the other. On
PostgreSQL their parameters are ready before the time begins, on SQLite they come from a table. The floor neither reads HTTP
and JSON nor verifies a signature, and has the machine to itself; the service shares it with the 64 gates.
The floor of a latency is a commit of one row by one connection, that of a document the same rows read by bare SQL, and
that of a verdict the bare Ed25519 verification of the same code.")]
pub(crate) struct Options {
    /// A short run that shows that everything can be measured
    #[arg(long)]
    quick: bool,
    /// Tickets of the event
    #[arg(long, value_name = "N")]
    tickets: Option<usize>,
    /// Measure one thing only
    #[arg(long, value_enum, value_name = "WHAT")]
    only: Option<Part>,
    /// Measure one store only
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<Store>,
    /// The folder of the modules that scripts/bench has built for wasm
    #[arg(long, value_name = "FOLDER", env = "BENCH_DOOR_WASM", hide = true)]
    wasm: Option<PathBuf>,
}

/// The measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Check-ins a second and their latency
    CheckIns,
    /// Snapshot, delta and who is in: bytes and milliseconds
    Feed,
    /// Verdicts a second of one core
    Verdicts,
    /// The same as wasm in Node
    Wasm,
}

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Tickets of the event, of which one in fifty is void.
    tickets: usize,
    /// How long the gates scan as fast as they can.
    saturated: Duration,
    /// How long scans come at an even rate.
    paced: Duration,
    /// How often a document is fetched.
    fetched: usize,
    /// How often the disk is synced, and a row committed.
    commits: usize,
    /// Rounds of verdicts; the figure is their median.
    rounds: usize,
}

const FULL: Size = Size {
    tickets: 200_000,
    saturated: Duration::from_secs(10),
    paced: Duration::from_secs(15),
    fetched: 15,
    commits: 500,
    rounds: 9,
};

const QUICK: Size = Size {
    tickets: 20_000,
    saturated: Duration::from_millis(700),
    paced: Duration::from_secs(1),
    fetched: 3,
    commits: 50,
    rounds: 3,
};

/// Measures everything; after a failure, `figures` has what was measured before it.
pub(crate) async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let mut size = if options.quick { QUICK } else { FULL };
    size.tickets = options.tickets.unwrap_or(size.tickets);
    let wanted = |part| options.only.is_none_or(|only| only == part);

    if wanted(Part::Verdicts) {
        eprintln!("bench: verdicts of one core");
        verdicts::measure(size, figures)?;
    }
    if wanted(Part::Wasm) {
        eprintln!("bench: verdicts of one core as wasm");
        wasm::measure(options.wasm.as_deref(), options.only.is_some(), size, figures).await?;
    }
    if !wanted(Part::CheckIns) && !wanted(Part::Feed) {
        return Ok(());
    }
    for store in [Store::Postgres, Store::Sqlite] {
        if options.store.is_some_and(|only| only != store) {
            continue;
        }
        if store == Store::Postgres {
            // Fails now, not after minutes of measuring, if the rig's server is missing.
            rig::postgres()?;
        }
        eprintln!("bench: {} tickets on {}", size.tickets, store.name());
        let mut world = World::new(store, size.tickets).await?;
        if wanted(Part::CheckIns) {
            eprintln!("bench: check-ins on {}", store.name());
            check_ins::measure(&mut world, size, figures).await?;
        }
        if wanted(Part::Feed) {
            eprintln!("bench: the feed on {}", store.name());
            feed::measure(&world, size, figures).await?;
        }
    }
    Ok(())
}

/// The quantile of sorted times, in milliseconds: the time that this share of them does not exceed.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    let time = sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

/// The median.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert!((quantile(&times, 0.50) - 100.0).abs() < 1e-9);
        assert!((quantile(&times, 0.99) - 198.0).abs() < 1e-9);
        assert!((quantile(&times[..1], 0.99) - 1.0).abs() < 1e-9);
        assert!(quantile(&[], 0.99).abs() < 1e-9);
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}
