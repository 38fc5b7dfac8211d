//! Reading rows of Kafka positions.

use std::collections::BTreeMap;

use super::sql_values::{Row, need};
use crate::Result;
use crate::positions::{Mark, Partition, Position};

/// The update that both databases make to a recorded position.
macro_rules! advance_on_conflict {
    () => {
        " ON CONFLICT (cluster_id, group_id, topic, partition_id) DO UPDATE SET epoch = excluded.epoch, \
         next_offset = excluded.next_offset, mark_offset = excluded.mark_offset, \
         mark_timestamp = excluded.mark_timestamp, mark_hash = excluded.mark_hash, updated_at = excluded.updated_at \
         WHERE excluded.epoch > kafka_positions.epoch \
         OR (excluded.epoch = kafka_positions.epoch AND excluded.next_offset > kafka_positions.next_offset)"
    };
}
pub(crate) use advance_on_conflict;

/// The columns that [`position_from`] reads.
macro_rules! position_columns {
    () => {
        "cluster_id, group_id, topic, partition_id, epoch, next_offset, mark_offset, mark_timestamp, \
         mark_hash"
    };
}
pub(crate) use position_columns;

/// Each partition once, in the order in which rows are locked: the furthest position of its latest epoch.
pub(crate) fn furthest(positions: &[Position]) -> Vec<&Position> {
    let mut furthest: BTreeMap<&Partition, &Position> = BTreeMap::new();
    for position in positions {
        let best = furthest.entry(&position.partition).or_insert(position);
        if (position.epoch, position.next) > (best.epoch, best.next) {
            *best = position;
        }
    }
    furthest.into_values().collect()
}

/// Reads a row.
pub(crate) fn position_from(row: &impl Row) -> Result<Position> {
    let timestamp = row.int("mark_timestamp")?;
    let mark = match (row.int("mark_offset")?, row.array("mark_hash")?) {
        (Some(offset), Some(hash)) => Some(Mark { offset, timestamp, hash }),
        _ => None,
    };
    Ok(Position {
        partition: Partition {
            cluster: need("cluster_id", row.text("cluster_id")?)?,
            group: need("group_id", row.text("group_id")?)?,
            topic: need("topic", row.text("topic")?)?,
            number: row.number("partition_id")?,
        },
        epoch: row.number("epoch")?,
        next: row.number("next_offset")?,
        mark,
    })
}
