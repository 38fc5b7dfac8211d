//! Benchmarks of the built binary: each figure beside the floor that the machine sets, measured in the same run.
//!
//! `scripts/bench` builds everything, starts the servers and runs this.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times become rates; none comes near 2^53"
)]

mod door;
mod figures;
mod floor;
mod ordering;
mod pipeline;
mod process;
mod search;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use figures::Figures;

/// How fast the built binary is, beside the floors of this machine
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// From payment to ticket-issued on Kafka, `PostgreSQL` and a folder
    Pipeline(pipeline::Options),
    /// The door: check-ins, its feed, and verdicts natively and as wasm
    Door(door::Options),
    /// Lists and searches behind many tickets
    Search(search::Options),
    /// What being safe costs, and what the sizes of batches do
    Durability(pipeline::durability::Options),
}

#[derive(Debug, Args)]
struct Output {
    /// Also write the figures to this file: a list of {name, value, unit, floor, ratio}
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut figures = Figures::default();
    let measured = match cli.bench {
        Bench::Pipeline(options) => pipeline::run(&options, &mut figures).await,
        Bench::Door(options) => door::run(&options, &mut figures).await,
        Bench::Search(options) => search::run(&options, &mut figures).await,
        Bench::Durability(options) => pipeline::durability::run(&options, &mut figures).await,
    };
    // Also prints what was measured before a failure.
    print!("{}", figures.table());
    measured?;
    if let Some(path) = cli.output.json {
        std::fs::write(&path, format!("{:#}\n", figures.json()))?;
    }
    Ok(())
}
