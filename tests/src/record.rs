//! Direct access to the service's database: queries that work on both stores.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::postgres::Database;

/// The database of the service.
#[derive(Debug, Clone)]
pub enum Record {
    /// In a database of the rig.
    Postgres(Database),
    /// In the embedded store's file.
    Sqlite(PathBuf),
}

impl Record {
    /// The single number that a SELECT returns, such as a count.
    ///
    /// # Errors
    /// The database's error.
    pub async fn number(&self, select: &str) -> Result<i64> {
        match self {
            Self::Postgres(database) => database.number(select).await,
            Self::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file).read_only(true);
                let mut connection = options.connect().await.context("opening the embedded store")?;
                let sql = format!("SELECT ({select})");
                let number = sqlx::query_scalar(AssertSqlSafe(sql))
                    .fetch_one(&mut connection)
                    .await
                    .with_context(|| select.to_owned())?;
                connection.close().await?;
                Ok(number)
            }
        }
    }

    /// The texts that a SELECT of one column returns.
    ///
    /// # Errors
    /// The database's error.
    pub async fn texts(&self, select: &str) -> Result<Vec<String>> {
        match self {
            Self::Postgres(database) => {
                let rows = database.rows(select).await?;
                let text = |row: &serde_json::Value| {
                    let text = row.as_object().and_then(|columns| columns.values().next()?.as_str());
                    text.map(str::to_owned).context("a column of texts")
                };
                rows.iter().map(text).collect()
            }
            Self::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file).read_only(true);
                let mut connection = options.connect().await.context("opening the embedded store")?;
                let texts = sqlx::query_scalar(AssertSqlSafe(select.to_owned()))
                    .fetch_all(&mut connection)
                    .await
                    .with_context(|| select.to_owned())?;
                connection.close().await?;
                Ok(texts)
            }
        }
    }

    /// The same database with connections of the current runtime.
    pub(crate) fn apart(&self) -> Self {
        match self {
            Self::Postgres(database) => Self::Postgres(database.apart()),
            Self::Sqlite(file) => Self::Sqlite(file.clone()),
        }
    }

    /// Descriptions of what violates [`Self::rules`]. A database that no service has created yet has nothing.
    ///
    /// # Errors
    /// The database's error.
    pub(crate) async fn left(&self) -> Result<Vec<String>> {
        let made = match self {
            Self::Postgres(_) => "SELECT count(to_regclass('outbox_delivery'))",
            Self::Sqlite(file) if !file.exists() => return Ok(Vec::new()),
            Self::Sqlite(_) => "SELECT count(*) FROM sqlite_schema WHERE name = 'outbox_delivery'",
        };
        let made = self.number(made).await? > 0;
        if !made {
            return Ok(Vec::new());
        }
        // All by one look: between two, work goes from where the second would find it to where the first did not.
        let any: Vec<_> = Self::rules().iter().map(|(_, select)| format!("({select})")).collect();
        if self.number(&format!("SELECT {}", any.join(" + "))).await? == 0 {
            return Ok(Vec::new());
        }
        let mut left = Vec::new();
        for (what, select) in Self::rules() {
            match self.number(select).await? {
                0 => {}
                count => left.push(format!("{count} {what}")),
            }
        }
        if left.is_empty() {
            left.push("something that is done by now".to_owned());
        }
        Ok(left)
    }

    /// What must be true whenever no work is left, each as a count that must be zero.
    #[must_use]
    fn rules() -> [(&'static str, &'static str); 9] {
        [
            // An issued order is asked about again and again while Ordering may still learn what was paid.
            (
                "orders held by a worker",
                "SELECT count(*) FROM orders WHERE worker IS NOT NULL AND (state <> 'issued' OR attempts <= 1)",
            ),
            (
                "orders that will be tried at once",
                "SELECT count(*) FROM orders WHERE state IN ('received', 'enriched') AND attempts = 0",
            ),
            (
                "issued orders that Ordering will be asked about at once",
                "SELECT count(*) FROM orders WHERE state = 'issued' AND due_at IS NOT NULL AND attempts = 0",
            ),
            ("events not sent", "SELECT count(*) FROM outbox_delivery WHERE state = 'pending'"),
            (
                "tickets generated without a file",
                "SELECT count(*) FROM tickets WHERE status IN ('Generated', 'Delivered') \
                 AND erased_at IS NULL AND (sha256 IS NULL OR ticket_pdf_path IS NULL)",
            ),
            (
                "tickets without exactly one event",
                "SELECT count(*) FROM tickets WHERE status IN ('Generated', 'Delivered') AND 1 <> \
                 (SELECT count(*) FROM outbox WHERE outbox.ticket_id = tickets.id AND kind = 'ticket-issued')",
            ),
            (
                "live tickets of void orders",
                "SELECT count(*) FROM orders JOIN tickets ON orders.order_id = tickets.order_id \
                 WHERE orders.voided_at IS NOT NULL AND tickets.voided_at IS NULL",
            ),
            (
                "tickets voided after their announcement without a word of it",
                "SELECT count(*) FROM tickets WHERE voided_at IS NOT NULL AND sequence > 0 AND NOT EXISTS \
                 (SELECT 1 FROM outbox WHERE outbox.ticket_id = tickets.id AND kind = 'ticket-voided' \
                  AND outbox.sequence = tickets.sequence)",
            ),
            (
                "issued orders with a ticket that is not",
                "SELECT count(*) FROM orders JOIN tickets ON orders.order_id = tickets.order_id \
                 WHERE orders.state = 'issued' AND tickets.status NOT IN ('Generated', 'Delivered') \
                 AND tickets.voided_at IS NULL",
            ),
        ]
    }
}
