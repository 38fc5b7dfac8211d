-- What about an order needs a person, one row a reason; no personal data. shows_at: not listed before then.
-- acknowledged_at: since when somebody has seen to it.
CREATE TABLE order_attention (
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    since TEXT NOT NULL,
    shows_at TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_why TEXT,
    PRIMARY KEY (order_id, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_attention_open ON order_attention (shows_at) WHERE acknowledged_at IS NULL;
