//! Determines which generation of a ticket a delivery is about.

use fulfillment_domain::{Delivered, Ticket};
use jiff::Timestamp;

use crate::Result;
use crate::decide::sql_values::{Row, odd};

/// A ticket's former generations, newest first; `$1` is the ticket.
pub(crate) const FORMER: &str = "SELECT generation, record, delivered_at FROM ticket_revisions WHERE ticket_id = $1 ORDER BY generation DESC";

/// Records that a former generation was delivered; `$1` is the ticket, `$2` the generation, `$3` when, `$4` how.
pub(crate) const NOTE_FORMER: &str = "UPDATE ticket_revisions SET delivered_at = $3, delivery_channel = $4 \
     WHERE ticket_id = $1 AND generation = $2 AND delivered_at IS NULL";

/// A generation that is not live any more.
pub(crate) struct Former {
    pub(crate) generation: u32,
    /// When its file was stored; unknown once its record was erased.
    stored_at: Option<Timestamp>,
    /// Whether its delivery is recorded.
    delivered: bool,
}

/// Reads a row of [`FORMER`].
pub(crate) fn former_from(row: &impl Row) -> Result<Former> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Record {
        generated_at: Option<Timestamp>,
        delivered_at: Option<Timestamp>,
    }
    let record = row.text("record")?.unwrap_or_default();
    let record: Record = serde_json::from_str(&record).map_err(|e| odd("record", e))?;
    Ok(Former {
        generation: row.number("generation")?,
        stored_at: record.generated_at,
        delivered: record.delivered_at.is_some() || row.time("delivered_at")?.is_some(),
    })
}

/// The generation that a delivery is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Live,
    /// A former generation whose delivery is not recorded yet.
    Former(u32),
    /// One whose delivery is recorded, or an unknown generation.
    Nothing,
}

/// Whether the former generations must be looked up: the message names another one, or was written before the live one
/// was stored.
pub(crate) fn asks_former(live: &Ticket, delivered: &Delivered) -> bool {
    match (delivered.generation, delivered.delivered_at) {
        (Some(generation), _) => generation != live.code.generation,
        (None, Some(at)) => live.document.generated_at.is_some_and(|stored| at < stored),
        (None, None) => false,
    }
}

/// The generation of a delivery that [`asks_former`]. Without a number it is the newest that had been stored by then; a
/// clock that is slightly behind must not lose the delivery of a ticket that was never reissued.
pub(crate) fn of(delivered: &Delivered, former: &[Former]) -> Of {
    let found = match (delivered.generation, delivered.delivered_at) {
        (Some(generation), _) => former.iter().find(|f| f.generation == generation),
        (None, at) if former.is_empty() || at.is_none() => return Of::Live,
        (None, at) => former.iter().find(|f| f.stored_at <= at).or(former.last()),
    };
    match found {
        Some(former) if !former.delivered => Of::Former(former.generation),
        _ => Of::Nothing,
    }
}

/// The text for the history.
pub(crate) fn note(generation: u32) -> String {
    format!("generation {generation} was delivered; it had been replaced by then")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn said(generation: Option<u32>, second: Option<i64>) -> Delivered {
        Delivered {
            ticket_id: fulfillment_domain::TicketId(uuid::Uuid::nil()),
            channel: None,
            delivered_at: second.map(at),
            generation,
        }
    }

    #[test]
    fn a_delivery_is_of_the_generation_that_there_was() {
        let former = |generation: u32| Former {
            generation,
            stored_at: Some(at(i64::from(generation) * 100)),
            delivered: generation == 1,
        };
        let all = [former(2), former(1), former(0)];
        for (generation, second, is_of) in [
            (Some(2), None, Of::Former(2)),
            (Some(2), Some(1), Of::Former(2)),
            (Some(1), None, Of::Nothing),
            (Some(7), None, Of::Nothing),
            (None, Some(250), Of::Former(2)),
            (None, Some(200), Of::Former(2)),
            (None, Some(150), Of::Nothing),
            (None, Some(50), Of::Former(0)),
            (None, Some(-50), Of::Former(0)),
        ] {
            assert_eq!(of(&said(generation, second), &all), is_of, "{generation:?} at {second:?}");
        }
        assert_eq!(of(&said(None, Some(-1)), &[]), Of::Live, "there was no other");
        assert_eq!(of(&said(Some(1), None), &[]), Of::Nothing);
    }
}
