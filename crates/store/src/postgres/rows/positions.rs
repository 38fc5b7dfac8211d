//! Moves the Kafka positions of partitions forward.

use sqlx::PgConnection;

use crate::decide::positions::{advance_on_conflict, furthest, position_columns};
use crate::decide::sql_values::clean;
use crate::{Position, Result};

/// Moves positions forward, within the transaction that stores what was read, and as its last write: the next batch of
/// a partition waits for this row.
pub(crate) async fn advance(db: &mut PgConnection, positions: &[Position]) -> Result<()> {
    let positions = furthest(positions);
    if positions.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($p:ident => $value:expr) => {
            positions.iter().map(|$p| $value).collect::<Vec<_>>()
        };
    }
    let sql = concat!(
        "INSERT INTO kafka_positions (",
        position_columns!(),
        ", updated_at) SELECT n.*, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], \
         $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[]) \
         AS n(cluster_id, group_id, topic, partition_id, epoch, next_offset, mark_offset, mark_timestamp, mark_hash) \
         ORDER BY n.cluster_id, n.group_id, n.topic, n.partition_id",
        advance_on_conflict!()
    );
    sqlx::query(sql)
        .bind(column!(p => clean(&p.partition.cluster)))
        .bind(column!(p => clean(&p.partition.group)))
        .bind(column!(p => clean(&p.partition.topic)))
        .bind(column!(p => i64::from(p.partition.number)))
        .bind(column!(p => p.epoch))
        .bind(column!(p => p.next))
        .bind(column!(p => p.mark.map(|mark| mark.offset)))
        .bind(column!(p => p.mark.and_then(|mark| mark.timestamp)))
        .bind(column!(p => p.mark.as_ref().map(|mark| &mark.hash[..])))
        .execute(db)
        .await?;
    Ok(())
}
