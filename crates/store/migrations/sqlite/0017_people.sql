-- By whom an order or a dead letter is found: keyed hashes of the addresses in it. One of the two ids is set; the other
-- is the nil UUID or 0. alike: the hash of what similar addresses have in common.
CREATE TABLE people (
    order_id TEXT NOT NULL,
    letter_id INTEGER NOT NULL,
    hash BLOB NOT NULL,
    alike BLOB NOT NULL,
    PRIMARY KEY (order_id, letter_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX people_alike ON people (alike);

-- Orders and dead letters whose addresses are yet to be read. Triggers fill it, so that no way of writing is forgotten.
-- AUTOINCREMENT: an id that was read and deleted is not given again.
CREATE TABLE people_unread (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id TEXT NOT NULL,
    letter_id INTEGER NOT NULL
) STRICT;

-- How far the rows from before this migration have been read; NULL: all.
CREATE TABLE people_backfill (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    orders_after TEXT,
    letters_after INTEGER
) STRICT;
INSERT INTO people_backfill (id, orders_after, letters_after) VALUES (1, '00000000-0000-0000-0000-000000000000', 0);

CREATE TRIGGER people_of_inbox AFTER INSERT ON inbox WHEN NEW.raw IS NOT NULL BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
END;
-- The tickets of an order are written together: one entry is enough.
CREATE TRIGGER people_of_tickets AFTER INSERT ON tickets
WHEN NEW.order_id IS NOT (SELECT order_id FROM people_unread ORDER BY id DESC LIMIT 1) BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
END;
CREATE TRIGGER people_of_changed_tickets
AFTER UPDATE OF customer_email, customer_name, holder_email, holder_name ON tickets
WHEN NEW.erased_at IS NULL AND (NEW.customer_email <> OLD.customer_email OR NEW.customer_name IS NOT OLD.customer_name
    OR NEW.holder_email IS NOT OLD.holder_email OR NEW.holder_name IS NOT OLD.holder_name) BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
END;
CREATE TRIGGER people_of_answers AFTER UPDATE OF snapshot, refused_answer ON orders
WHEN NEW.snapshot IS NOT NULL OR NEW.refused_answer IS NOT NULL BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
END;
CREATE TRIGGER people_of_drafts AFTER INSERT ON ticket_drafts BEGIN
    INSERT INTO people_unread (order_id, letter_id) SELECT order_id, 0 FROM tickets WHERE id = NEW.ticket_id;
END;
CREATE TRIGGER people_of_changed_drafts AFTER UPDATE OF draft ON ticket_drafts BEGIN
    INSERT INTO people_unread (order_id, letter_id) SELECT order_id, 0 FROM tickets WHERE id = NEW.ticket_id;
END;
CREATE TRIGGER people_of_letters AFTER INSERT ON dead_letters BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES ('00000000-0000-0000-0000-000000000000', NEW.id);
END;
