-- The event's record. said: what Ordering said last, and when it was asked for that; set_by_operator: the fields that are
-- set over it; both JSON. feed_version counts what the event's scanners have to learn; head_version is the one at which
-- the details in force changed last. rules: JSON, or NULL for none.
ALTER TABLE events
    ADD COLUMN said TEXT,
    ADD COLUMN said_at TIMESTAMPTZ,
    ADD COLUMN set_by_operator TEXT NOT NULL DEFAULT '{}',
    ADD COLUMN feed_version BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN head_version BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN rules TEXT;
-- A version is counted in its place.
ALTER TABLE events SET (fillfactor = 60);

-- The store's epoch: versions and positions of another epoch are of another course of events.
ALTER TABLE installation ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;

-- Voiding all tickets of a cancelled event: how far it is.
CREATE TABLE event_cancellations (
    event_id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    after_ticket UUID NOT NULL,
    finished_at TIMESTAMPTZ
);
