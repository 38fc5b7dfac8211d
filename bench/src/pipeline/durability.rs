//! Measures the cost of durability and the effect of batch sizes: the tickets figure under other settings, in turn.

use anyhow::{Context as _, Result};
use clap::Args;
use fulfillment_tests::service::Setup;

use super::tickets::{self, Tickets};
use super::world::{World, stop};
use crate::figures::Figures;

/// How long to measure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scripts/bench durability
  scripts/bench durability --orders 5000 --rounds 5

Each line is the median of its rounds; the ratio is to the settings as they come.")]
pub(crate) struct Options {
    /// Orders of two seats that wait in the topic each time
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    orders: usize,
    /// How often each setting has its turn
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
}

/// One way to run the service.
struct Variant {
    name: &'static str,
    /// Commits are acknowledged before the log is on the disk: a power cut may lose an acknowledged commit.
    unsafe_commits: bool,
    /// Tickets are stored in memory, where a power cut loses them and syncing costs nothing.
    files_in_memory: bool,
    settings: &'static [(&'static str, &'static str)],
}

const fn set(name: &'static str, settings: &'static [(&'static str, &'static str)]) -> Variant {
    Variant { name, unsafe_commits: false, files_in_memory: false, settings }
}

const VARIANTS: &[Variant] = &[
    set("as it comes", &[]),
    Variant { unsafe_commits: true, ..set("synchronous_commit = off", &[]) },
    Variant { files_in_memory: true, ..set("files on tmpfs", &[]) },
    Variant { unsafe_commits: true, files_in_memory: true, ..set("both", &[]) },
    set("pipeline.claim_batch = 8", &[("FULFILLMENT_PIPELINE_CLAIM_BATCH", "8")]),
    set("pipeline.claim_batch = 256", &[("FULFILLMENT_PIPELINE_CLAIM_BATCH", "256")]),
    set("pipeline.workers = 8", &[("FULFILLMENT_PIPELINE_WORKERS", "8")]),
    set("pipeline.workers = 16", &[("FULFILLMENT_PIPELINE_WORKERS", "16")]),
    set("kafka.batch = 50", &[("FULFILLMENT_KAFKA_BATCH", "50")]),
    set("kafka.batch = 5000", &[("FULFILLMENT_KAFKA_BATCH", "5000")]),
    set("kafka.batch_wait = 0s", &[("FULFILLMENT_KAFKA_BATCH_WAIT", "0s")]),
    set("kafka.batch_wait = 200ms", &[("FULFILLMENT_KAFKA_BATCH_WAIT", "200ms")]),
];

/// Measures each setting in turn, for the requested number of rounds.
pub(crate) async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let mut rates = vec![Vec::new(); VARIANTS.len()];
    // For each file it creates, ext4 skips the inodes of recently deleted files one by one, so the folders stay until
    // everything is measured.
    let mut folders = Vec::new();
    for round in 1..=options.rounds.max(1) {
        for (variant, rates) in VARIANTS.iter().zip(&mut rates) {
            eprintln!("bench: round {round}, {}", variant.name);
            let (rate, folder) = issue(variant, options.orders).await?;
            rates.push(rate);
            folders.push(folder);
        }
    }
    let medians: Vec<f64> = rates.iter_mut().map(|rates| median(rates)).collect();
    for (variant, rate) in VARIANTS.iter().zip(&medians) {
        figures.add_beside(variant.name, *rate, "tickets/s", medians[0]);
    }
    Ok(())
}

/// Tickets per second, and the setup that owns their folder.
async fn issue(variant: &Variant, orders: usize) -> Result<(f64, Setup)> {
    let mut world = World::new().await?;
    let memory = tempfile::tempdir_in("/dev/shm").context("no memory file system at /dev/shm")?;
    if variant.files_in_memory {
        let url = format!("file://{}", memory.path().display());
        world.setup = world.setup.env("FULFILLMENT_FILES_URL", url);
    }
    if variant.unsafe_commits {
        let name = world.database.url().rsplit('/').next().context("the URL names no database")?;
        world.database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await?;
    }
    for (name, value) in variant.settings {
        world.setup = world.setup.env(name, *value);
    }
    let Tickets { service, per_second, .. } = tickets::issue(&world, orders).await?;
    stop(service).await?;
    Ok((per_second, world.setup))
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
