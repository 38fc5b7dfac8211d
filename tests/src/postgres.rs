//! A separate database for each test, in the rig's PostgreSQL.

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::rig;

/// An empty database. It is removed with the rig's folder, so it is not dropped.
#[derive(Debug, Clone)]
pub struct Database {
    url: String,
    pool: PgPool,
}

impl Database {
    /// Creates a database with a unique name.
    ///
    /// # Errors
    /// The rig is not running, or its PostgreSQL does not answer.
    pub async fn create() -> Result<Self> {
        Self::create_at(&rig::postgres()?).await
    }

    /// The same in another cluster, by the URL of its administrative database.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn create_at(admin: &str) -> Result<Self> {
        let name = rig::unique("test").replace('-', "_");
        let mut connection =
            PgConnection::connect(admin).await.with_context(|| format!("connecting to {admin}"))?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        connection.close().await?;
        let (server, _) = admin.rsplit_once('/').context("the URL names no database")?;
        let url = format!("{server}/{name}");
        // Few connections: a hundred tests share the server's 200. The service's schema is first in the search path, so
        // that the same statement works for both stores.
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", "bc_fulfillment,public")]);
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        Ok(Self { url, pool })
    }

    /// The same database with connections of the current runtime.
    pub(crate) fn apart(&self) -> Self {
        let options = (*self.pool.connect_options()).clone();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        Self { url: self.url.clone(), pool }
    }

    /// The value for `FULFILLMENT_STORE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs one or more statements and ignores their results.
    ///
    /// # Errors
    /// PostgreSQL's error.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.pool.execute(AssertSqlSafe(sql)).await.with_context(|| sql.to_owned())?;
        Ok(())
    }

    /// The rows of a SELECT as JSON objects by column name. Cast a NUMERIC to text to keep its digits.
    ///
    /// # Errors
    /// PostgreSQL's error.
    pub async fn rows(&self, select: &str) -> Result<Vec<Value>> {
        let sql = format!("SELECT row_to_json(answer)::text FROM ({select}) AS answer");
        let texts: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .with_context(|| select.to_owned())?;
        texts.iter().map(|text| serde_json::from_str(text).context("a row as JSON")).collect()
    }

    /// The single number that a SELECT returns, such as a count.
    ///
    /// # Errors
    /// PostgreSQL's error.
    pub async fn number(&self, select: &str) -> Result<i64> {
        let sql = format!("SELECT ({select})::bigint");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.with_context(|| select.to_owned())
    }
}
