-- no-transaction
-- The tickets of an event, and which of them are void.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_of_event ON tickets (event_number, id, voided_at);
