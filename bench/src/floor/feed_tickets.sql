-- Orders as they were when claimed, tickets as they were frozen, and what completing them added.
CREATE TABLE bench_floor.feed_orders AS
    SELECT row_number() OVER (ORDER BY received_at, order_id) - 1 AS n, *
    FROM bc_fulfillment.orders WHERE state = 'issued';
ALTER TABLE bench_floor.feed_orders ADD PRIMARY KEY (n);
INSERT INTO bench_floor.orders (order_id, state, payment_key, traceparent, fence, attempts, worker, due_at,
                                received_at, tried_since, updated_at)
    SELECT order_id, 'received', payment_key, traceparent, 1, 1, 'bench', now() + interval '1 minute',
           received_at, tried_since, updated_at
    FROM bench_floor.feed_orders;
CREATE TABLE bench_floor.feed_tickets AS
    SELECT o.n, t.*, t.ticket_pdf_path AS done_path, t.sha256 AS done_sha256, t.size AS done_size,
           t.generated_at AS done_at
    FROM bench_floor.feed_orders o JOIN bc_fulfillment.tickets t USING (order_id) ORDER BY o.n, t.ticket_index;
UPDATE bench_floor.feed_tickets SET status = 'Pending', ticket_pdf_path = NULL, sha256 = NULL, size = NULL,
    generated_at = NULL, sequence = 0;
CREATE INDEX ON bench_floor.feed_tickets (n);
CREATE TABLE bench_floor.feed_events AS
    SELECT o.n, e.*, d.destination FROM bench_floor.feed_orders o
    JOIN bc_fulfillment.outbox e USING (order_id)
    JOIN bc_fulfillment.outbox_delivery d ON d.outbox_id = e.id ORDER BY o.n, e.id;
CREATE INDEX ON bench_floor.feed_events (n);
ANALYZE bench_floor.feed_orders;
ANALYZE bench_floor.feed_tickets;
ANALYZE bench_floor.feed_events;
ANALYZE bench_floor.orders;
