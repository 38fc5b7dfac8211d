//! Statements about signing the tickets of a key anew.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::Ticket;
use jiff::Timestamp;

use super::rows::audit::audit;
use super::{Db as _, Sql, Transaction as _};
use crate::decide::later;
use crate::decide::signing_keys::{job_from, over};
use crate::decide::sql_values::SqlValue;
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::{Action, Actor, AuditEntry, KeyCursor, KeyReissue, KeyReissueNext, KeyReissues, Result};

/// The columns of a job.
macro_rules! columns {
    () => {
        "kid, reason, who, requested_at, total, done, failed, last_error, after_event, after_cti, finished_at"
    };
}

fn number<'a>(number: u64) -> SqlValue<'a> {
    SqlValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[async_trait]
impl<S: Sql> KeyReissues for S {
    async fn request_key_reissue(
        &self,
        kid: &str,
        reason: Option<&str>,
        by: &Actor,
        total: u64,
    ) -> Result<KeyReissue> {
        let mut tx = self.begin().await?;
        let sql = "DELETE FROM key_reissues WHERE kid = $1 AND finished_at IS NOT NULL";
        tx.execute(sql, &[kid.into()]).await?;
        let sql = "INSERT INTO key_reissues (kid, reason, who, requested_at, total, after_cti) \
                   VALUES ($1, $2, $3, @now, $4, $5) ON CONFLICT DO NOTHING";
        let start: &[u8] = &[];
        let cells = [kid.into(), reason.into(), by.name().into(), number(total), start.into()];
        if tx.execute(sql, &cells).await? > 0 {
            audit(&mut tx, AuditEntry::new(by, Action::ReissueKey).subject(kid).times(total)).await?;
        }
        let sql = concat!("SELECT ", columns!(), " FROM key_reissues WHERE kid = $1");
        let job = job_from(&tx.fetch_one(sql, &[kid.into()]).await?)?;
        tx.commit().await?;
        Ok(job)
    }

    async fn key_reissues(&self) -> Result<Vec<KeyReissue>> {
        let sql = concat!("SELECT ", columns!(), " FROM key_reissues ORDER BY requested_at, kid");
        self.read().await?.fetch_all(sql, &[]).await?.iter().map(job_from).collect()
    }

    async fn claim_key_reissue(
        &self,
        worker: &str,
        lease: Duration,
        kid: Option<&str>,
    ) -> Result<Option<KeyReissue>> {
        // Mostly there is none: looking takes no lock.
        let due =
            "SELECT 1 FROM key_reissues WHERE finished_at IS NULL AND (due_at IS NULL OR due_at <= @now)";
        if !self.read().await?.exists(due, &[]).await? {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let until = later(tx.now().await?, lease);
        // The condition is there twice: after waiting for a concurrent claim, only the outer one is looked at again.
        let sql = concat!(
            "UPDATE key_reissues SET worker = $1, due_at = $2 WHERE finished_at IS NULL \
             AND (due_at IS NULL OR due_at <= @now) AND kid = (SELECT kid FROM key_reissues \
             WHERE finished_at IS NULL AND (due_at IS NULL OR due_at <= @now) AND ($3 = '' OR kid = $3) \
             ORDER BY requested_at, kid LIMIT 1) RETURNING ",
            columns!()
        );
        let cells = [worker.into(), until.into(), kid.unwrap_or_default().into()];
        let row = tx.fetch_optional(sql, &cells).await?;
        let job = row.as_ref().map(job_from).transpose()?;
        tx.commit().await?;
        Ok(job)
    }

    async fn record_key_reissue(&self, worker: &str, job: &KeyReissue, next: KeyReissueNext) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = tx.now().await?;
        let (due, finished) = match next {
            KeyReissueNext::After(time) => (Some(later(now, time)), None),
            KeyReissueNext::Finished => (None, Some(now)),
        };
        let sql = "UPDATE key_reissues SET done = $3, failed = $4, last_error = $5, after_event = $6, \
                   after_cti = $7, worker = NULL, due_at = $8, finished_at = $9 WHERE kid = $1 AND worker = $2";
        let cells = [
            (&job.kid).into(),
            worker.into(),
            number(job.done),
            number(job.failed),
            job.last_error.as_ref().into(),
            job.after.event.into(),
            (&job.after.cti).into(),
            due.into(),
            finished.into(),
        ];
        let recorded = tx.execute(sql, &cells).await? == 1;
        tx.commit().await?;
        Ok(recorded)
    }

    async fn tickets_of_key(
        &self,
        kid: &str,
        since: Timestamp,
        after: &KeyCursor,
        limit: usize,
    ) -> Result<Vec<Ticket>> {
        let sql = concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM tickets WHERE kid = $1 AND voided_at IS NULL AND (event_number, cti) > ($3, $4) AND NOT ",
            over!("$2"),
            " AND erased_at IS NULL AND generation < 255 AND status IN ('Generated', 'Delivered') \
             ORDER BY event_number, cti LIMIT $5"
        );
        let cells =
            [kid.into(), since.into(), after.event.into(), (&after.cti).into(), SqlValue::limit(limit)];
        self.read().await?.fetch_all(sql, &cells).await?.iter().map(ticket_from).collect()
    }
}
