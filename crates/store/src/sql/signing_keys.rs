//! Statements about signing keys that leaked.

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;

use super::rows::audit::audit;
use super::rows::deviations::keys_changed;
use super::{Db, Sql, Transaction as _};
use crate::decide::signing_keys::{over, revoked_from};
use crate::decide::sql_values::Row as _;
use crate::{Action, Actor, AuditEntry, NewCode, Result, RevokedKey, SigningKeys};

/// Every tombstone, oldest first.
pub(crate) async fn revoked(db: &mut impl Db) -> Result<Vec<RevokedKey>> {
    let sql = "SELECT kid, public_key, reason, who, revoked_at FROM revoked_keys ORDER BY revoked_at, kid";
    db.fetch_all(sql, &[]).await?.iter().map(revoked_from).collect()
}

#[async_trait]
impl<S: Sql> SigningKeys for S {
    async fn revoke_key(&self, key: &RevokedKey, by: &Actor) -> Result<RevokedKey> {
        // An event that is numbered meanwhile would not learn of it.
        let mut tx = self.begin_numbering().await?;
        let sql = "INSERT INTO revoked_keys (kid, public_key, reason, who, revoked_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT DO NOTHING";
        let RevokedKey { kid, public_key, reason, who, revoked_at } = key;
        let cells = [kid.into(), public_key.into(), reason.into(), who.into(), (*revoked_at).into()];
        if tx.execute(sql, &cells).await? > 0 {
            audit(&mut tx, AuditEntry::new(by, Action::RevokeKey).subject(kid)).await?;
            keys_changed(&mut tx).await?;
        }
        let sql = "SELECT kid, public_key, reason, who, revoked_at FROM revoked_keys WHERE kid = $1";
        let recorded = revoked_from(&tx.fetch_one(sql, &[kid.into()]).await?)?;
        crate::step!("before-revoke-commit");
        tx.commit().await?;
        Ok(recorded)
    }

    async fn revoked_keys(&self) -> Result<Vec<RevokedKey>> {
        revoked(&mut self.read().await?).await
    }

    async fn live_tickets_of_key(&self, kid: &str, since: Timestamp) -> Result<u64> {
        let sql = concat!(
            "SELECT count(*) AS tickets FROM tickets WHERE kid = $1 AND voided_at IS NULL AND NOT ",
            over!("$2")
        );
        self.read().await?.fetch_one(sql, &[kid.into(), since.into()]).await?.number("tickets")
    }

    async fn live_code(&self, kid: &str, event: u32, cti: [u8; 10]) -> Result<Option<String>> {
        let sql = "SELECT qr_code_data FROM tickets WHERE kid = $1 AND event_number = $2 AND cti = $3 \
                   AND voided_at IS NULL AND status IN ('Generated', 'Delivered')";
        let cells = [kid.into(), event.into(), (&cti).into()];
        let row = self.read().await?.fetch_optional(sql, &cells).await?;
        row.map_or(Ok(None), |row| row.text("qr_code_data"))
    }

    async fn sign_anew(&self, order: OrderId, fence: i64, codes: &[NewCode]) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "SELECT 1 FROM orders WHERE order_id = $1 AND fence = $2 AND state <> 'voided' @lock";
        if !tx.exists(sql, &[order.into(), fence.into()]).await? {
            return Ok(false);
        }
        let mut codes: Vec<_> = codes.iter().collect();
        // Tickets are locked in the order of their ids.
        codes.sort_by_key(|code| code.ticket);
        for NewCode { ticket, data, kid } in codes {
            let sql = "UPDATE tickets SET qr_code_data = $2, kid = $3, updated_at = @now WHERE id = $1 \
                       AND order_id = $4 AND status IN ('Pending', 'Failed') AND voided_at IS NULL";
            tx.execute(sql, &[(*ticket).into(), data.into(), kid.into(), order.into()]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
