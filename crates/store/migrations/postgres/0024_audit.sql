-- audit: who did what and who read what, by ids alone. Rows are never changed, and are removed from the oldest on, none before it is a day old.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    via TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    order_id UUID,
    ticket_id UUID,
    subject TEXT,
    times BIGINT NOT NULL,
    position_from BIGINT,
    position_to BIGINT
);
CREATE INDEX audit_by_order ON audit (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX audit_by_ticket ON audit (ticket_id, id) WHERE ticket_id IS NOT NULL;

CREATE OR REPLACE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'rows of the audit are not changed';
END $$;
CREATE OR REPLACE FUNCTION audit_leaves_in_order() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit WHERE id < (SELECT max(id) FROM gone))
        OR EXISTS (SELECT 1 FROM gone WHERE at > now() - interval '1 day') THEN
        RAISE EXCEPTION 'rows of the audit are removed from the oldest on, when they are older than a day';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();
CREATE TRIGGER audit_leaves_in_order AFTER DELETE ON audit
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION audit_leaves_in_order();
