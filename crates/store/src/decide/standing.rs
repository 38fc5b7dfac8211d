//! What is recorded against a code's id.

use crate::decide::sql_values::{Row, need};
use crate::{CodeStanding, Result};

/// Uses the indexes of the few tickets that are void or reissued; `$1` is the id in bytes, `$2` in hexadecimal digits.
/// A former id of a reinstated ticket stays void.
pub(crate) const STANDING: &str = "SELECT coalesce(max(voided), 0) AS voided, coalesce(max(lowest), 0) AS lowest \
     FROM (SELECT CAST(CASE WHEN voided_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS voided, generation AS lowest \
     FROM tickets WHERE cti = $1 AND (voided_at IS NOT NULL OR generation > 0) \
     UNION ALL SELECT CAST(CASE WHEN t.cti = $1 THEN 0 ELSE 1 END AS BIGINT), r.generation \
     FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id WHERE r.cti = $2) AS known";

/// Reads its result.
pub(crate) fn standing_from(row: &impl Row) -> Result<CodeStanding> {
    Ok(CodeStanding {
        voided: need("voided", row.int("voided")?)? != 0,
        lowest_good_generation: row.number("lowest")?,
    })
}
