-- How far each partition of a topic has been read, by cluster and consumer group: written with what was read, so that a
-- restored store knows what it has not seen. epoch: counts up when a partition is read from another place on purpose.
CREATE TABLE kafka_positions (
    cluster_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    -- A record that was read before, by which the topic is recognised: milliseconds since 1970, SHA-256 of key and value.
    mark_offset INTEGER,
    mark_timestamp INTEGER,
    mark_hash BLOB,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (cluster_id, group_id, topic, partition_id)
) WITHOUT ROWID;
