//! The columns of `tickets`, listed in this one place for every database.
//!
//! A new field of a ticket needs its name in [`ticket_fields`], a migration for each store, and a value in the conformance
//! test `tickets`; a field of a new type needs a [`Value`](super::column::Value) besides.

use fulfillment_domain::Ticket;
use sha2::{Digest, Sha256};

use crate::shared::cells::{Cell, Row};
use crate::shared::column::Column;
use crate::{Redrawn, Result};

/// The fields of a [`Ticket`], each with a column of its name but for what [`column_of`] and [`read_as`] say. A field
/// that is missing here does not compile. Beside them the row has `seat_key`, which is made of several.
macro_rules! ticket_fields {
    ($then:ident) => {
        $crate::shared::ticket::$then! {
            id order_id customer_email event_name seat price currency status qr_code_data ticket_pdf_path generated_at
            created_at updated_at ticket_number payment_id customer_id customer_name event_id event_number item_id
            seat_id line unit ticket_index ticket_count section row seat_number category category_number holder_name
            holder_email organizer_id organizer_name event_starts_at event_ends_at doors_at time_zone venue_name
            venue_address locale template renderer cti era generation kid issued_at sha256 size sequence attempts
            last_error voided_at void_reason delivered_at delivery_channel first_downloaded_at erased_at flags
        }
    };
}
pub(crate) use ticket_fields;

/// The column of a field.
macro_rules! column_of {
    (row) => {
        "row_label"
    };
    ($field:ident) => {
        stringify!($field)
    };
}
pub(crate) use column_of;

/// What a field is read from, in every dialect.
macro_rules! read_as {
    (price) => {
        "CAST(price AS TEXT) AS price"
    };
    ($field:ident) => {
        $crate::shared::ticket::column_of!($field)
    };
}
pub(crate) use read_as;

/// What a ticket is read from.
macro_rules! ticket_columns {
    () => {
        $crate::shared::ticket::ticket_fields!(ticket_columns)
    };
    ($first:ident $($field:ident)*) => {
        concat!(
            $crate::shared::ticket::read_as!($first)
            $(, ", ", $crate::shared::ticket::read_as!($field))*
        )
    };
}
pub(crate) use ticket_columns;

/// What a ticket is written to, in the order of [`ticket_cells`].
macro_rules! written_columns {
    () => {
        $crate::shared::ticket::ticket_fields!(written_columns)
    };
    ($($field:ident)*) => {
        concat!($($crate::shared::ticket::column_of!($field), ", ",)* "seat_key")
    };
}
pub(crate) use written_columns;

/// The same, each set to the parameter that comes next.
macro_rules! assigned_columns {
    () => {
        $crate::shared::ticket::ticket_fields!(assigned_columns)
    };
    ($($field:ident)*) => {
        concat!($($crate::shared::ticket::column_of!($field), " = ?, ",)* "seat_key = ?")
    };
}
pub(crate) use assigned_columns;

/// A parameter for each of them.
macro_rules! value_marks {
    () => {
        $crate::shared::ticket::ticket_fields!(value_marks)
    };
    (@ $field:ident) => {
        "?, "
    };
    ($($field:ident)*) => {
        concat!($($crate::shared::ticket::value_marks!(@ $field),)* "?")
    };
}
pub(crate) use value_marks;

macro_rules! functions {
    ($($field:ident)*) => {
        const WRITTEN: usize = [$(stringify!($field)),*].len() + 1;

        /// Each column with its value.
        pub(crate) fn ticket_cells(ticket: &Ticket) -> [(&'static str, Cell<'_>); WRITTEN] {
            let Ticket { $($field),* } = ticket;
            [
                $((column_of!($field), $field.cell()),)*
                ("seat_key", seat_key(ticket).map_or(Cell::Null, |key| Cell::Text(key.into()))),
            ]
        }

        /// Reads them back.
        pub(crate) fn ticket_from(from: &impl Row) -> Result<Ticket> {
            Ok(Ticket { $($field: Column::read(from, column_of!($field))?),* })
        }

        /// The ticket as it reads after it was stored: its times in whole microseconds, its texts without NUL.
        pub(crate) fn as_stored(mut ticket: Ticket) -> Ticket {
            $(Column::make_storable(&mut ticket.$field);)*
            ticket
        }
    };
}
use functions;
ticket_fields!(functions);

/// The longest key of an index: PostgreSQL takes a third of a page.
const MAX_KEY: usize = 512;

/// A text as the key of an index: itself, or its hash when it is long.
pub(crate) fn index_key(text: String) -> String {
    if text.len() <= MAX_KEY { text } else { format!("sha256:{}", hex::encode(Sha256::digest(text))) }
}

/// What two tickets for one seat have in common, as stored.
pub(crate) fn seat_key(ticket: &Ticket) -> Option<String> {
    ticket.seat_key().map(|key| index_key(key.replace('\0', "")))
}

/// The key that the seat was taken under before its date was part of it; `None` when that is [`seat_key`].
pub(crate) fn undated_seat_key(ticket: &Ticket) -> Option<String> {
    ticket.undated_seat_key().map(|key| index_key(key.replace('\0', "")))
}

/// Every key that the seat may have been taken under, sorted.
pub(crate) fn seat_keys(ticket: &Ticket) -> Vec<String> {
    let mut keys: Vec<_> = seat_key(ticket).into_iter().chain(undated_seat_key(ticket)).collect();
    keys.sort();
    keys
}

/// What the history says of a file drawn again.
pub(crate) fn redraw_note(before: Option<[u8; 32]>, redrawn: &Redrawn) -> String {
    let (after, renderer) = (redrawn.sha256, redrawn.renderer.replace('\0', ""));
    if before == Some(after) {
        return format!("lost file drawn again by {renderer}, the same bytes");
    }
    let before = before.map_or_else(|| "nothing".to_owned(), hex::encode);
    format!("lost file drawn again by {renderer}, {before} before, {} now", hex::encode(after))
}
