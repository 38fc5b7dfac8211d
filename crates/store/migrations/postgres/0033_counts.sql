-- What is counted in the background, because counting it takes the longer the more tickets there are. due_at: when an
-- event is counted again, or while a process counts it, when another may. pause: seconds between two counts, without the
-- time that a count takes. over_at: from when the event is no longer of interest; NULL while it has no date. seen: the
-- last check-in that was counted.
CREATE TABLE event_counts (
    event_number BIGINT PRIMARY KEY,
    due_at TIMESTAMPTZ NOT NULL,
    pause BIGINT NOT NULL DEFAULT 60,
    over_at TIMESTAMPTZ,
    counted_at TIMESTAMPTZ,
    sold BIGINT NOT NULL DEFAULT 0,
    issued BIGINT NOT NULL DEFAULT 0,
    voided BIGINT NOT NULL DEFAULT 0,
    delivered BIGINT NOT NULL DEFAULT 0,
    downloaded BIGINT NOT NULL DEFAULT 0,
    checked_in BIGINT NOT NULL DEFAULT 0,
    conflicts BIGINT NOT NULL DEFAULT 0,
    conflicts_since TIMESTAMPTZ,
    seen BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE INDEX event_counts_due ON event_counts (due_at);
CREATE INDEX event_counts_conflicts ON event_counts (event_number) WHERE conflicts > 0;

-- Payments in and tickets out by minute, of the last hours.
CREATE TABLE minute_counts (
    minute TIMESTAMPTZ PRIMARY KEY,
    payments BIGINT NOT NULL,
    tickets BIGINT NOT NULL
);
