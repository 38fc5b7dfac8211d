//! Shared code and SQL for signing keys that leaked.

use crate::decide::sql_values::{Row, need};
use crate::{KeyCursor, KeyReissue, Result, RevokedKey};

/// Whether a ticket's event was over at the time that `$at` has. An end before the start does not count, and neither do
/// dates before the year 2000, which are defaults of other systems; an event without dates is not over.
macro_rules! over {
    ($at:literal) => {
        concat!(
            "(CASE WHEN event_ends_at >= '2000-01-01T00:00:00.000000Z' \
             AND (event_starts_at IS NULL OR event_ends_at > event_starts_at) THEN event_ends_at < ",
            $at,
            " WHEN event_starts_at >= '2000-01-01T00:00:00.000000Z' THEN event_starts_at < ",
            $at,
            " ELSE 1 = 0 END)"
        )
    };
}
pub(crate) use over;

/// Reads a job that signs the tickets of a key anew.
pub(crate) fn job_from(row: &impl Row) -> Result<KeyReissue> {
    Ok(KeyReissue {
        kid: need("kid", row.text("kid")?)?,
        reason: row.text("reason")?,
        who: need("who", row.text("who")?)?,
        requested_at: need("requested_at", row.time("requested_at")?)?,
        total: row.number("total")?,
        done: row.number("done")?,
        failed: row.number("failed")?,
        last_error: row.text("last_error")?,
        finished_at: row.time("finished_at")?,
        after: KeyCursor {
            event: row.number("after_event")?,
            cti: need("after_cti", row.bytes("after_cti")?)?,
        },
    })
}

/// Reads a tombstone.
pub(crate) fn revoked_from(row: &impl Row) -> Result<RevokedKey> {
    Ok(RevokedKey {
        kid: need("kid", row.text("kid")?)?,
        public_key: need("public_key", row.array("public_key")?)?,
        reason: need("reason", row.text("reason")?)?,
        who: need("who", row.text("who")?)?,
        revoked_at: need("revoked_at", row.time("revoked_at")?)?,
    })
}
