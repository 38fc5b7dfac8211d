-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_withdrawn ON tickets (cti) WHERE voided_at IS NOT NULL OR generation > 0;
