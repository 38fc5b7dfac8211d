-- What the service wrote, numbered, to be written again.
CREATE TABLE bench_floor.feed_payments AS
    SELECT row_number() OVER (ORDER BY i.id) - 1 AS n, p.*, i.source, i.source_timestamp,
           i.key AS message_key, i.raw, i.headers
    FROM bc_fulfillment.payments p JOIN bc_fulfillment.inbox i ON i.payment_key = p.key;
ALTER TABLE bench_floor.feed_payments ADD PRIMARY KEY (n);
ANALYZE bench_floor.feed_payments;
