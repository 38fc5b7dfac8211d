-- Erasures by address that are not finished: a repeat no longer finds the orders by the address. whom: a keyed hash of
-- the address. orders: their ids, a JSON list. letters: dead letters without an order that were emptied.
CREATE TABLE erasure_requests (
    whom BYTEA PRIMARY KEY,
    orders TEXT NOT NULL,
    letters BIGINT NOT NULL,
    begun_at TIMESTAMPTZ NOT NULL
);
