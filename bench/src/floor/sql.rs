//! Measures the batches that the service writes as bare SQL: pgbench writes the same rows again, into tables of the
//! same migrations in another schema of the same database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fulfillment_tests::postgres::Database;
use fulfillment_tests::rig;
use tokio::process::Command;

/// The schema of the copies.
pub(crate) const SCHEMA: &str = "bench_floor";

/// Payments per transaction, as set by `kafka.batch`.
const PAYMENTS: usize = 500;
/// Orders per transaction, as set by `pipeline.claim_batch`.
const ORDERS: usize = 64;

const LIMIT: Duration = Duration::from_secs(180);

const FEED_PAYMENTS: &str = include_str!("feed_payments.sql");
const INGEST: &str = include_str!("ingest.sql");
const FEED_TICKETS: &str = include_str!("feed_tickets.sql");
const ISSUE: &str = include_str!("issue.sql");

/// The pgbench program and its target database.
pub(crate) struct Pgbench<'a> {
    pub(crate) program: &'a Path,
    pub(crate) database: &'a Database,
}

impl Pgbench<'_> {
    /// Payments per second with `clients` connections, from the recorded payments.
    pub(crate) async fn ingest(&self, clients: usize) -> Result<f64> {
        self.empty().await?;
        self.database.execute(FEED_PAYMENTS).await?;
        let payments = self.database.number("SELECT count(*) FROM bench_floor.feed_payments").await?;
        let rate = self.run(&script(INGEST, PAYMENTS, ""), payments, PAYMENTS, clients).await?;
        self.wrote("SELECT count(*) FROM bench_floor.inbox", clients, payments, PAYMENTS).await?;
        Ok(rate)
    }

    /// Orders per second with `clients` connections, from the recorded orders: freeze and complete.
    pub(crate) async fn issue(&self, clients: usize) -> Result<f64> {
        self.empty().await?;
        let columns = self
            .database
            .rows(
                "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'tickets' \
                 AND table_schema = 'bc_fulfillment' ORDER BY ordinal_position",
            )
            .await?;
        let columns: Vec<&str> = columns.iter().filter_map(|row| row["name"].as_str()).collect();
        self.database.execute(FEED_TICKETS).await?;
        let orders = self.database.number("SELECT count(*) FROM bench_floor.feed_orders").await?;
        let rate = self.run(&script(ISSUE, ORDERS, &columns.join(", ")), orders, ORDERS, clients).await?;
        let issued = "SELECT count(*) FROM bench_floor.orders WHERE state = 'issued'";
        self.wrote(issued, clients, orders, ORDERS).await?;
        let tickets = self.database.number("SELECT count(*) FROM bench_floor.outbox_delivery").await?;
        ensure!(tickets > 0, "pgbench announced no ticket");
        Ok(rate)
    }

    /// Empties the tables, so that each run starts from the same state.
    async fn empty(&self) -> Result<()> {
        self.database
            .execute(
                "DROP TABLE IF EXISTS bench_floor.feed_payments, bench_floor.feed_orders, \
                 bench_floor.feed_tickets, bench_floor.feed_events; \
                 TRUNCATE bench_floor.orders, bench_floor.payments, bench_floor.inbox, bench_floor.tickets, \
                 bench_floor.seats, bench_floor.ticket_history, bench_floor.outbox, bench_floor.outbox_delivery CASCADE",
            )
            .await
    }

    /// Rows per second of a script that writes `rows` rows per transaction, of `all` rows.
    async fn run(&self, script: &str, all: i64, rows: usize, clients: usize) -> Result<f64> {
        self.database.execute("CHECKPOINT").await?;
        let each = transactions(all, rows, clients)?;
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), script)?;
        let mut command = Command::new(self.program);
        command
            .args(["-n", "-M", "prepared", "-D", "i=-1", "-D", &format!("clients={clients}")])
            .args(["-c", &clients.to_string(), "-j", &clients.min(2).to_string(), "-t", &each.to_string()])
            .arg("-f")
            .arg(file.path())
            .arg(self.database.url())
            .env("PGOPTIONS", format!("-c search_path={SCHEMA}"))
            .kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output())
            .await
            .with_context(|| format!("pgbench runs for more than {LIMIT:?}"))?
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("pgbench: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        let rate =
            said.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench tells no tps")?;
        let rate: f64 = rate.split_ascii_whitespace().next().unwrap_or_default().parse()?;
        Ok(rate * rows as f64)
    }

    /// Checks that the counted rows were written.
    async fn wrote(&self, count: &str, clients: usize, all: i64, rows: usize) -> Result<()> {
        let wanted = transactions(all, rows, clients)? * clients * rows;
        let there = self.database.number(count).await?;
        ensure!(usize::try_from(there)? == wanted, "pgbench wrote {there} rows instead of {wanted}");
        Ok(())
    }
}

/// Transactions per client: whole batches only.
fn transactions(all: i64, rows: usize, clients: usize) -> Result<usize> {
    let each = usize::try_from(all)? / (rows * clients);
    ensure!(each > 0, "{all} rows are too few for {clients} clients with {rows} rows a transaction");
    Ok(each)
}

fn script(text: &str, rows: usize, columns: &str) -> String {
    text.replace("@ROWS@", &rows.to_string()).replace("@COLUMNS@", columns)
}

/// pgbench of the newest installed PostgreSQL, unless one is named.
pub(crate) fn program(named: Option<&Path>) -> Result<PathBuf> {
    // Fails now, not after minutes of measuring, if the rig's servers are missing.
    rig::postgres()?;
    let program = named.map_or_else(|| PathBuf::from("pgbench"), Path::to_path_buf);
    let found = std::process::Command::new(&program).arg("--version").output();
    ensure!(
        found.is_ok_and(|output| output.status.success()),
        "{} does not start; it comes with Debian's package postgresql, and --pgbench says where it is",
        program.display()
    );
    Ok(program)
}
