//! Kafka positions in SQLite.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::SqliteStore;
use super::rows::positions::advance;
use crate::Result;
use crate::decide::migrations::{POSITIONS, TABLE};
use crate::decide::positions::{position_columns, position_from};
use crate::positions::{Position, Positions};

#[async_trait]
impl Positions for SqliteStore {
    async fn positions(&self, cluster: &str, group: &str) -> Result<Vec<Position>> {
        let sql = concat!(
            "SELECT ",
            position_columns!(),
            " FROM kafka_positions WHERE cluster_id = ?1 AND group_id = ?2 ORDER BY topic, partition_id"
        );
        let rows = sqlx::query(sql).bind(cluster).bind(group).fetch_all(&self.read).await?;
        rows.iter().map(position_from).collect()
    }

    async fn advance(&self, positions: &[Position]) -> Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        advance(&mut tx, self.now(), positions).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn predates_positions(&self) -> Result<bool> {
        let mut db = self.read.acquire().await?;
        if any(&mut db).await? {
            return Ok(false);
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM payments WHERE datetime(received_at) < \
             (SELECT datetime(installed_on) FROM {TABLE} WHERE version = {POSITIONS}))"
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *db).await?)
    }

    async fn adopt_positions(&self, positions: &[Position]) -> Result<bool> {
        let mut tx = self.begin().await?;
        if any(&mut tx).await? {
            return Ok(false);
        }
        advance(&mut tx, self.now(), positions).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn any(db: &mut SqliteConnection) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM kafka_positions)").fetch_one(db).await?)
}
