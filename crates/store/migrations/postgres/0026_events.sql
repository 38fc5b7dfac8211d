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

-- Voiding all tickets of a cancelled event: how far it is. A process that works on it has a lease.
CREATE TABLE event_cancellations (
    event_id TEXT PRIMARY KEY,
    reason TEXT,
    who TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    after_ticket UUID,
    worker TEXT,
    due_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ
);
