-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS ticket_revisions_cti ON ticket_revisions (cti);
