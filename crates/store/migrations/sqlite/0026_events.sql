-- The event's record. said: what Ordering said last, and when it was asked for that; set_by_operator: the fields that are
-- set over it; both JSON. feed_version counts what the event's scanners have to learn; head_version is the one at which
-- the details in force changed last. rules: JSON, or NULL for none.
ALTER TABLE events ADD COLUMN said TEXT;
ALTER TABLE events ADD COLUMN said_at TEXT;
ALTER TABLE events ADD COLUMN set_by_operator TEXT NOT NULL DEFAULT '{}';
ALTER TABLE events ADD COLUMN feed_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN head_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN rules TEXT;

-- The store's epoch: versions and positions of another epoch are of another course of events.
ALTER TABLE installation ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;

-- Voiding all tickets of a cancelled event: how far it is.
CREATE TABLE event_cancellations (
    event_id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    after_ticket TEXT NOT NULL,
    finished_at TEXT
) STRICT;

-- The tickets of an event, and which of them are void.
CREATE INDEX tickets_of_event ON tickets (event_number, id, voided_at);
