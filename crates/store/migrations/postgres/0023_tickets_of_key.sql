-- no-transaction
-- The live tickets of a key, and one of them by what its code says. The dates are there for counting.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_of_key
    ON tickets (kid, event_number, cti, event_starts_at, event_ends_at) WHERE voided_at IS NULL;
