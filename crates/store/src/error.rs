//! Errors of a store, by what the caller should do about them.

use crate::demoted::{ReadOnly, leave};
use crate::refusing::{self, TakesNoWrites};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or ended the transaction for its own reasons (serialisation, deadlock,
    /// shutdown): nothing was written, or it is unknown whether it was. Try again.
    #[error("the store cannot be reached: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refuses this input. In a batch, find the row by trying each alone.
    #[error("the store refuses the data: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database has a constraint that this version's rows do not meet: a later version may have added it. It says
    /// nothing about the input. In a batch, find the row by trying each alone; then try again, as when the store is
    /// unavailable.
    #[error(
        "the store has a constraint that this version does not meet; is a later version running too? {0}"
    )]
    Unmet(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stored data does not fit this version: a foreign table, a newer schema, an unknown word.
    #[error("{0}")]
    Incompatible(String),
    /// Another process has this embedded store open as a server.
    #[error("{0}")]
    InUse(String),
}

impl StoreError {
    /// Whether the database answers, and takes no writes.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Unavailable(error) if error.is::<ReadOnly>())
    }

    /// Whether the embedded store's file can be read and takes no writes: its disk is full, for one.
    pub fn takes_no_writes(&self) -> bool {
        matches!(self, Self::Unavailable(error) if error.is::<TakesNoWrites>())
    }
}

pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// Classifies an error of the driver. An unknown error is `Unavailable`: a needless retry is harmless, and giving up on
/// good data is not.
pub(crate) fn classify(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(db) => {
            let code = db.code().unwrap_or_default().into_owned();
            if code.len() == 5 { by_sqlstate(&code, error) } else { by_sqlite_code(&code, error) }
        }
        sqlx::Error::Encode(_) => StoreError::Refused(error.into()),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Configuration(_)
        | sqlx::Error::InvalidArgument(_) => StoreError::Incompatible(error.to_string()),
        _ => unavailable(error),
    }
}

/// PostgreSQL, appendix A. Class 22: data, 54: limits, such as an index's longest key, 23: constraints, which no input
/// violates in the schema of this version. 42 and 3F are about missing or foreign tables: the schema is not the program's.
fn by_sqlstate(code: &str, error: sqlx::Error) -> StoreError {
    // A write to a standby, and a server that shuts down, crashed or starts.
    if matches!(code, "25006" | "57P01" | "57P02" | "57P03") {
        leave();
    }
    match &code[..2] {
        "22" | "54" => StoreError::Refused(error.into()),
        "23" => StoreError::Unmet(error.into()),
        "42" | "3F" => StoreError::Incompatible(format!("{error}: is the schema migrated?")),
        _ => unavailable(error),
    }
}

/// SQLite's primary code is the lower byte: 18 too big, 19 constraint, 20 mismatch, 26 not a database; 1 is an error in
/// the SQL, such as a missing table.
fn by_sqlite_code(code: &str, error: sqlx::Error) -> StoreError {
    let code = code.parse::<u32>().map(|c| c & 0xff);
    if let Ok(code) = code {
        refusing::note(code);
    }
    match code {
        Ok(18 | 20) => StoreError::Refused(error.into()),
        Ok(19) => StoreError::Unmet(error.into()),
        Ok(1) => StoreError::Incompatible(format!("{error}: is the schema migrated?")),
        Ok(26) => StoreError::Incompatible(error.to_string()),
        _ => unavailable(error),
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        classify(error)
    }
}
