//! Reads the table of an earlier service, and nothing else.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{Result, StoreError};

/// Reads every row of the table `schema.table` at `url`, each as a JSON object of its columns.
///
/// # Errors
/// The database cannot be reached; [`StoreError::Incompatible`] for a URL that cannot be parsed, and for a missing
/// table.
pub async fn rows(url: &str, schema: &str, table: &str) -> Result<Vec<String>> {
    let mut db = PgConnection::connect(url).await?;
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let name = format!("{}.{}", quoted(schema), quoted(table));
    let there: bool = sqlx::query_scalar(sql).bind(&name).fetch_one(&mut db).await?;
    if !there {
        return Err(StoreError::Incompatible(format!("there is no table {name}")));
    }
    let sql = format!("SELECT row_to_json(t)::text FROM {name} AS t");
    let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut db).await?;
    db.close().await?;
    Ok(rows)
}

/// A quoted SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
