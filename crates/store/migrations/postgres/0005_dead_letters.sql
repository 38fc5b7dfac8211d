-- What became of a message that was set apart: how often it was tried again, and how it was closed, if it was.
ALTER TABLE dead_letters ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN closed_at TIMESTAMPTZ;
ALTER TABLE dead_letters ADD COLUMN closed_as TEXT CHECK (closed_as IN ('replayed', 'dropped'));
ALTER TABLE dead_letters ADD COLUMN note TEXT;
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE closed_at IS NULL;
CREATE INDEX inbox_order ON inbox (order_id);
