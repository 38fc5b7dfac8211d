//! Rows of PostgreSQL, and values bound to its statements.

use std::time::Duration;

use fulfillment_domain::{Ticket, TicketId};
use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgConnection, PgHasArrayType, PgRow, PgTypeInfo, PgValueFormat, PgValueRef, Postgres,
};
use sqlx::{AssertSqlSafe, Decode, Encode, Row as _, Type};
use uuid::Uuid;

use crate::shared::cells::{Cell, Row, storable};
use crate::shared::ticket::ticket_cells;
use crate::{Result, StoreError};

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
pub(super) struct At(pub(super) Timestamp);

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
pub(super) fn micros(duration: Duration) -> i64 {
    const MOST: i64 = 31_556_952_000_000_000;
    i64::try_from(duration.as_micros()).map_or(MOST, |m| m.min(MOST))
}

/// A count that came as microseconds, nothing if negative.
pub(super) fn from_micros(micros: i64) -> Duration {
    Duration::try_from(SignedDuration::from_micros(micros)).unwrap_or_default()
}

/// A limit as PostgreSQL counts.
pub(super) fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Tickets as the JSON that `json_populate_recordset` takes apart by the table's own types: text all the
/// way for money, hexadecimal for bytes.
pub(super) fn tickets_json(tickets: &[&Ticket]) -> Result<String> {
    let rows: Vec<_> = tickets.iter().map(|t| TicketRow(t)).collect();
    serde_json::to_string(&rows).map_err(|e| StoreError::Refused(e.into()))
}

/// The columns that [`tickets_json`] fills.
pub(super) fn ticket_insert_columns(ticket: &Ticket) -> String {
    ticket_cells(ticket).each_ref().map(|(name, _)| *name).join(", ")
}

/// Writes a ticket's row anew, whole.
pub(super) async fn replace_ticket(db: &mut PgConnection, ticket: &Ticket) -> Result<()> {
    let columns = ticket_insert_columns(ticket);
    let sql = format!(
        "UPDATE tickets SET ({columns}) = (SELECT {columns} \
         FROM json_populate_recordset(NULL::tickets, $2::text::json)) WHERE id = $1"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(ticket.id.0).bind(tickets_json(&[ticket])?).execute(db).await?;
    Ok(())
}

struct TicketRow<'a>(&'a Ticket);

impl Serialize for TicketRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, cell) in ticket_cells(self.0) {
            match cell {
                Cell::Null => {}
                Cell::Text(text) => map.serialize_entry(name, &text)?,
                Cell::Int(number) => map.serialize_entry(name, &number)?,
                Cell::Bytes(bytes) => map.serialize_entry(name, &format!("\\x{}", hex::encode(bytes)))?,
            }
        }
        map.end()
    }
}

/// Notes a transition of one ticket.
pub(super) async fn note(
    db: &mut PgConnection,
    ticket: TicketId,
    (from, to): (&str, &str),
    who: &str,
    why: Option<&str>,
) -> Result<()> {
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               VALUES ($1, clock_timestamp(), $2, $3, $4, $5)";
    sqlx::query(sql).bind(ticket.0).bind(from).bind(to).bind(who).bind(why).execute(db).await?;
    Ok(())
}
