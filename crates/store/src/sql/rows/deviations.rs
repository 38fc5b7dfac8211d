//! What doors have to know of codes, and the versions that count it.

use std::collections::BTreeMap;

use fulfillment_credential::{Cti, Standing};
use fulfillment_domain::Ticket;
use serde_json::json;

use super::locks;
use crate::Result;
use crate::decide::sql_values::SqlValue;
use crate::sql::Db;

/// What became of codes, by event and id.
#[derive(Default)]
pub(crate) struct Deviations(BTreeMap<(u32, Cti), Standing>);

impl Deviations {
    /// Of voided tickets.
    pub(crate) fn voided<'a>(tickets: impl IntoIterator<Item = &'a Ticket>) -> Self {
        let mut deviations = Self::default();
        for ticket in tickets {
            deviations.void(ticket);
        }
        deviations
    }

    /// No code of this id is good any more.
    pub(crate) fn void(&mut self, ticket: &Ticket) {
        self.add(ticket, true);
    }

    /// Of the ticket's codes this generation is good, and none before it.
    pub(crate) fn replace(&mut self, ticket: &Ticket) {
        self.add(ticket, false);
    }

    fn add(&mut self, ticket: &Ticket, voided: bool) {
        let lowest_good_generation = u8::try_from(ticket.code.generation).unwrap_or(u8::MAX);
        let standing = Standing { lowest_good_generation, voided };
        if standing != Standing::default() {
            let known = self.0.entry((ticket.event.number, ticket.code.cti)).or_default();
            *known = known.and(standing);
        }
    }

    /// Writes them, each event's with a new version of its feed. Whatever a row said before stays true. The records of the
    /// events in `noted` are locked too: whoever writes them afterwards must not lock that level again.
    pub(crate) async fn write(self, db: &mut impl Db, noted: &[&str]) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let rows = self.0.iter().map(|((event, cti), standing)| {
            json!({
                "event": event, "cti": hex::encode(cti),
                "lowest": standing.lowest_good_generation, "voided": i64::from(standing.voided),
            })
        });
        let rows = serde_json::Value::from(rows.collect::<Vec<_>>()).to_string();
        let rows = || SqlValue::from(&rows);
        locks::feeds(db, rows(), noted).await?;
        let sql = "UPDATE events SET feed_version = feed_version + 1 \
                   WHERE number IN (SELECT event FROM @records(event bigint))";
        db.execute(sql, &[rows()]).await?;
        let sql = "INSERT INTO door_deviations (event_number, cti, lowest_good, voided, version) \
                   SELECT e.number, @unhex(n.cti), n.lowest, n.voided, e.feed_version \
                   FROM @records(event bigint, cti text, lowest bigint, voided bigint) \
                   JOIN events e ON e.number = n.event WHERE TRUE \
                   ON CONFLICT (event_number, cti) DO UPDATE SET \
                   lowest_good = @greatest(door_deviations.lowest_good, excluded.lowest_good), \
                   voided = @greatest(door_deviations.voided, excluded.voided), version = excluded.version";
        db.execute(sql, &[rows()]).await?;
        Ok(())
    }
}

/// The keys changed: every feed has a new head. No other transaction may number events meanwhile. An event that nobody
/// has said anything about still waits for its first details.
pub(crate) async fn keys_changed(db: &mut impl Db) -> Result<()> {
    locks::all_feeds(db).await?;
    let sql = "UPDATE events SET feed_version = feed_version + 1, \
               head_version = CASE WHEN head_version > 0 THEN feed_version + 1 ELSE 0 END";
    db.execute(sql, &[]).await?;
    Ok(())
}
