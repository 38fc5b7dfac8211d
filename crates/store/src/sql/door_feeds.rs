//! Statements about the feeds of doors.

use std::collections::HashMap;

use async_trait::async_trait;
use fulfillment_credential::{Claims, Standing, decode_unverified};

use super::rows::event_records::{complete, epoch};
use super::{Db, Sql, admissions, signing_keys};
use crate::Result;
use crate::decide::event_records::{event_record_columns, event_record_from, rules_from};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::door_feeds::{Admissions, Deviation, DoorFeed, DoorFeeds, DoorNames, DoorNumbers, DoorPosition};
use crate::sql::installation::keys;

/// The numbers of an event's tickets, whatever became of them.
pub(crate) const NUMBERS: &str = "SELECT ticket_number, cti FROM tickets WHERE event_number = $1";

#[async_trait]
impl<S: Sql> DoorFeeds for S {
    async fn door_version(&self, event: &str) -> Result<Option<(u64, u64)>> {
        let sql = "SELECT feed_version, coalesce((SELECT epoch FROM installation WHERE id = 1), 1) AS epoch \
                   FROM events WHERE event_id = $1";
        let row = self.read().await?.fetch_optional(sql, &[event.into()]).await?;
        row.map(|row| Ok((row.number("epoch")?, row.number("feed_version")?))).transpose()
    }

    async fn door_positions(&self, events: &[String]) -> Result<HashMap<String, DoorPosition>> {
        positions(&mut self.read().await?, events.iter().map(String::as_str)).await
    }

    async fn admissions(&self, event: &str, after: u64) -> Result<Option<Admissions>> {
        let mut db = self.snapshot().await?;
        let Some(position) = positions(&mut db, [event]).await?.remove(event) else { return Ok(None) };
        Ok(Some(Admissions {
            revoked: signing_keys::revoked(&mut db).await?,
            tickets: admissions::read(&mut db, position.event, after).await?,
            position,
        }))
    }

    async fn door_feed(&self, event: &str) -> Result<Option<DoorFeed>> {
        let mut db = self.snapshot().await?;
        let sql = concat!("SELECT ", event_record_columns!(), ", rules FROM events WHERE event_id = $1");
        let Some(row) = db.fetch_optional(sql, &[event.into()]).await? else { return Ok(None) };
        let (mut record, rules) = (event_record_from(&row)?, rules_from(&row)?);
        complete(&mut db, &mut record).await?;
        let sql = "SELECT number, category FROM categories WHERE event_id = $1 ORDER BY number";
        let rows = db.fetch_all(sql, &[event.into()]).await?;
        let named = |row| Ok((Row::number(row, "number")?, need("category", Row::text(row, "category")?)?));
        let categories = rows.iter().map(named).collect::<Result<_>>()?;
        let sql = "SELECT cti, lowest_good, voided, version FROM door_deviations WHERE event_number = $1 ORDER BY cti";
        let rows = db.fetch_all(sql, &[record.number.into()]).await?;
        Ok(Some(DoorFeed {
            rules,
            epoch: epoch(&mut db).await?,
            categories,
            keys: keys(&mut db).await?,
            revoked: signing_keys::revoked(&mut db).await?,
            deviations: rows.iter().map(deviation_from).collect::<Result<_>>()?,
            record,
        }))
    }

    async fn door_names(&self, event: &str) -> Result<Option<DoorNames>> {
        let mut db = self.snapshot().await?;
        let Some(position) = positions(&mut db, [event]).await?.remove(event) else { return Ok(None) };
        let sql = "SELECT cti, seat, coalesce(holder_name, customer_name) AS name FROM tickets \
                   WHERE event_number = $1 AND voided_at IS NULL AND erased_at IS NULL \
                   AND status IN ('Generated', 'Delivered') ORDER BY cti";
        let rows = db.fetch_all(sql, &[position.event.into()]).await?;
        let holders = rows.iter().map(|row| {
            let seat = need("seat", row.text("seat")?)?;
            Ok((need("cti", row.array("cti")?)?, row.text("name")?, seat))
        });
        let mut holders = holders.collect::<Result<Vec<_>>>()?;
        holders.dedup_by_key(|(cti, ..)| *cti);
        Ok(Some(DoorNames { revoked: signing_keys::revoked(&mut db).await?, holders, position }))
    }

    async fn door_numbers(&self, event: &str) -> Result<Option<DoorNumbers>> {
        let mut db = self.snapshot().await?;
        let Some(position) = positions(&mut db, [event]).await?.remove(event) else { return Ok(None) };
        let rows = db.fetch_all(NUMBERS, &[position.event.into()]).await?;
        let tickets = rows.iter().map(|row| {
            Ok((need("ticket_number", row.text("ticket_number")?)?, need("cti", row.array("cti")?)?))
        });
        let tickets = tickets.collect::<Result<_>>()?;
        Ok(Some(DoorNumbers { revoked: signing_keys::revoked(&mut db).await?, tickets, position }))
    }

    async fn still_good(&self, event: u32, kid: &str) -> Result<Vec<Claims>> {
        let sql = "SELECT qr_code_data FROM tickets WHERE kid = $1 AND event_number = $2 AND voided_at IS NULL \
                   AND status IN ('Generated', 'Delivered') ORDER BY cti";
        let rows = self.read().await?.fetch_all(sql, &[kid.into(), event.into()]).await?;
        let codes = rows.iter().map(|row| need("qr_code_data", row.text("qr_code_data")?));
        let codes: Vec<_> = codes.collect::<Result<_>>()?;
        Ok(codes.iter().filter_map(|code| Some(decode_unverified(code).ok()?.claims)).collect())
    }
}

async fn positions(
    db: &mut impl Db,
    events: impl IntoIterator<Item = &str>,
) -> Result<HashMap<String, DoorPosition>> {
    let sql = "SELECT e.event_id, e.number, e.feed_version, coalesce(d.sequence, 0) AS sequence, \
               coalesce((SELECT epoch FROM installation WHERE id = 1), 1) AS epoch \
               FROM events e LEFT JOIN doors d ON d.event_number = e.number WHERE e.event_id @any($1)";
    let rows = db.fetch_all(sql, &[SqlValue::texts(events)]).await?;
    let positions = rows.iter().map(|row| {
        let position = DoorPosition {
            event: row.number("number")?,
            epoch: row.number("epoch")?,
            version: row.number("feed_version")?,
            sequence: row.number("sequence")?,
        };
        Ok((need("event_id", row.text("event_id")?)?, position))
    });
    positions.collect()
}

fn deviation_from(row: &impl Row) -> Result<Deviation> {
    let lowest_good_generation = row.number("lowest_good")?;
    Ok(Deviation {
        cti: need("cti", row.array("cti")?)?,
        standing: Standing { lowest_good_generation, voided: row.number::<u8>("voided")? != 0 },
        version: row.number("version")?,
    })
}
