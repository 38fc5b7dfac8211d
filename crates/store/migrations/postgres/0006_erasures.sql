-- erased_at: since when the order's personal data is gone. Nothing of it is kept or made from then on.
ALTER TABLE orders ADD COLUMN erased_at TIMESTAMPTZ;
-- Files of tickets erased lately are removed again: a worker that had one in hand may have written it since.
CREATE INDEX tickets_erased ON tickets (erased_at) WHERE erased_at IS NOT NULL;
