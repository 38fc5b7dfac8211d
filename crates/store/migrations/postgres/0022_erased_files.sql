-- Erased tickets whose files are to be removed: at once, and again until no worker can have written one late. A storage
-- may be away for days: a row stays until its files were removed.
CREATE TABLE erased_files (
    ticket_id UUID PRIMARY KEY,
    due_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX erased_files_due ON erased_files (due_at);
-- All that were erased before, while others write tickets; what they erase meanwhile is added under the trigger's lock.
INSERT INTO erased_files (ticket_id, due_at) SELECT id, erased_at FROM tickets WHERE erased_at IS NOT NULL;
CREATE OR REPLACE FUNCTION files_of_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO erased_files (ticket_id, due_at) VALUES (NEW.id, NEW.erased_at) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
-- A trigger, so that an older program that runs beside this one is heard too.
CREATE TRIGGER files_of_erased AFTER UPDATE OF erased_at ON tickets FOR EACH ROW
    WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION files_of_erased();
INSERT INTO erased_files (ticket_id, due_at)
SELECT id, erased_at FROM tickets WHERE erased_at > now() - interval '1 day' ON CONFLICT DO NOTHING;
