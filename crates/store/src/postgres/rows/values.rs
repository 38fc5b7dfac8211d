//! Values bound to statements of PostgreSQL, and read from its rows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueFormat, PgValueRef, Postgres,
};
use sqlx::{Decode, Encode, Row as _, Type};
use uuid::Uuid;

use crate::Result;
use crate::decide::sql_values::{Row, storable};

impl Row for PgRow {
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
        let at: Option<At> = self.try_get(column)?;
        Ok(at.map(|at| at.0))
    }

    fn uuid(&self, column: &'static str) -> Result<Option<Uuid>> {
        Ok(self.try_get(column)?)
    }
}

/// A TIMESTAMPTZ: on the wire, microseconds since 2000.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At(pub(crate) Timestamp);

const YEAR_2000: i64 = 946_684_800_000_000;

impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for At {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = storable(self.0).as_microsecond() - YEAR_2000;
        <i64 as Encode<Postgres>>::encode(micros, buffer)
    }
}

impl Decode<'_, Postgres> for At {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros = <i64 as Decode<Postgres>>::decode(value)?;
                let micros = micros.checked_add(YEAR_2000).ok_or("a time beyond the calendar")?;
                Ok(Self(Timestamp::from_microsecond(micros)?))
            }
            PgValueFormat::Text => Ok(Self(value.as_str()?.parse()?)),
        }
    }
}

/// A duration in microseconds, for `* interval '1 microsecond'`; at most 1,000 years.
pub(crate) fn micros(duration: Duration) -> i64 {
    const MOST: i64 = 31_556_952_000_000_000;
    i64::try_from(duration.as_micros()).map_or(MOST, |m| m.min(MOST))
}

/// A duration from microseconds; zero if negative.
pub(crate) fn from_micros(micros: i64) -> Duration {
    Duration::try_from(SignedDuration::from_micros(micros)).unwrap_or_default()
}

/// A limit as PostgreSQL's integer type.
pub(crate) fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
