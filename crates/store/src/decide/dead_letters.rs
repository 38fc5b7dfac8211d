//! Reading rows about dead letters and parked orders.

use crate::decide::headers;
use crate::decide::sql_values::{Row, need};
use crate::{ClosedAs, Closing, DeadLetterRecord, KeptMessage, ParkedOrder, Result, WholeDeadLetter};

/// An operator has dealt with the payments of void orders; `$1` are the orders.
pub(crate) const SEEN_TO: &str = "UPDATE payments SET late = 2 WHERE order_id @any($1)";

/// The columns of a dead letter. The length of its value is known without reading it.
macro_rules! letter_columns {
    () => {
        "id, kind, about, order_id, reason, field, source, source_timestamp, CAST(length(raw) AS BIGINT) AS bytes, \
         received_at, attempts, closed_at, closed_as, note"
    };
}
pub(crate) use letter_columns;

/// Reads those columns.
pub(crate) fn letter_from(row: &impl Row) -> Result<DeadLetterRecord> {
    Ok(DeadLetterRecord {
        id: row.number("id")?,
        kind: row.word("kind")?,
        about: row.word("about")?,
        order_id: row.uuid("order_id")?.map(fulfillment_domain::OrderId),
        reason: need("reason", row.text("reason")?)?,
        field: row.text("field")?,
        source: need("source", row.text("source")?)?,
        source_timestamp: row.int("source_timestamp")?,
        bytes: row.number("bytes")?,
        received_at: need("received_at", row.time("received_at")?)?,
        attempts: row.number("attempts")?,
        closed_at: row.time("closed_at")?,
        closed_as: row.word_or_none("closed_as")?,
        note: row.text("note")?,
    })
}

/// Reads those columns and `key, raw, headers`.
pub(crate) fn whole_letter_from(row: &impl Row) -> Result<WholeDeadLetter> {
    Ok(WholeDeadLetter {
        record: letter_from(row)?,
        key: row.bytes("key")?,
        raw: need("raw", row.bytes("raw")?)?,
        headers: headers::decode(&need("headers", row.bytes("headers")?)?)?,
    })
}

/// How a letter is closed, if it is, and its note.
pub(crate) fn closed_as(closing: &Closing) -> (Option<ClosedAs>, &str) {
    match closing {
        Closing::Replayed(note) => (Some(ClosedAs::Replayed), note),
        Closing::Dropped(note) => (Some(ClosedAs::Dropped), note),
        Closing::InVain(note) => (None, note),
    }
}

/// Reads `order_id, reason, attempts, parked_at, due_at`.
pub(crate) fn parked_from(row: &impl Row) -> Result<ParkedOrder> {
    Ok(ParkedOrder {
        order_id: row.order_id()?,
        reason: row.text("reason")?,
        attempts: row.number("attempts")?,
        parked_at: row.time("parked_at")?,
        next_attempt_at: row.time("due_at")?,
    })
}

/// Reads `source, key, raw, headers, outcome, received_at`.
pub(crate) fn message_from(row: &impl Row) -> Result<KeptMessage> {
    let headers = row.bytes("headers")?.map(|bytes| headers::decode(&bytes)).transpose()?;
    Ok(KeptMessage {
        source: need("source", row.text("source")?)?,
        key: row.bytes("key")?,
        raw: row.bytes("raw")?,
        headers: headers.unwrap_or_default(),
        outcome: need("outcome", row.text("outcome")?)?,
        received_at: need("received_at", row.time("received_at")?)?,
    })
}
