//! The columns of `tickets`: written and read in this one place for every database.

use fulfillment_domain::{Flags, Ticket};
use sha2::{Digest, Sha256};

use crate::shared::cells::{Cell, Row, need, odd, storable};
use crate::{Redrawn, Result};

/// What a ticket is read from, in every dialect.
macro_rules! ticket_columns {
    () => {
        "id, order_id, customer_email, event_name, seat, CAST(price AS TEXT) AS price, currency,  \
         status, qr_code_data, ticket_pdf_path, generated_at, created_at, updated_at,  \
         ticket_number, payment_id, customer_id, customer_name, event_id, event_number, item_id,  \
         seat_id, line, unit, ticket_index, ticket_count, section, row_label, seat_number,  \
         category, category_number, holder_name, holder_email, organizer_id, organizer_name,  \
         event_starts_at, event_ends_at, doors_at, time_zone, venue_name, venue_address, locale,  \
         template, renderer, cti, era, generation, kid, issued_at, sha256, size, sequence,  \
         attempts, last_error, voided_at, void_reason, delivered_at, delivery_channel,  \
         first_downloaded_at, erased_at, flags"
    };
}
pub(crate) use ticket_columns;

/// Each column with its value.
pub(crate) fn ticket_cells(t: &Ticket) -> [(&'static str, Cell<'_>); 61] {
    let size = t.size.map_or(Cell::Null, |n| Cell::Int(i64::try_from(n).unwrap_or(i64::MAX)));
    [
        ("id", Cell::word(t.id)),
        ("order_id", Cell::word(t.order_id)),
        ("customer_email", Cell::text(&t.customer_email)),
        ("event_name", Cell::text(&t.event_name)),
        ("seat", Cell::text(&t.seat)),
        ("price", Cell::word(t.price)),
        ("currency", Cell::word(t.currency)),
        ("status", Cell::word(t.status)),
        ("qr_code_data", Cell::text(&t.qr_code_data)),
        ("ticket_pdf_path", Cell::text_or_null(t.ticket_pdf_path.as_deref())),
        ("generated_at", Cell::time_or_null(t.generated_at)),
        ("created_at", Cell::time(t.created_at)),
        ("updated_at", Cell::time(t.updated_at)),
        ("ticket_number", Cell::text(&t.ticket_number)),
        ("payment_id", Cell::text_or_null(t.payment_id.as_deref())),
        ("customer_id", Cell::text_or_null(t.customer_id.as_deref())),
        ("customer_name", Cell::text_or_null(t.customer_name.as_deref())),
        ("event_id", Cell::text(&t.event_id)),
        ("event_number", Cell::Int(t.event_number.into())),
        ("item_id", Cell::text_or_null(t.item_id.as_deref())),
        ("seat_id", Cell::text_or_null(t.seat_id.as_deref())),
        ("seat_key", seat_key(t).map_or(Cell::Null, |k| Cell::Text(k.into()))),
        ("line", Cell::text(&t.line)),
        ("unit", Cell::Int(t.unit.into())),
        ("ticket_index", Cell::Int(t.ticket_index.into())),
        ("ticket_count", Cell::Int(t.ticket_count.into())),
        ("section", Cell::text_or_null(t.section.as_deref())),
        ("row_label", Cell::text_or_null(t.row.as_deref())),
        ("seat_number", Cell::text_or_null(t.seat_number.as_deref())),
        ("category", Cell::text_or_null(t.category.as_deref())),
        ("category_number", Cell::Int(t.category_number.into())),
        ("holder_name", Cell::text_or_null(t.holder_name.as_deref())),
        ("holder_email", Cell::text_or_null(t.holder_email.as_deref())),
        ("organizer_id", Cell::text_or_null(t.organizer_id.as_deref())),
        ("organizer_name", Cell::text_or_null(t.organizer_name.as_deref())),
        ("event_starts_at", Cell::time_or_null(t.event_starts_at)),
        ("event_ends_at", Cell::time_or_null(t.event_ends_at)),
        ("doors_at", Cell::time_or_null(t.doors_at)),
        ("time_zone", Cell::text_or_null(t.time_zone.as_deref())),
        ("venue_name", Cell::text_or_null(t.venue_name.as_deref())),
        ("venue_address", Cell::text_or_null(t.venue_address.as_deref())),
        ("locale", Cell::text_or_null(t.locale.as_deref())),
        ("template", Cell::text(&t.template)),
        ("renderer", Cell::text(&t.renderer)),
        ("cti", Cell::Bytes(&t.cti)),
        ("era", Cell::Int(t.era.into())),
        ("generation", Cell::Int(t.generation.into())),
        ("kid", Cell::text(&t.kid)),
        ("issued_at", Cell::time(t.issued_at)),
        ("sha256", t.sha256.as_ref().map_or(Cell::Null, |h| Cell::Bytes(h))),
        ("size", size),
        ("sequence", Cell::Int(t.sequence.into())),
        ("attempts", Cell::Int(t.attempts.into())),
        ("last_error", Cell::text_or_null(t.last_error.as_deref())),
        ("voided_at", Cell::time_or_null(t.voided_at)),
        ("void_reason", Cell::text_or_null(t.void_reason.as_deref())),
        ("delivered_at", Cell::time_or_null(t.delivered_at)),
        ("delivery_channel", Cell::text_or_null(t.delivery_channel.as_deref())),
        ("first_downloaded_at", Cell::time_or_null(t.first_downloaded_at)),
        ("erased_at", Cell::time_or_null(t.erased_at)),
        ("flags", Cell::Text(t.flags.to_stored().into())),
    ]
}

/// Reads them back.
pub(crate) fn ticket_from(row: &impl Row) -> Result<Ticket> {
    Ok(Ticket {
        id: need("id", row.ticket_id("id")?)?,
        order_id: row.order_id()?,
        customer_email: need("customer_email", row.text("customer_email")?)?,
        event_name: need("event_name", row.text("event_name")?)?,
        seat: need("seat", row.text("seat")?)?,
        price: need("price", row.amount("price")?)?,
        currency: need("currency", row.currency("currency")?)?,
        status: row.word("status")?,
        qr_code_data: need("qr_code_data", row.text("qr_code_data")?)?,
        ticket_pdf_path: row.text("ticket_pdf_path")?,
        generated_at: row.time("generated_at")?,
        created_at: need("created_at", row.time("created_at")?)?,
        updated_at: need("updated_at", row.time("updated_at")?)?,
        ticket_number: need("ticket_number", row.text("ticket_number")?)?,
        payment_id: row.text("payment_id")?,
        customer_id: row.text("customer_id")?,
        customer_name: row.text("customer_name")?,
        event_id: need("event_id", row.text("event_id")?)?,
        event_number: row.number("event_number")?,
        item_id: row.text("item_id")?,
        seat_id: row.text("seat_id")?,
        line: need("line", row.text("line")?)?,
        unit: row.number("unit")?,
        ticket_index: row.number("ticket_index")?,
        ticket_count: row.number("ticket_count")?,
        section: row.text("section")?,
        row: row.text("row_label")?,
        seat_number: row.text("seat_number")?,
        category: row.text("category")?,
        category_number: row.number("category_number")?,
        holder_name: row.text("holder_name")?,
        holder_email: row.text("holder_email")?,
        organizer_id: row.text("organizer_id")?,
        organizer_name: row.text("organizer_name")?,
        event_starts_at: row.time("event_starts_at")?,
        event_ends_at: row.time("event_ends_at")?,
        doors_at: row.time("doors_at")?,
        time_zone: row.text("time_zone")?,
        venue_name: row.text("venue_name")?,
        venue_address: row.text("venue_address")?,
        locale: row.text("locale")?,
        template: need("template", row.text("template")?)?,
        renderer: need("renderer", row.text("renderer")?)?,
        cti: need("cti", row.array("cti")?)?,
        era: row.number("era")?,
        generation: row.number("generation")?,
        kid: need("kid", row.text("kid")?)?,
        issued_at: need("issued_at", row.time("issued_at")?)?,
        sha256: row.array("sha256")?,
        size: row.int("size")?.map(|n| u64::try_from(n).map_err(|_| odd("size", n))).transpose()?,
        sequence: row.number("sequence")?,
        attempts: row.number("attempts")?,
        last_error: row.text("last_error")?,
        voided_at: row.time("voided_at")?,
        void_reason: row.text("void_reason")?,
        delivered_at: row.time("delivered_at")?,
        delivery_channel: row.text("delivery_channel")?,
        first_downloaded_at: row.time("first_downloaded_at")?,
        erased_at: row.time("erased_at")?,
        flags: Flags::from_stored(&need("flags", row.text("flags")?)?),
    })
}

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

/// The ticket as it reads after it was stored: its times in whole microseconds, its texts without NUL.
pub(crate) fn as_stored(mut ticket: Ticket) -> Ticket {
    let t = &mut ticket;
    for text in [
        &mut t.customer_email,
        &mut t.event_name,
        &mut t.seat,
        &mut t.qr_code_data,
        &mut t.ticket_number,
        &mut t.event_id,
        &mut t.line,
        &mut t.template,
        &mut t.renderer,
        &mut t.kid,
    ] {
        without_nul(text);
    }
    for text in [
        &mut t.ticket_pdf_path,
        &mut t.payment_id,
        &mut t.customer_id,
        &mut t.customer_name,
        &mut t.item_id,
        &mut t.seat_id,
        &mut t.section,
        &mut t.row,
        &mut t.seat_number,
        &mut t.category,
        &mut t.holder_name,
        &mut t.holder_email,
        &mut t.organizer_id,
        &mut t.organizer_name,
        &mut t.time_zone,
        &mut t.venue_name,
        &mut t.venue_address,
        &mut t.locale,
        &mut t.last_error,
        &mut t.void_reason,
        &mut t.delivery_channel,
    ]
    .into_iter()
    .flatten()
    {
        without_nul(text);
    }
    for at in [&mut t.created_at, &mut t.updated_at, &mut t.issued_at] {
        *at = storable(*at);
    }
    for at in [
        &mut t.generated_at,
        &mut t.event_starts_at,
        &mut t.event_ends_at,
        &mut t.doors_at,
        &mut t.voided_at,
        &mut t.delivered_at,
        &mut t.first_downloaded_at,
        &mut t.erased_at,
    ]
    .into_iter()
    .flatten()
    {
        *at = storable(*at);
    }
    ticket
}

fn without_nul(text: &mut String) {
    if text.contains('\0') {
        text.retain(|c| c != '\0');
    }
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
