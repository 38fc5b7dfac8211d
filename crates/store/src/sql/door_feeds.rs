//! Statements about the feeds of doors.

use async_trait::async_trait;
use fulfillment_credential::{Claims, Standing, decode_unverified};

use super::rows::event_records::{complete, epoch};
use super::{Db, Sql, signing_keys};
use crate::Result;
use crate::decide::event_records::{event_record_columns, event_record_from, rules_from};
use crate::decide::sql_values::{Row, need};
use crate::door_feeds::{Deviation, DoorFeed, DoorFeeds};
use crate::sql::installation::keys;

#[async_trait]
impl<S: Sql> DoorFeeds for S {
    async fn door_version(&self, event: &str) -> Result<Option<(u64, u64)>> {
        let sql = "SELECT feed_version, coalesce((SELECT epoch FROM installation WHERE id = 1), 1) AS epoch \
                   FROM events WHERE event_id = $1";
        let row = self.read().await?.fetch_optional(sql, &[event.into()]).await?;
        row.map(|row| Ok((row.number("epoch")?, row.number("feed_version")?))).transpose()
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

    async fn still_good(&self, event: u32, kid: &str) -> Result<Vec<Claims>> {
        let sql = "SELECT qr_code_data FROM tickets WHERE kid = $1 AND event_number = $2 AND voided_at IS NULL \
                   AND status IN ('Generated', 'Delivered') ORDER BY cti";
        let rows = self.read().await?.fetch_all(sql, &[kid.into(), event.into()]).await?;
        let codes = rows.iter().map(|row| need("qr_code_data", row.text("qr_code_data")?));
        let codes: Vec<_> = codes.collect::<Result<_>>()?;
        Ok(codes.iter().filter_map(|code| Some(decode_unverified(code).ok()?.claims)).collect())
    }
}

fn deviation_from(row: &impl Row) -> Result<Deviation> {
    let lowest_good_generation = row.number("lowest_good")?;
    Ok(Deviation {
        cti: need("cti", row.array("cti")?)?,
        standing: Standing { lowest_good_generation, voided: row.number::<u8>("voided")? != 0 },
        version: row.number("version")?,
    })
}
