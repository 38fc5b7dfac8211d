//! Benchmarks from payment to ticket-issued, on Kafka, `PostgreSQL` and a folder of this machine.

pub(crate) mod durability;
mod growth;
mod ingest;
mod latency;
mod ready;
mod relay;
mod tickets;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::figures::Figures;
use crate::floor::sql;
use crate::ordering::SEATS;
use world::World;

/// What to measure and for how long.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scripts/bench pipeline
  scripts/bench pipeline --json figures.json
  scripts/bench pipeline --backlog 1000000 --rows 5000000
                                          with a large backlog, and then with many tickets on record
  scripts/bench pipeline --quick          a smoke run; its figures mean little")]
pub(crate) struct Options {
    /// A short run that shows that everything can be measured
    #[arg(long)]
    quick: bool,
    /// Payments that wait in the topic for the ingest figure
    #[arg(long, value_name = "N")]
    backlog: Option<usize>,
    /// Measure the tickets figure again with so many tickets on record (5 million take about 20 GB and ten minutes)
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// Measure one thing only
    #[arg(long, value_enum, value_name = "WHAT")]
    only: Option<Part>,
    /// pgbench, where it is not on the PATH
    #[arg(long, value_name = "FILE", env = "BENCH_PGBENCH")]
    pgbench: Option<PathBuf>,
}

/// The measurements; each gets its own `World`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The start
    Ready,
    /// Payments into the inbox
    Ingest,
    /// Events out of the outbox
    Relay,
    /// From payment to ticket-issued: rate, latency, CPU and memory
    Tickets,
}

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Payments waiting in the topic for the ingest figure.
    payments: usize,
    /// Orders waiting in the topic for the tickets figure.
    orders: usize,
    /// Starts for the start-up figure.
    starts: usize,
    /// How long payments are sent at an even rate.
    paced: Duration,
    /// How long a floor is measured that has no natural end.
    floor: Duration,
}

const FULL: Size = Size {
    payments: 100_000,
    orders: 10_000,
    starts: 7,
    paced: Duration::from_secs(20),
    floor: Duration::from_secs(5),
};

const QUICK: Size = Size {
    payments: 5_000,
    orders: 512,
    starts: 3,
    paced: Duration::from_secs(3),
    floor: Duration::from_secs(1),
};

/// Measures everything; after a failure, `figures` has what was measured before it.
pub(crate) async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let mut size = if options.quick { QUICK } else { FULL };
    size.payments = options.backlog.unwrap_or(size.payments);
    let pgbench = sql::program(options.pgbench.as_deref())?;

    let wanted = |part| options.only.is_none_or(|only| only == part);

    if wanted(Part::Ready) {
        eprintln!("bench: start-up, {} times", size.starts);
        ready::measure(&World::new().await?, size, figures).await?;
    }
    if wanted(Part::Ingest) {
        eprintln!("bench: {} payments from Kafka into the inbox", size.payments);
        ingest::measure(&World::new().await?, size, &pgbench, figures).await?;
    }
    if wanted(Part::Relay) {
        eprintln!("bench: {} events from the outbox to Kafka", size.orders * SEATS);
        relay::measure(&World::new().await?, size, figures).await?;
    }
    if !wanted(Part::Tickets) {
        return Ok(());
    }
    eprintln!("bench: {} orders from payment to ticket-issued", size.orders);
    let world = World::new().await?;
    let tickets = tickets::measure(&world, size, figures).await?;

    eprintln!("bench: payments at half of that rate for {:?}", size.paced);
    latency::measure(&world, size, &tickets, figures).await?;

    eprintln!("bench: the floors of tickets/s");
    let before = (tickets.per_second, tickets.cpu);
    tickets::floors(&world, size, &pgbench, tickets, figures).await?;

    if let Some(rows) = options.rows {
        eprintln!("bench: the same with {rows} tickets on record");
        growth::measure(world, size, rows, before, figures).await?;
    }
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
