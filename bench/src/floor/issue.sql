-- Freeze and complete, as crates/store/src/postgres/work.rs has them: keep the two alike.
\set i :i + 1
\set low (:i * :clients + :client_id) * @ROWS@
\set high :low + @ROWS@
BEGIN;
SELECT order_id, fence, state, worker, frozen_at FROM orders WHERE order_id = ANY(ARRAY(SELECT order_id FROM
    feed_orders WHERE n >= :low AND n < :high)) ORDER BY order_id FOR NO KEY UPDATE;
SELECT ticket_number FROM tickets WHERE ticket_number = ANY(ARRAY(SELECT ticket_number FROM feed_tickets WHERE
    n >= :low AND n < :high));
INSERT INTO seats (event_id, seat_key, ticket_id) SELECT event_id, seat_key, id FROM feed_tickets WHERE n >=
    :low AND n < :high AND seat_key IS NOT NULL ORDER BY event_id COLLATE "C", seat_key COLLATE "C" ON
    CONFLICT (event_id, seat_key) DO UPDATE SET ticket_id = seats.ticket_id RETURNING event_id, seat_key,
    ticket_id;
INSERT INTO tickets (@COLUMNS@) SELECT @COLUMNS@ FROM feed_tickets WHERE n >= :low AND n < :high ORDER BY
    ticket_number ON CONFLICT DO NOTHING RETURNING *;
UPDATE orders o SET state = 'enriched', frozen_at = clock_timestamp(), snapshot = f.snapshot, updated_at =
    clock_timestamp() FROM feed_orders f WHERE f.n >= :low AND f.n < :high AND o.order_id = f.order_id;
COMMIT;
BEGIN;
SELECT order_id, fence, state, worker, frozen_at FROM orders WHERE order_id = ANY(ARRAY(SELECT order_id FROM
    feed_orders WHERE n >= :low AND n < :high)) ORDER BY order_id FOR NO KEY UPDATE;
WITH old AS (SELECT t.id, t.status FROM tickets t JOIN feed_tickets f ON f.id = t.id WHERE f.n >= :low AND f.n
    < :high AND t.status IN ('Pending', 'Failed') AND t.voided_at IS NULL FOR NO KEY UPDATE OF t), done AS
    (UPDATE tickets t SET status = CASE WHEN t.delivered_at IS NULL THEN 'Generated' ELSE 'Delivered' END,
    ticket_pdf_path = f.done_path, sha256 = f.done_sha256, size = f.done_size, generated_at = f.done_at,
    sequence = 1, flags = f.flags, renderer = f.renderer, last_error = NULL, updated_at = clock_timestamp() FROM feed_tickets f JOIN old ON old.id =
    f.id WHERE f.n >= :low AND f.n < :high AND t.id = f.id RETURNING t.id, t.order_id, old.status AS before,
    t.status), noted AS (INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who) SELECT id,
    clock_timestamp(), before, status, 'bench' FROM done) SELECT id, order_id FROM done;
WITH written AS (INSERT INTO outbox (event_id, kind, order_id, ticket_id, sequence, key, value, headers,
    created_at) SELECT event_id, kind, order_id, ticket_id, sequence, key, value, headers, clock_timestamp()
    FROM feed_events WHERE n >= :low AND n < :high ORDER BY id ON CONFLICT DO NOTHING RETURNING id, event_id,
    ticket_id, sequence) INSERT INTO outbox_delivery (outbox_id, destination, ticket_id, sequence, state,
    due_at, updated_at) SELECT w.id, f.destination, w.ticket_id, w.sequence, 'pending', clock_timestamp(),
    clock_timestamp() FROM written w JOIN feed_events f ON f.event_id = w.event_id WHERE f.n >= :low AND f.n <
    :high ON CONFLICT DO NOTHING;
UPDATE orders o SET state = 'issued', reason = NULL, worker = NULL, due_at = NULL, parked_at = NULL, attempts
    = 0, updated_at = clock_timestamp() WHERE o.order_id = ANY(ARRAY(SELECT order_id FROM feed_orders WHERE n
    >= :low AND n < :high)) AND o.state <> 'issued' AND o.frozen_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM
    tickets t WHERE t.order_id = o.order_id AND t.status IN ('Pending', 'Failed') AND t.voided_at IS NULL);
COMMIT;
