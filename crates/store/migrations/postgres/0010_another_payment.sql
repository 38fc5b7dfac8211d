-- transaction_id: the payment provider's own id, by which a payment under two keys is recognised. folded_into: the key
-- of the payment that a row without an id is; that one is both.
ALTER TABLE payments ADD COLUMN transaction_id TEXT;
ALTER TABLE payments ADD COLUMN folded_into TEXT;
-- refresh: how many payments, or operators, have wanted Ordering to be asked again about the order since it last was.
-- An issued order stays issued meanwhile, and its due_at says when. refresh_issue: what is new is issued whatever was
-- paid.
ALTER TABLE orders ADD COLUMN refresh BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN refresh_issue BIGINT NOT NULL DEFAULT 0;
