-- Refunds and cancellations, kept for good: what makes a repeat a repeat, and what comes before its payment wait.
-- names: as JSON, the items and tickets that a refund is for.
CREATE TABLE withdrawals (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'cancellation')),
    order_id UUID NOT NULL REFERENCES orders (order_id),
    payment_key TEXT,
    amount NUMERIC,
    currency TEXT,
    names TEXT NOT NULL,
    reason TEXT,
    said_at TIMESTAMPTZ,
    hash BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'applied', 'parked', 'lifted')),
    note TEXT,
    duplicates BIGINT NOT NULL DEFAULT 0,
    received_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX withdrawals_order ON withdrawals (order_id);
CREATE INDEX withdrawals_open ON withdrawals (received_at) WHERE state IN ('waiting', 'parked');

-- withdrawn: whether a withdrawal names the order. Its row is made by whichever comes first; one without a payment
-- has the payment_key ''. voided_at: since when it is void; it stays when the order is parked because of a payment
-- that came after that (late).
ALTER TABLE orders ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN voided_at TIMESTAMPTZ;
ALTER TABLE payments ADD COLUMN late BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN about TEXT NOT NULL DEFAULT 'payment';
