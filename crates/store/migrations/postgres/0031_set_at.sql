-- When each detail in set_by_operator was set or lifted, by its name: JSON, [time in microseconds, offset of the record in
-- its topic]. An older change that arrives late does not undo a newer one.
ALTER TABLE events ADD COLUMN set_at TEXT NOT NULL DEFAULT '{}';
