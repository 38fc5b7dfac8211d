//! Statements about who was admitted, as scanners are told.

use std::collections::BTreeSet;

use fulfillment_credential::Cti;
use fulfillment_door::feed::{Direction, Prefix};
use serde_json::{Value, json};

use super::Db;
use crate::Result;
use crate::decide::admissions::{Gone, admitted, prefix};
use crate::decide::sql_values::{Row, SqlValue, need};

/// An entry or exit, with the id of the ticket's live code.
macro_rules! gone {
    () => {
        "SELECT c.subject, t.cti, c.direction, c.scanned_at, c.sequence FROM check_ins c \
         LEFT JOIN tickets t ON t.id = c.ticket_id WHERE c.event_number = $1 AND c.counts = 1"
    };
}

/// The tickets that moved after a check-in.
const MOVED: &str = "SELECT DISTINCT c.subject, t.cti FROM check_ins c LEFT JOIN tickets t ON t.id = c.ticket_id \
     WHERE c.event_number = $1 AND c.sequence > $2 AND c.counts = 1 AND c.subject IS NOT NULL";

/// All that these tickets did.
const OF_THESE: &str = concat!(gone!(), " AND c.subject @any($2)");

/// The live codes between these ids.
const ALIKE: &str = "SELECT t.cti FROM @records(low text, high text) JOIN keys k ON TRUE \
                     JOIN tickets t ON t.kid = k.kid AND t.event_number = $2 \
                     AND t.cti >= @unhex(n.low) AND t.cti <= @unhex(n.high) WHERE t.voided_at IS NULL";

/// What a delta asks.
#[cfg(feature = "conformance")]
pub(crate) const DELTA: [&str; 3] = [MOVED, OF_THESE, ALIKE];

/// Where the holders of an event's tickets went last: of all tickets, or of those that moved after a check-in.
pub(super) async fn read(db: &mut impl Db, event: u32, after: u64) -> Result<Vec<(Prefix, Direction, i64)>> {
    if after == 0 {
        let rows = db.fetch_all(concat!(gone!(), " AND c.subject IS NOT NULL"), &[event.into()]).await?;
        let gone = all(&rows)?;
        let sql = "SELECT t.cti FROM keys k JOIN tickets t ON t.kid = k.kid AND t.event_number = $1 \
                   WHERE t.voided_at IS NULL";
        let live = ctis(&db.fetch_all(sql, &[event.into()]).await?)?;
        return Ok(admitted(gone, live));
    }
    let after = SqlValue::Int(i64::try_from(after).unwrap_or(i64::MAX));
    let mut subjects = BTreeSet::new();
    for row in db.fetch_all(MOVED, &[event.into(), after]).await? {
        // A ticket may have come in by its code while it was not on record.
        subjects.extend(row.array::<10>("cti")?.map(hex::encode));
        subjects.insert(need("subject", row.text("subject")?)?);
    }
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let subjects = SqlValue::texts(subjects.iter().map(String::as_str));
    let rows = db.fetch_all(OF_THESE, &[event.into(), subjects]).await?;
    let gone = all(&rows)?;
    let live = alike(db, event, &gone).await?;
    Ok(admitted(gone, live))
}

/// The live codes of the event that begin as these do. An index has them by key, event and id.
async fn alike(db: &mut impl Db, event: u32, gone: &[Gone]) -> Result<Vec<Cti>> {
    let prefixes: BTreeSet<_> = gone.iter().map(|gone| prefix(&gone.cti)).collect();
    let ranges = prefixes.into_iter().map(|prefix| {
        let prefix = hex::encode(prefix);
        json!({ "low": format!("{prefix}0000000000"), "high": format!("{prefix}ffffffffff") })
    });
    let ranges = Value::from(ranges.collect::<Vec<_>>()).to_string();
    ctis(&db.fetch_all(ALIKE, &[ranges.into(), event.into()]).await?)
}

fn ctis(rows: &[impl Row]) -> Result<Vec<Cti>> {
    rows.iter().map(|row| need("cti", row.array("cti")?)).collect()
}

fn all(rows: &[impl Row]) -> Result<Vec<Gone>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut cti = row.array("cti")?;
        if cti.is_none() {
            let mut scanned = [0; 10];
            let subject = need("subject", row.text("subject")?)?;
            cti = hex::decode_to_slice(subject, &mut scanned).ok().map(|()| scanned);
        }
        let Some(cti) = cti else { continue };
        all.push(Gone {
            cti,
            is_exit: row.text("direction")?.as_deref() == Some("exit"),
            scanned_at: need("scanned_at", row.time("scanned_at")?)?,
            sequence: row.number("sequence")?,
        });
    }
    Ok(all)
}
