-- How far each partition of a topic has been read, by cluster and consumer group: written with what was read, so that a
-- restored store knows what it has not seen. epoch: counts up when a partition is read from another place on purpose.
-- One row a partition, updated with every batch: its pages are mostly left empty, so that the new version finds room.
CREATE TABLE kafka_positions (
    cluster_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    -- A record that was read before, by which the topic is recognised: milliseconds since 1970, SHA-256 of key and value.
    mark_offset BIGINT,
    mark_timestamp BIGINT,
    mark_hash BYTEA,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (cluster_id, group_id, topic, partition_id)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
