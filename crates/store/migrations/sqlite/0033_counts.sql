-- What is counted in the background, because counting it takes the longer the more tickets there are. due_at: when an
-- event is counted again, or while a process counts it, when another may. pause: seconds between two counts, without the
-- time that a count takes. over_at: from when the event is no longer of interest; NULL while it has no date. seen: the
-- last check-in that was counted.
CREATE TABLE event_counts (
    event_number INTEGER PRIMARY KEY,
    due_at TEXT NOT NULL,
    pause INTEGER NOT NULL DEFAULT 60,
    over_at TEXT,
    counted_at TEXT,
    sold INTEGER NOT NULL DEFAULT 0,
    issued INTEGER NOT NULL DEFAULT 0,
    voided INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    downloaded INTEGER NOT NULL DEFAULT 0,
    checked_in INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0,
    conflicts_since TEXT,
    seen INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX event_counts_due ON event_counts (due_at);
CREATE INDEX event_counts_conflicts ON event_counts (event_number) WHERE conflicts > 0;

-- Payments in and tickets out by minute, of the last hours.
CREATE TABLE minute_counts (
    minute TEXT PRIMARY KEY,
    payments INTEGER NOT NULL,
    tickets INTEGER NOT NULL
) STRICT;
