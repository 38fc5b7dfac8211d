-- audit: who did what and who read what, by ids alone. Rows are never changed, and are removed from the oldest on, none before it is a day old.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    via TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    order_id TEXT,
    ticket_id TEXT,
    subject TEXT,
    times INTEGER NOT NULL,
    position_from INTEGER,
    position_to INTEGER
) STRICT;
CREATE INDEX audit_by_order ON audit (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX audit_by_ticket ON audit (ticket_id, id) WHERE ticket_id IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not changed');
END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not changed');
END;
CREATE TRIGGER audit_leaves_in_order BEFORE DELETE ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id < OLD.id) OR OLD.at > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-1 day') BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are removed from the oldest on, when they are older than a day');
END;
