//! The types of columns: how a field is written to its column and read back, the same for every database.

use fulfillment_domain::{Amount, Currency, Flags, OrderId, TicketId, TicketStatus};
use jiff::Timestamp;

use crate::Result;
use crate::decide::sql_values::{Row, SqlValue, need, odd, storable};

/// A value with its own column, where it can be missing: as an [`Option`] in [`Column`].
pub(crate) trait Value: Sized {
    /// The value as it is written.
    fn cell(&self) -> SqlValue<'_>;

    /// Reads it back.
    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>>;

    /// Changes it to the value that is read back after it was written.
    fn make_storable(&mut self) {}
}

/// A field with its own column: NULL is an error where the field is not an [`Option`].
pub(crate) trait Column: Sized {
    /// The field as it is written.
    fn cell(&self) -> SqlValue<'_>;

    /// Reads it back.
    fn read(row: &impl Row, column: &'static str) -> Result<Self>;

    /// Changes it to the value that is read back after it was written.
    fn make_storable(&mut self);
}

impl<V: Value> Column for V {
    fn cell(&self) -> SqlValue<'_> {
        Value::cell(self)
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Self> {
        need(column, <V as Value>::read(row, column)?)
    }

    fn make_storable(&mut self) {
        Value::make_storable(self);
    }
}

impl<V: Value> Column for Option<V> {
    fn cell(&self) -> SqlValue<'_> {
        self.as_ref().map_or(SqlValue::Null, Value::cell)
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Self> {
        <V as Value>::read(row, column)
    }

    fn make_storable(&mut self) {
        if let Some(value) = self {
            Value::make_storable(value);
        }
    }
}

impl Value for String {
    fn cell(&self) -> SqlValue<'_> {
        SqlValue::text(self)
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
        row.text(column)
    }

    fn make_storable(&mut self) {
        if self.contains('\0') {
            self.retain(|c| c != '\0');
        }
    }
}

impl Value for Timestamp {
    fn cell(&self) -> SqlValue<'_> {
        (*self).into()
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
        row.time(column)
    }

    fn make_storable(&mut self) {
        *self = storable(*self);
    }
}

impl<const N: usize> Value for [u8; N] {
    fn cell(&self) -> SqlValue<'_> {
        SqlValue::Bytes(self)
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
        row.array(column)
    }
}

impl Value for Flags {
    fn cell(&self) -> SqlValue<'_> {
        SqlValue::Text(self.to_stored().into())
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
        Ok(row.text(column)?.as_deref().map(Self::from_stored))
    }
}

impl Value for u64 {
    fn cell(&self) -> SqlValue<'_> {
        SqlValue::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
        row.int(column)?.map(|n| Self::try_from(n).map_err(|_| odd(column, n))).transpose()
    }
}

/// Ids.
macro_rules! ids {
    ($($id:ident)*) => {
        $(impl Value for $id {
            fn cell(&self) -> SqlValue<'_> {
                (*self).into()
            }

            fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
                Ok(row.uuid(column)?.map($id))
            }
        })*
    };
}
ids!(TicketId OrderId);

/// Numbers of narrower types.
macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Value for $number {
            fn cell(&self) -> SqlValue<'_> {
                SqlValue::Int((*self).into())
            }

            fn read(row: &impl Row, column: &'static str) -> Result<Option<Self>> {
                row.int(column)?.map(|n| Self::try_from(n).map_err(|_| odd(column, n))).transpose()
            }
        })*
    };
}
numbers!(u16 u32);

/// Types that are written by their display form.
macro_rules! words {
    ($($word:ty, $row:ident, $column:ident => $read:expr;)*) => {
        $(impl Value for $word {
            fn cell(&self) -> SqlValue<'_> {
                SqlValue::word(self)
            }

            fn read($row: &impl Row, $column: &'static str) -> Result<Option<Self>> {
                $read
            }
        })*
    };
}
words! {
    Amount, row, column => row.amount(column);
    Currency, row, column => row.currency(column);
    TicketStatus, row, column => row.text(column)?.map(|t| t.parse().map_err(|e| odd(column, e))).transpose();
}
