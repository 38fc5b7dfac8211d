//! Kafka positions in PostgreSQL.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};

use super::PgStore;
use super::rows::positions::advance;
use crate::Result;
use crate::decide::migrations::{POSITIONS, TABLE};
use crate::decide::positions::{position_columns, position_from};
use crate::decide::sql_values::clean;
use crate::positions::{Position, Positions};

#[async_trait]
impl Positions for PgStore {
    async fn positions(&self, cluster: &str, group: &str) -> Result<Vec<Position>> {
        let sql = concat!(
            "SELECT ",
            position_columns!(),
            " FROM kafka_positions WHERE cluster_id = $1 AND group_id = $2 ORDER BY topic, partition_id"
        );
        let query = sqlx::query(sql).bind(clean(cluster)).bind(clean(group));
        query.fetch_all(&self.pool).await?.iter().map(position_from).collect()
    }

    async fn advance(&self, positions: &[Position]) -> Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        advance(&mut tx, positions).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn predates_positions(&self) -> Result<bool> {
        let mut db = self.pool.acquire().await?;
        if any(&mut db).await? {
            return Ok(false);
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM payments WHERE received_at < \
             (SELECT installed_on FROM {TABLE} WHERE version = {POSITIONS}))"
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *db).await?)
    }

    async fn adopt_positions(&self, positions: &[Position]) -> Result<bool> {
        let mut tx = self.begin().await?;
        // Members of the group may start at the same moment; only this statement writes without having a position
        // already.
        sqlx::query("LOCK TABLE kafka_positions IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        if any(&mut tx).await? {
            return Ok(false);
        }
        advance(&mut tx, positions).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn any(db: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM kafka_positions)").fetch_one(db).await?)
}
