-- One batch, as crates/store/src/postgres/inbox.rs writes it: keep the two alike.
\set i :i + 1
\set low (:i * :clients + :client_id) * @ROWS@
\set high :low + @ROWS@
BEGIN;
SELECT key, order_id, amount::text AS amount, currency FROM payments WHERE key = ANY(ARRAY(SELECT key FROM
    feed_payments WHERE n >= :low AND n < :high)) ORDER BY key FOR NO KEY UPDATE;
INSERT INTO orders (order_id, state, payment_key, due_at, received_at, tried_since, updated_at) SELECT
    order_id, 'received', key, clock_timestamp(), received_at, received_at, clock_timestamp() FROM
    feed_payments WHERE n >= :low AND n < :high ORDER BY order_id ON CONFLICT (order_id) DO UPDATE SET state =
    excluded.state, reason = NULL, payment_key = excluded.payment_key, traceparent = excluded.traceparent,
    due_at = excluded.due_at, parked_at = NULL, received_at = excluded.received_at, tried_since =
    excluded.tried_since, updated_at = excluded.updated_at WHERE orders.payment_key = '' RETURNING order_id,
    withdrawn;
INSERT INTO payments (key, order_id, payment_id, customer_id, amount, currency, processed_at, hash, outcome,
    duplicates, received_at) SELECT key, order_id, payment_id, customer_id, amount, currency, processed_at,
    hash, outcome, duplicates, received_at FROM feed_payments WHERE n >= :low AND n < :high ORDER BY key ON
    CONFLICT DO NOTHING;
INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, outcome, received_at)
    SELECT key, order_id, source, source_timestamp, message_key, raw, headers, outcome, received_at FROM
    feed_payments WHERE n >= :low AND n < :high;
COMMIT;
