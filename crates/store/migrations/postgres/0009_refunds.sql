-- Refunds that are on their way or failed have states of their own. heard: what was said of a refund beside what it is
-- for, so that a topic that is read again moves nothing. bound_to: the payment it gives back, once that is known.
-- was_applied: whether it was applied once, whatever became of it.
ALTER TABLE withdrawals DROP CONSTRAINT withdrawals_state_check;
ALTER TABLE withdrawals ADD CONSTRAINT withdrawals_state_check
    CHECK (state IN ('waiting', 'applied', 'parked', 'lifted', 'pending', 'failed'));
ALTER TABLE withdrawals ADD COLUMN heard TEXT NOT NULL DEFAULT '';
ALTER TABLE withdrawals ADD COLUMN bound_to TEXT;
ALTER TABLE withdrawals ADD COLUMN was_applied BIGINT NOT NULL DEFAULT 0;
UPDATE withdrawals SET was_applied = 1 WHERE state = 'applied';
UPDATE withdrawals w SET bound_to = p.key FROM payments p WHERE p.key = w.payment_key AND p.order_id = w.order_id;

-- Withdrawals that do nothing to a ticket any more, because it was reinstated after them.
CREATE TABLE withdrawal_dismissals (
    key TEXT NOT NULL,
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (key, ticket_id)
);
CREATE INDEX withdrawal_dismissals_ticket ON withdrawal_dismissals (ticket_id);

-- Tickets that were reinstated before dismissals were kept.
INSERT INTO withdrawal_dismissals (key, ticket_id, at)
SELECT w.key, t.id, t.updated_at FROM withdrawals w JOIN tickets t ON t.order_id = w.order_id
WHERE w.state = 'applied' AND t.era > 0 AND t.voided_at IS NULL;
UPDATE withdrawals w SET state = 'lifted', note = 'reinstated'
WHERE state = 'applied' AND EXISTS (SELECT 1 FROM tickets t WHERE t.order_id = w.order_id)
    AND NOT EXISTS (SELECT 1 FROM tickets t WHERE t.order_id = w.order_id AND NOT EXISTS
        (SELECT 1 FROM withdrawal_dismissals d WHERE d.key = w.key AND d.ticket_id = t.id));

UPDATE orders SET reason = 'awaiting payment' WHERE payment_key = '' AND reason = 'its refund came before its payment';
