//! Statements about the store's epoch.

use async_trait::async_trait;

use super::rows::audit::audit;
use super::rows::event_records::epoch;
use super::{Db as _, Sql, Transaction as _};
use crate::decide::sql_values::Row as _;
use crate::epoch::StoreEpoch;
use crate::{Action, Actor, AuditEntry, Result};

#[async_trait]
impl<S: Sql> StoreEpoch for S {
    async fn epoch(&self) -> Result<u64> {
        epoch(&mut self.read().await?).await
    }

    async fn new_epoch(&self, by: &Actor) -> Result<u64> {
        let mut tx = self.begin().await?;
        let now = tx.now().await?.as_second();
        let sql = "INSERT INTO installation (id, epoch) VALUES (1, @greatest(2, $1)) ON CONFLICT (id) \
                   DO UPDATE SET epoch = @greatest(installation.epoch + 1, $1) RETURNING epoch";
        let epoch: u64 = tx.fetch_one(sql, &[now.into()]).await?.number("epoch")?;
        audit(&mut tx, AuditEntry::new(by, Action::NewEpoch).subject(epoch.to_string())).await?;
        tx.commit().await?;
        Ok(epoch)
    }
}
