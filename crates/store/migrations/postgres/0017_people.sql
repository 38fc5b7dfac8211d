-- By whom an order or a dead letter is found: keyed hashes of the addresses in it. One of the two ids is set; the other
-- is the nil UUID or 0. alike: the hash of what similar addresses have in common.
CREATE TABLE people (
    order_id UUID NOT NULL,
    letter_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    alike BYTEA NOT NULL,
    PRIMARY KEY (order_id, letter_id, hash)
);
CREATE INDEX people_alike ON people (alike);

-- Orders and dead letters whose addresses are yet to be read. Triggers fill it, so that no way of writing is forgotten,
-- nor an older program that runs beside this one.
CREATE TABLE people_unread (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id UUID NOT NULL,
    letter_id BIGINT NOT NULL
) WITH (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0);

-- How far the rows from before this migration have been read; NULL: all.
CREATE TABLE people_backfill (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    orders_after UUID,
    letters_after BIGINT
);
INSERT INTO people_backfill (id, orders_after, letters_after) VALUES (1, '00000000-0000-0000-0000-000000000000', 0);

CREATE OR REPLACE FUNCTION people_of_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO people_unread (order_id, letter_id) SELECT DISTINCT order_id, 0 FROM fresh;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES (NEW.order_id, 0);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_draft() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO people_unread (order_id, letter_id) SELECT order_id, 0 FROM tickets WHERE id = NEW.ticket_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION people_of_letter() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO people_unread (order_id, letter_id) VALUES ('00000000-0000-0000-0000-000000000000', NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER people_of_inbox AFTER INSERT ON inbox
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION people_of_rows();
CREATE TRIGGER people_of_tickets AFTER INSERT ON tickets
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION people_of_rows();
CREATE TRIGGER people_of_changed_tickets
    AFTER UPDATE OF customer_email, customer_name, holder_email, holder_name ON tickets FOR EACH ROW
    WHEN (NEW.erased_at IS NULL AND (NEW.customer_email, NEW.customer_name, NEW.holder_email, NEW.holder_name)
        IS DISTINCT FROM (OLD.customer_email, OLD.customer_name, OLD.holder_email, OLD.holder_name))
    EXECUTE FUNCTION people_of_row();
CREATE TRIGGER people_of_answers AFTER UPDATE OF snapshot, refused_answer ON orders FOR EACH ROW
    WHEN (NEW.snapshot IS NOT NULL OR NEW.refused_answer IS NOT NULL)
    EXECUTE FUNCTION people_of_row();
CREATE TRIGGER people_of_drafts AFTER INSERT OR UPDATE OF draft ON ticket_drafts
    FOR EACH ROW EXECUTE FUNCTION people_of_draft();
CREATE TRIGGER people_of_letters AFTER INSERT ON dead_letters
    FOR EACH ROW EXECUTE FUNCTION people_of_letter();
