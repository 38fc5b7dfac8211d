-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_past ON tickets (least(event_starts_at, event_ends_at)) WHERE erased_at IS NULL;
