-- Erasures by address that are not finished: a repeat no longer finds the orders by the address. whom: a keyed hash of
-- the address. orders: their ids, a JSON list. letters: dead letters without an order that were emptied.
CREATE TABLE erasure_requests (
    whom BLOB PRIMARY KEY,
    orders TEXT NOT NULL,
    letters INTEGER NOT NULL,
    begun_at TEXT NOT NULL
) STRICT;

-- overwritten: whether every version that wrote to this file overwrote the pages that it freed. `fulfillment store
-- vacuum` removes what others left.
CREATE TABLE store_file (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    overwritten INTEGER NOT NULL
) STRICT;
INSERT INTO store_file (id, overwritten)
SELECT 1, NOT EXISTS (SELECT 1 FROM orders) AND NOT EXISTS (SELECT 1 FROM dead_letters);
