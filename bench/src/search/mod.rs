//! Benchmarks of lists: how long an answer takes over HTTP behind many tickets, beside the time that it may take, and how
//! long their words take to be written.

mod filling;
mod questions;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::service::Setup;

use crate::door::world::{OWN_SCHEMA, Store, connect, issue, stop};
use crate::figures::Figures;
use crate::ordering::Ordering;

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scripts/bench search                      five million tickets on each store: it takes an hour
  scripts/bench search --tickets 300000
  scripts/bench search --quick              a smoke run; its figures mean little

Each figure of an answer is beside the 50 ms that it may take. The service runs as its own process and is asked over HTTP by
one connection, whole rows and 50 of them, about names, seats and events that are drawn by a fixed sequence.")]
pub(crate) struct Options {
    /// A short run that shows that everything can be measured
    #[arg(long)]
    quick: bool,
    /// Tickets on record, two an order
    #[arg(long, value_name = "N")]
    tickets: Option<usize>,
    /// Measure one store only
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<Store>,
}

/// Measures everything; after a failure, `figures` has what was measured before it.
pub(crate) async fn run(options: &Options, figures: &mut Figures) -> Result<()> {
    let (tickets, times) = if options.quick { (10_000, 50) } else { (5_000_000, 200) };
    let tickets = options.tickets.unwrap_or(tickets);
    for store in [Store::Postgres, Store::Sqlite] {
        if options.store.is_none_or(|only| only == store) {
            measure(store, tickets, times, figures).await?;
        }
    }
    Ok(())
}

async fn measure(store: Store, tickets: usize, times: usize, figures: &mut Figures) -> Result<()> {
    let ordering = Ordering::start().await?;
    let mut setup = Setup::new()?
        .env("FULFILLMENT_ORDERING_URL", ordering.url())
        .env("FULFILLMENT_LOG_LEVEL", "warn")
        .env("FULFILLMENT_HTTP_TOKEN_REQUESTS", "0");
    let mut database = None;
    if store == Store::Postgres {
        let own = Database::create().await?;
        setup = setup.env("FULFILLMENT_STORE_URL", own.url());
        database = Some(own);
    }
    let mut service = setup.start().await?;
    let ticket = issue(&service).await?;
    stop(&mut service).await?;
    let id = ticket["id"].as_str().context("a ticket's id")?;
    let mut db = connect(store, &setup, database.as_ref()).await?;
    eprintln!("bench: writing {tickets} tickets to {}", store.name());
    filling::fill(&mut db, id, tickets).await?;

    let log = async |database: &Option<Database>| match database {
        Some(database) => database.number("SELECT pg_current_wal_lsn() - '0/0'").await.map(Some),
        None => Ok(None),
    };
    let (before, begun) = (log(&database).await?, Instant::now());
    let output = setup.run(&["store", "reindex", "--json"]).await?;
    ensure!(output.status.success(), "reindex: {}", String::from_utf8_lossy(&output.stderr));
    let took = begun.elapsed();
    let name = store.name();
    figures.add(format!("{name}: words of a ticket"), took.as_secs_f64() * 1e6 / tickets as f64, "us");
    if let (Some(before), Some(after)) = (before, log(&database).await?) {
        figures.add(
            format!("{name}: log of a ticket's words"),
            (after - before) as f64 / tickets as f64,
            "bytes",
        );
    }
    let words = db.number("SELECT count(*) FROM search_words").await?;
    figures.add(format!("{name}: rows of a ticket's words"), words as f64 / tickets as f64, "rows");
    if store == Store::Postgres {
        db.execute("VACUUM ANALYZE").await?;
        db.execute("CHECKPOINT").await?;
        let sql = format!(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{OWN_SCHEMA}' AND c.relname IN ('search_words', 'search_orders')"
        );
        let bytes = db.number(&sql).await?;
        figures.add(format!("{name}: disk of a ticket's words"), bytes as f64 / tickets as f64, "bytes");
    }
    drop(db);
    let mut service = setup.start().await?;
    questions::ask(&service, name, tickets, times, figures).await?;
    stop(&mut service).await
}
