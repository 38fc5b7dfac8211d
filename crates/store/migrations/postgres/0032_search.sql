-- Where an order is in lists: by its time, and under a number of its own that stands for it in search_words. issued_at: of
-- its first ticket. Only times and ids: a row stays when the order's personal data is erased.
CREATE TABLE search_orders (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id UUID NOT NULL UNIQUE,
    received_at TIMESTAMPTZ NOT NULL,
    issued_at TIMESTAMPTZ,
    organizer_id TEXT
);
CREATE INDEX search_orders_received ON search_orders (received_at, place);
CREATE INDEX search_orders_issued ON search_orders (issued_at, place) WHERE issued_at IS NOT NULL;
CREATE INDEX search_orders_organizer ON search_orders (organizer_id, received_at, place)
    WHERE organizer_id IS NOT NULL;

-- Names and seats, searched by the beginning of each word: a kind's letter and the words from that one on, then those
-- before it. ticket: its index in the order; 0 for the buyer, who has all of them.
CREATE TABLE search_words (
    term TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    ticket BIGINT NOT NULL,
    PRIMARY KEY (term, place, ticket)
);
CREATE INDEX search_words_place ON search_words (place);

-- How far the orders of before have been read for these tables; NULL: all.
CREATE TABLE search_backfill (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    orders_after UUID
);
INSERT INTO search_backfill (id, orders_after) VALUES (1, '00000000-0000-0000-0000-000000000000');

-- What is yet to be read for these tables and for `people`. It takes the place of people_unread, which an older program
-- that runs beside this one reads and deletes without knowing these tables.
CREATE TABLE index_unread (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id UUID NOT NULL,
    letter_id BIGINT NOT NULL
) WITH (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0);

CREATE OR REPLACE FUNCTION people_of_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO index_unread (order_id, letter_id) SELECT DISTINCT order_id, 0 FROM fresh;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO index_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_draft() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO index_unread (order_id, letter_id) SELECT order_id, 0 FROM tickets WHERE id = NEW.ticket_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_letter() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO index_unread (order_id, letter_id) VALUES ('00000000-0000-0000-0000-000000000000', NEW.id);
    RETURN NULL;
END $$;

DROP TRIGGER people_of_changed_tickets ON tickets;
CREATE TRIGGER people_of_changed_tickets
    AFTER UPDATE OF customer_email, customer_name, holder_email, holder_name, seat, section, row_label, seat_number
    ON tickets FOR EACH ROW
    WHEN (NEW.erased_at IS NULL AND (NEW.customer_email, NEW.customer_name, NEW.holder_email, NEW.holder_name,
            NEW.seat, NEW.section, NEW.row_label, NEW.seat_number)
        IS DISTINCT FROM (OLD.customer_email, OLD.customer_name, OLD.holder_email, OLD.holder_name,
            OLD.seat, OLD.section, OLD.row_label, OLD.seat_number))
    EXECUTE FUNCTION people_of_row();
