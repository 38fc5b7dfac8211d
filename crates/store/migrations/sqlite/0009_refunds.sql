-- Refunds that are on their way or failed have states of their own. heard: what was said of a refund beside what it is
-- for, so that a topic that is read again moves nothing. bound_to: the payment it gives back, once that is known.
-- was_applied: whether it was applied once, whatever became of it. A table's checks cannot be changed here: it is made anew.
CREATE TABLE withdrawals_anew (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'cancellation')),
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    payment_key TEXT,
    amount TEXT,
    currency TEXT,
    names TEXT NOT NULL,
    reason TEXT,
    said_at TEXT,
    hash BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'applied', 'parked', 'lifted', 'pending', 'failed')),
    note TEXT,
    duplicates INTEGER NOT NULL DEFAULT 0,
    received_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    heard TEXT NOT NULL DEFAULT '',
    bound_to TEXT,
    was_applied INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO withdrawals_anew (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, hash, state,
    note, duplicates, received_at, updated_at, bound_to, was_applied)
SELECT key, kind, order_id, payment_key, amount, currency, names, reason, said_at, hash, state,
    note, duplicates, received_at, updated_at,
    (SELECT p.key FROM payments p WHERE p.key = w.payment_key AND p.order_id = w.order_id), state = 'applied'
FROM withdrawals w;
DROP TABLE withdrawals;
ALTER TABLE withdrawals_anew RENAME TO withdrawals;
CREATE INDEX withdrawals_order ON withdrawals (order_id);
CREATE INDEX withdrawals_open ON withdrawals (received_at) WHERE state IN ('waiting', 'parked');

-- Withdrawals that do nothing to a ticket any more, because it was reinstated after them.
CREATE TABLE withdrawal_dismissals (
    key TEXT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    at TEXT NOT NULL,
    PRIMARY KEY (key, ticket_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawal_dismissals_ticket ON withdrawal_dismissals (ticket_id);

-- Tickets that were reinstated before dismissals were kept.
INSERT INTO withdrawal_dismissals (key, ticket_id, at)
SELECT w.key, t.id, t.updated_at FROM withdrawals w JOIN tickets t ON t.order_id = w.order_id
WHERE w.state = 'applied' AND t.era > 0 AND t.voided_at IS NULL;
UPDATE withdrawals SET state = 'lifted', note = 'reinstated'
WHERE state = 'applied' AND EXISTS (SELECT 1 FROM tickets t WHERE t.order_id = withdrawals.order_id)
    AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.order_id = withdrawals.order_id AND NOT EXISTS
        (SELECT 1 FROM withdrawal_dismissals d WHERE d.key = withdrawals.key AND d.ticket_id = t.id));

UPDATE orders SET reason = 'awaiting payment' WHERE payment_key = '' AND reason = 'its refund came before its payment';
