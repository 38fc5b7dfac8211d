-- Erased tickets whose files are to be removed: at once, and again until no worker can have written one late. A storage
-- may be away for days: a row stays until its files were removed.
CREATE TABLE erased_files (
    ticket_id TEXT PRIMARY KEY,
    due_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_files_due ON erased_files (due_at);
INSERT INTO erased_files (ticket_id, due_at) SELECT id, erased_at FROM tickets WHERE erased_at IS NOT NULL;
CREATE TRIGGER files_of_erased AFTER UPDATE OF erased_at ON tickets
WHEN OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL BEGIN
    INSERT INTO erased_files (ticket_id, due_at) VALUES (NEW.id, NEW.erased_at) ON CONFLICT DO NOTHING;
END;

-- The retention of personal data finds past events by the first of their times.
CREATE INDEX tickets_past ON tickets
    (min(coalesce(event_starts_at, event_ends_at), coalesce(event_ends_at, event_starts_at)))
    WHERE erased_at IS NULL;
