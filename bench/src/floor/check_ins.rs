//! Measures check-ins as bare SQL: what the service has recorded is read and written again, into tables of the same
//! migrations in another schema or file, in transactions of as many scans as the service's had on average.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::check_ins_postgres;
use crate::door::sql::Sql;
use crate::door::world::World;

const COPY: &str = include_str!("copy_event.sql");
const FEED: &str = include_str!("feed_check_ins.sql");
const SQLITE: &str = include_str!("check_ins_sqlite.sql");

/// Check-ins of the service, and how many transactions it wrote them in.
#[derive(Clone, Copy)]
pub(crate) struct Batches {
    /// The sequence before the first and of the last.
    pub(crate) after: i64,
    pub(crate) last: i64,
    pub(crate) transactions: i64,
}

impl Batches {
    /// Scans of a transaction.
    pub(crate) fn mean(self) -> f64 {
        (self.last - self.after) as f64 / self.transactions.max(1) as f64
    }
}

/// The empty copy of the service's tables.
pub(crate) struct Floor {
    db: Sql,
    number: u32,
    source: &'static str,
}

impl Floor {
    /// Copies the event and its tickets. The service must not run.
    pub(crate) async fn new(world: &World) -> Result<Self> {
        let mut db = world.empty_copy().await?;
        let (number, source) = (world.number, world.source());
        db.execute(&written_out(COPY, source, number, 0)).await?;
        Ok(Self { db, number, source })
    }

    /// Scans per second.
    pub(crate) async fn measure(&mut self, batches: Batches) -> Result<f64> {
        let (rows, number) = (batches.mean().round().max(1.0) as usize, self.number);
        self.db
            .execute(&format!(
                "DROP TABLE IF EXISTS feed_check_ins; DELETE FROM check_ins; DELETE FROM door_counts; \
                 DELETE FROM ticket_history; DELETE FROM outbox; \
                 UPDATE doors SET sequence = 0 WHERE event_number = {number}"
            ))
            .await?;
        let range =
            FEED.replace("@AFTER@", &batches.after.to_string()).replace("@LAST@", &batches.last.to_string());
        self.db.execute(&written_out(&range, self.source, number, rows)).await?;
        let all = self.db.number("SELECT count(*) FROM feed_check_ins").await?;
        ensure!(all == batches.last - batches.after, "{all} of {} check-ins", batches.last - batches.after);
        let (rate, wrote) = match &mut self.db {
            Sql::Postgres(db) => {
                sqlx::raw_sql("VACUUM ANALYZE").execute(&mut *db).await?;
                check_ins_postgres::bare_loop(db, rows).await?
            }
            Sql::Sqlite(_) => self.bare_loop(usize::try_from(all)?, rows).await?,
        };
        ensure!(wrote > 0, "{all} check-ins are too few for transactions of {rows}");
        for table in ["check_ins", "ticket_history", "outbox"] {
            let there = self.db.number(&format!("SELECT count(*) FROM {table}")).await?;
            ensure!(usize::try_from(there)? == wrote, "the floor wrote {there} rows of {table}, not {wrote}");
        }
        Ok(rate)
    }

    /// Scans per second of a loop over whole transactions on `SQLite`, and how many scans there were.
    async fn bare_loop(&mut self, all: usize, rows: usize) -> Result<(f64, usize)> {
        let statements = statements(&written_out(SQLITE, self.source, self.number, rows));
        let begun = Instant::now();
        let batches = all / rows;
        for batch in 0..batches {
            let low = i64::try_from(batch * rows)?;
            for statement in &statements {
                self.db.run_range(statement, low, low + i64::try_from(rows)?).await?;
            }
        }
        Ok(((batches * rows) as f64 / begun.elapsed().as_secs_f64(), batches * rows))
    }

    /// The sorted times of this many commits of one changed row each.
    pub(crate) async fn commits(&mut self, count: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(count);
        let sql = format!("UPDATE doors SET sequence = sequence + 1 WHERE event_number = {}", self.number);
        for _ in 0..count {
            let begun = Instant::now();
            self.db.execute(&sql).await.context("committing a row")?;
            times.push(begun.elapsed());
        }
        times.sort();
        Ok(times)
    }
}

/// The statements of a script, without its comments.
pub(super) fn statements(script: &str) -> Vec<String> {
    let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("--")).collect();
    let parts = lines.join("\n");
    parts.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn written_out(sql: &str, source: &str, number: u32, rows: usize) -> String {
    sql.replace("@FROM@", source)
        .replace("@NUMBER@", &number.to_string())
        .replace("@ROWS@", &rows.to_string())
}
