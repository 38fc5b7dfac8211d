//! Moves the Kafka positions of partitions forward.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::decide::positions::{advance_on_conflict, furthest, position_columns};
use crate::decide::sql_values::rfc3339;
use crate::{Position, Result};

/// Moves positions forward, within the transaction that stores what was read.
pub(crate) async fn advance(db: &mut SqliteConnection, now: Timestamp, positions: &[Position]) -> Result<()> {
    let sql = concat!(
        "INSERT INTO kafka_positions (",
        position_columns!(),
        ", updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        advance_on_conflict!()
    );
    for Position { partition, epoch, next, mark } in furthest(positions) {
        sqlx::query(sql)
            .bind(&partition.cluster)
            .bind(&partition.group)
            .bind(&partition.topic)
            .bind(partition.number)
            .bind(epoch)
            .bind(next)
            .bind(mark.map(|mark| mark.offset))
            .bind(mark.and_then(|mark| mark.timestamp))
            .bind(mark.as_ref().map(|mark| &mark.hash[..]))
            .bind(rfc3339(now))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
