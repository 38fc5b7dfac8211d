//! SQL values: conversion to a column and back, the same for every database.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use fulfillment_domain::{Amount, Currency, OrderId, TicketId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Result, StoreError};

/// A value for one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SqlValue<'a> {
    /// NULL.
    Null,
    /// Text without NUL.
    Text(Cow<'a, str>),
    /// A number.
    Int(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A time, in whole microseconds.
    Time(Timestamp),
    /// A UUID.
    Uuid(Uuid),
    /// Texts, for `@any`.
    Texts(Vec<Cow<'a, str>>),
    /// UUIDs, for `@any`.
    Uuids(Vec<Uuid>),
}

impl<'a> SqlValue<'a> {
    /// Text without NUL: PostgreSQL does not support it, and one row must not make the others of its batch fail.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(clean(text))
    }

    /// A value as its display form.
    pub(crate) fn word(value: impl Display) -> Self {
        Self::Text(Cow::Owned(value.to_string()))
    }

    /// A limit on rows.
    pub(crate) fn limit(rows: usize) -> Self {
        Self::Int(i64::try_from(rows).unwrap_or(i64::MAX))
    }

    /// Texts.
    pub(crate) fn texts(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Texts(texts.into_iter().map(clean).collect())
    }

    /// The ids of orders.
    pub(crate) fn orders(orders: impl IntoIterator<Item = OrderId>) -> Self {
        Self::Uuids(orders.into_iter().map(|order| order.0).collect())
    }

    /// The ids of tickets.
    pub(crate) fn tickets(tickets: impl IntoIterator<Item = TicketId>) -> Self {
        Self::Uuids(tickets.into_iter().map(|ticket| ticket.0).collect())
    }
}

impl<'a> From<&'a str> for SqlValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl<'a, T: Into<SqlValue<'a>>> From<Option<T>> for SqlValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values with a cell of their own.
macro_rules! cells {
    ($($value:ident: $of:ty => $cell:expr;)*) => {
        $(impl<'a> From<$of> for SqlValue<'a> {
            fn from($value: $of) -> Self {
                $cell
            }
        })*
    };
}
cells! {
    text: &'a String => Self::text(text);
    text: String => Self::Text(Cow::Owned(if text.contains('\0') { text.replace('\0', "") } else { text }));
    yes: bool => Self::Int(yes.into());
    number: u32 => Self::Int(number.into());
    number: i64 => Self::Int(number);
    bytes: &'a [u8] => Self::Bytes(bytes);
    bytes: &'a Vec<u8> => Self::Bytes(bytes);
    at: Timestamp => Self::Time(storable(at));
    id: Uuid => Self::Uuid(id);
    order: OrderId => Self::Uuid(order.0);
    ticket: TicketId => Self::Uuid(ticket.0);
}

impl<'a, const N: usize> From<&'a [u8; N]> for SqlValue<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

/// Text without NUL.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// A time as it can be stored: whole microseconds, limited to the years 1 to 9999.
pub(crate) fn storable(at: Timestamp) -> Timestamp {
    /// The last whole microsecond that jiff can parse.
    const LAST: Timestamp = Timestamp::constant(253_402_207_200, 0);
    const YEAR_1: i64 = -62_135_596_800_000_000;
    Timestamp::from_microsecond(at.as_microsecond().max(YEAR_1)).unwrap_or(LAST)
}

/// RFC 3339 in UTC with exactly six fractional digits, so that it sorts as text.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{:.6}", storable(at))
}

/// One row of a result, by column name.
pub(crate) trait Row {
    /// Text.
    fn text(&self, column: &'static str) -> Result<Option<String>>;
    /// A whole number.
    fn int(&self, column: &'static str) -> Result<Option<i64>>;
    /// Bytes.
    fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>>;
    /// A time.
    fn time(&self, column: &'static str) -> Result<Option<Timestamp>>;
    /// A UUID.
    fn uuid(&self, column: &'static str) -> Result<Option<Uuid>>;

    /// An order's id.
    fn order_id(&self) -> Result<OrderId> {
        need("order_id", self.uuid("order_id")?).map(OrderId)
    }

    /// A ticket's id in `column`.
    fn ticket_id(&self, column: &'static str) -> Result<Option<TicketId>> {
        Ok(self.uuid(column)?.map(TicketId))
    }

    /// A number of a narrower type.
    fn number<N: TryFrom<i64>>(&self, column: &'static str) -> Result<N> {
        let number = need(column, self.int(column)?)?;
        N::try_from(number).map_err(|_| odd(column, "a number out of range"))
    }

    /// A word, parsed by its type.
    fn word<W: FromStr<Err: Display>>(&self, column: &'static str) -> Result<W> {
        need(column, self.text(column)?)?.parse().map_err(|e: W::Err| odd(column, e))
    }

    /// The same, or null.
    fn word_or_none<W: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<W>> {
        self.text(column)?.map(|word| word.parse().map_err(|e: W::Err| odd(column, e))).transpose()
    }

    /// An amount; the column is read as text.
    fn amount(&self, column: &'static str) -> Result<Option<Amount>> {
        self.text(column)?.map(|t| t.parse().map_err(|e| odd(column, e))).transpose()
    }

    /// A currency.
    fn currency(&self, column: &'static str) -> Result<Option<Currency>> {
        self.text(column)?.map(|t| t.parse().map_err(|e| odd(column, e))).transpose()
    }

    /// Bytes of a fixed length.
    fn array<const N: usize>(&self, column: &'static str) -> Result<Option<[u8; N]>> {
        let Some(bytes) = self.bytes(column)? else { return Ok(None) };
        bytes.try_into().map(Some).map_err(|_| odd(column, format_args!("not {N} bytes")))
    }
}

/// A value that cannot be NULL.
pub(crate) fn need<T>(column: &'static str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| odd(column, "NULL"))
}

/// An error for a stored value that this version cannot have written.
pub(crate) fn odd(column: &str, what: impl Display) -> StoreError {
    StoreError::Incompatible(format!("the column {column} holds what this version does not know: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text() {
        let texts: Vec<_> =
            ["-009999-01-03T04:00:00Z", "0001-01-01T00:00:00Z", "2026-01-01T00:00:00.9999999Z"]
                .iter()
                .map(|t| rfc3339(t.parse().unwrap()))
                .collect();
        assert_eq!(
            texts,
            ["0001-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.999999Z"]
        );
    }

    #[test]
    fn text_has_no_nul() {
        assert_eq!(SqlValue::text("a\0b"), SqlValue::Text("ab".into()));
    }
}
