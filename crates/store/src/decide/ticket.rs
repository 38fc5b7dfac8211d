//! The columns of `tickets`, listed only here for every database.
//!
//! A new field of a ticket needs its name and column in [`ticket_fields`], a migration for each store, and a value in
//! the conformance test `tickets`; a field of a new type also needs a [`Value`](super::column::Value).

use fulfillment_domain::Ticket;
use fulfillment_domain::ticket::{Code, Customer, Document, Event, Holder, Lifecycle, Line, Seat};
use sha2::{Digest, Sha256};

use crate::decide::column::Column;
use crate::decide::sql_values::{Row, SqlValue};
use crate::{Redrawn, Result};

/// The fields of a [`Ticket`], by group, each with its column. A missing field does not compile. The row also has
/// `seat_key`, which is derived from several fields.
macro_rules! ticket_fields {
    ($then:ident $($more:tt)*) => {
        $crate::decide::ticket::$then! {
            $($more)*
            id: id, order_id: order_id, number: ticket_number, payment_id: payment_id, price: price,
            currency: currency, flags: flags;
            line: Line { item_id: item_id, key: line, unit: unit, index: ticket_index, count: ticket_count }
            customer: Customer { id: customer_id, email: customer_email, name: customer_name, locale: locale }
            event: Event {
                id: event_id, number: event_number, name: event_name, starts_at: event_starts_at,
                ends_at: event_ends_at, doors_at: doors_at, time_zone: time_zone, venue_name: venue_name,
                venue_address: venue_address, organizer_id: organizer_id, organizer_name: organizer_name
            }
            seat: Seat {
                label: seat, id: seat_id, section: section, row: row_label, number: seat_number,
                category: category, category_number: category_number
            }
            holder: Holder { name: holder_name, email: holder_email }
            code: Code { data: qr_code_data, cti: cti, era: era, generation: generation, kid: kid }
            document: Document {
                template: template, renderer: renderer, path: ticket_pdf_path, generated_at: generated_at,
                sha256: sha256, size: size
            }
            lifecycle: Lifecycle {
                status: status, issued_at: issued_at, created_at: created_at, updated_at: updated_at,
                sequence: sequence, attempts: attempts, last_error: last_error, voided_at: voided_at,
                void_reason: void_reason, delivered_at: delivered_at, delivery_channel: delivery_channel,
                first_downloaded_at: first_downloaded_at, erased_at: erased_at
            }
        }
    };
}
pub(crate) use ticket_fields;

/// The results of `$each` for every column, separated by commas.
macro_rules! list {
    ($each:ident $field:ident: $first:ident $(, $more:ident: $column:ident)*;
     $($group:ident: $Group:ident { $($part:ident: $of_group:ident),* })*) => {
        concat!(
            $crate::decide::ticket::$each!($first)
            $(, ", ", $crate::decide::ticket::$each!($column))*
            $($(, ", ", $crate::decide::ticket::$each!($of_group))*)*
        )
    };
}
pub(crate) use list;

macro_rules! name {
    ($column:ident) => {
        stringify!($column)
    };
}
pub(crate) use name;

/// How a column is read, in every dialect.
macro_rules! read_as {
    (price) => {
        "CAST(price AS TEXT) AS price"
    };
    ($column:ident) => {
        stringify!($column)
    };
}
pub(crate) use read_as;

macro_rules! assignment {
    ($column:ident) => {
        concat!(stringify!($column), " = ?")
    };
}
pub(crate) use assignment;

macro_rules! mark {
    ($column:ident) => {
        "?"
    };
}
pub(crate) use mark;

/// The columns that a ticket is read from.
macro_rules! ticket_columns {
    () => {
        $crate::decide::ticket::ticket_fields!(list read_as)
    };
}
pub(crate) use ticket_columns;

/// The columns that a ticket is written to, in the order of [`ticket_cells`].
macro_rules! written_columns {
    () => {
        concat!($crate::decide::ticket::ticket_fields!(list name), ", seat_key")
    };
}
pub(crate) use written_columns;

/// The same, each set to the next parameter.
macro_rules! assigned_columns {
    () => {
        concat!($crate::decide::ticket::ticket_fields!(list assignment), ", seat_key = ?")
    };
}
pub(crate) use assigned_columns;

/// A parameter for each of them.
macro_rules! value_marks {
    () => {
        concat!($crate::decide::ticket::ticket_fields!(list mark), ", ?")
    };
}
pub(crate) use value_marks;

macro_rules! functions {
    ($($field:ident: $column:ident),*; $($group:ident: $Group:ident { $($part:ident: $of_group:ident),* })*) => {
        const WRITTEN: usize = [$(stringify!($column),)* $($(stringify!($of_group)),*),*].len() + 1;

        /// Each column with its value.
        pub(crate) fn ticket_cells(ticket: &Ticket) -> [(&'static str, SqlValue<'_>); WRITTEN] {
            [
                $((stringify!($column), ticket.$field.cell()),)*
                $($((stringify!($of_group), ticket.$group.$part.cell()),)*)*
                ("seat_key", seat_key(ticket).map_or(SqlValue::Null, |key| SqlValue::Text(key.into()))),
            ]
        }

        /// Reads them back.
        pub(crate) fn ticket_from(from: &impl Row) -> Result<Ticket> {
            Ok(Ticket {
                $($field: Column::read(from, stringify!($column))?,)*
                $($group: $Group { $($part: Column::read(from, stringify!($of_group))?),* },)*
            })
        }

        /// The ticket as it is read after it was stored: its times in whole microseconds, its texts without NUL.
        pub(crate) fn as_stored(mut ticket: Ticket) -> Ticket {
            $(Column::make_storable(&mut ticket.$field);)*
            $($(Column::make_storable(&mut ticket.$group.$part);)*)*
            ticket
        }
    };
}
use functions;
ticket_fields!(functions);

/// The longest key of an index: PostgreSQL allows a third of a page.
const MAX_KEY: usize = 512;

/// A text as the key of an index: itself, or its hash when it is long.
pub(crate) fn index_key(text: String) -> String {
    if text.len() <= MAX_KEY { text } else { format!("sha256:{}", hex::encode(Sha256::digest(text))) }
}

/// The key that two tickets for one seat share, as stored.
pub(crate) fn seat_key(ticket: &Ticket) -> Option<String> {
    ticket.seat_key().map(|key| index_key(key.replace('\0', "")))
}

/// The key under which the seat was taken before the date was part of it; `None` when it equals [`seat_key`].
pub(crate) fn undated_seat_key(ticket: &Ticket) -> Option<String> {
    ticket.undated_seat_key().map(|key| index_key(key.replace('\0', "")))
}

/// Every key that the seat may have been taken under, sorted.
pub(crate) fn seat_keys(ticket: &Ticket) -> Vec<String> {
    let mut keys: Vec<_> = seat_key(ticket).into_iter().chain(undated_seat_key(ticket)).collect();
    keys.sort();
    keys
}

/// The history's text about a file that was drawn again.
pub(crate) fn redraw_note(before: Option<[u8; 32]>, redrawn: &Redrawn) -> String {
    let (after, renderer) = (redrawn.sha256, redrawn.renderer.replace('\0', ""));
    if before == Some(after) {
        return format!("lost file drawn again by {renderer}, the same bytes");
    }
    let before = before.map_or_else(|| "nothing".to_owned(), hex::encode);
    format!("lost file drawn again by {renderer}, {before} before, {} now", hex::encode(after))
}
