//! One connection to the service's database, for statements that both stores understand.

use std::path::Path;

use anyhow::{Context, Result};
use fulfillment_tests::postgres::Database;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, SqliteConnection};

/// A connection.
pub(crate) enum Sql {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Sql {
    /// A connection whose names are those of this schema.
    pub(crate) async fn postgres(database: &Database, schema: &str) -> Result<Self> {
        let options: PgConnectOptions = database.url().parse()?;
        Ok(Self::Postgres(options.options([("search_path", schema)]).connect().await?))
    }

    /// A connection with the pragmas of `crates/store/src/sqlite/mod.rs`: keep the two alike.
    pub(crate) async fn sqlite(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(std::time::Duration::from_secs(10))
            .foreign_keys(true)
            .pragma("secure_delete", "on");
        Ok(Self::Sqlite(options.connect().await.with_context(|| file.display().to_string())?))
    }

    /// Runs one or more statements.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<()> {
        let statements = AssertSqlSafe(sql);
        let done = match self {
            Self::Postgres(db) => db.execute(statements).await.map(drop),
            Self::Sqlite(db) => db.execute(statements).await.map(drop),
        };
        done.with_context(|| sql.to_owned())
    }

    /// Runs a statement whose `$1` is a text.
    pub(crate) async fn execute_with(&mut self, sql: &str, text: &str) -> Result<()> {
        let statement = AssertSqlSafe(sql);
        let done = match self {
            Self::Postgres(db) => sqlx::query(statement).bind(text).execute(db).await.map(drop),
            Self::Sqlite(db) => sqlx::query(statement).bind(text).execute(db).await.map(drop),
        };
        done.with_context(|| sql.to_owned())
    }

    /// Runs a prepared statement for the rows from `low` to before `high`, which are its `$1` and `$2` where it has them, and
    /// reads what it returns.
    pub(crate) async fn run_range(&mut self, sql: &str, low: i64, high: i64) -> Result<()> {
        let statement = AssertSqlSafe(sql);
        let both = sql.contains('$');
        let done = match self {
            Self::Postgres(db) => {
                let query = sqlx::query(statement);
                let query = if both { query.bind(low).bind(high) } else { query };
                query.fetch_all(db).await.map(drop)
            }
            Self::Sqlite(db) => {
                let query = sqlx::query(statement);
                let query = if both { query.bind(low).bind(high) } else { query };
                query.fetch_all(db).await.map(drop)
            }
        };
        done.with_context(|| sql.to_owned())
    }

    /// Reads all rows of a prepared statement, and says how many there were.
    pub(crate) async fn read(&mut self, sql: &str) -> Result<usize> {
        let statement = AssertSqlSafe(sql);
        let rows = match self {
            Self::Postgres(db) => sqlx::query(statement).fetch_all(db).await.map(|rows| rows.len()),
            Self::Sqlite(db) => sqlx::query(statement).fetch_all(db).await.map(|rows| rows.len()),
        };
        rows.with_context(|| sql.to_owned())
    }

    /// The single number that a SELECT returns.
    pub(crate) async fn number(&mut self, select: &str) -> Result<i64> {
        let number = match self {
            Self::Postgres(db) => {
                let sql = AssertSqlSafe(format!("SELECT ({select})::bigint"));
                sqlx::query_scalar(sql).fetch_one(db).await
            }
            Self::Sqlite(db) => {
                sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({select})"))).fetch_one(db).await
            }
        };
        number.with_context(|| select.to_owned())
    }

    /// The names of a table's columns.
    pub(crate) async fn columns(&mut self, table: &str) -> Result<Vec<String>> {
        let names = match self {
            Self::Postgres(db) => {
                let sql = "SELECT column_name::text FROM information_schema.columns \
                           WHERE table_name = $1 AND table_schema = current_schema() ORDER BY ordinal_position";
                sqlx::query_scalar(sql).bind(table).fetch_all(db).await
            }
            Self::Sqlite(db) => {
                sqlx::query_scalar("SELECT name FROM pragma_table_info($1)").bind(table).fetch_all(db).await
            }
        };
        names.with_context(|| table.to_owned())
    }
}
