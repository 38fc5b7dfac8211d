//! Values bound to statements of SQLite, and read from its rows.

use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};
use uuid::Uuid;

use crate::Result;
use crate::decide::sql_values::{Row, SqlValue, odd, rfc3339};

impl Row for SqliteRow {
    fn text(&self, column: &'static str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn int(&self, column: &'static str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        Ok(self.try_get(column)?)
    }

    fn time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        let text: Option<&str> = self.try_get(column)?;
        text.map(|t| t.parse().map_err(|e| odd(column, e))).transpose()
    }

    fn uuid(&self, column: &'static str) -> Result<Option<Uuid>> {
        let text: Option<&str> = self.try_get(column)?;
        text.map(|t| Uuid::try_parse(t).map_err(|e| odd(column, e))).transpose()
    }
}

/// A statement whose parameters are bound one after the other.
pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds the next parameter.
pub(crate) fn bind<'q>(query: Statement<'q>, cell: &'q SqlValue<'_>) -> Result<Statement<'q>> {
    Ok(match cell {
        SqlValue::Null => query.bind(None::<&str>),
        SqlValue::Text(text) => query.bind(text.as_ref()),
        SqlValue::Int(number) => query.bind(number),
        SqlValue::Bytes(bytes) => query.bind(*bytes),
        SqlValue::Time(at) => query.bind(rfc3339(*at)),
        SqlValue::Uuid(id) => query.bind(id.to_string()),
        SqlValue::Texts(texts) => query.bind(list(texts)?),
        SqlValue::Uuids(ids) => query.bind(list(ids)?),
    })
}

/// A list as JSON for `json_each`.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Result<String> {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    serde_json::to_string(&items).map_err(|e| crate::StoreError::Refused(e.into()))
}
