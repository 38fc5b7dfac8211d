-- Where an order is in lists: by its time, and under a number of its own that stands for it in search_words. issued_at: of
-- its first ticket. Only times and ids: a row stays when the order's personal data is erased.
CREATE TABLE search_orders (
    place INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    received_at TEXT NOT NULL,
    issued_at TEXT,
    organizer_id TEXT
) STRICT;
CREATE INDEX search_orders_received ON search_orders (received_at, place);
CREATE INDEX search_orders_issued ON search_orders (issued_at, place) WHERE issued_at IS NOT NULL;
CREATE INDEX search_orders_organizer ON search_orders (organizer_id, received_at, place)
    WHERE organizer_id IS NOT NULL;

-- Names and seats, searched by the beginning of each word: a kind's letter and the words from that one on, then those
-- before it. ticket: its index in the order; 0 for the buyer, who has all of them.
CREATE TABLE search_words (
    term TEXT NOT NULL,
    place INTEGER NOT NULL,
    ticket INTEGER NOT NULL,
    PRIMARY KEY (term, place, ticket)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_words_place ON search_words (place);

-- How far the orders of before have been read for these tables; NULL: all.
CREATE TABLE search_backfill (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    orders_after TEXT
) STRICT;
INSERT INTO search_backfill (id, orders_after) VALUES (1, '00000000-0000-0000-0000-000000000000');

-- What is yet to be read, for these tables too. The triggers follow the table's name.
ALTER TABLE people_unread RENAME TO index_unread;

DROP TRIGGER people_of_changed_tickets;
CREATE TRIGGER people_of_changed_tickets
AFTER UPDATE OF customer_email, customer_name, holder_email, holder_name, seat, section, row_label, seat_number ON tickets
WHEN NEW.erased_at IS NULL AND (NEW.customer_email <> OLD.customer_email OR NEW.customer_name IS NOT OLD.customer_name
    OR NEW.holder_email IS NOT OLD.holder_email OR NEW.holder_name IS NOT OLD.holder_name
    OR NEW.seat <> OLD.seat OR NEW.section IS NOT OLD.section OR NEW.row_label IS NOT OLD.row_label
    OR NEW.seat_number IS NOT OLD.seat_number) BEGIN
    INSERT INTO index_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
END;
