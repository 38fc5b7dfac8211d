-- Times are RFC 3339 in UTC with six digits of a second, so that they sort as text. Money is text, exact.

CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret_fingerprint TEXT,
    storage_marker TEXT
) STRICT;

CREATE TABLE keys (
    kid TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE categories (
    event_id TEXT NOT NULL,
    category TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (event_id, category),
    UNIQUE (event_id, number)
) STRICT;

-- Kept for good: what makes a repeat a repeat.
CREATE TABLE payments (
    key TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    payment_id TEXT,
    customer_id TEXT,
    amount TEXT,
    currency TEXT,
    processed_at TEXT,
    hash BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'already_paid')),
    duplicates INTEGER NOT NULL DEFAULT 0,
    received_at TEXT NOT NULL
) STRICT;
CREATE INDEX payments_order ON payments (order_id);

-- due_at: while nobody holds the order, when it is tried next (NULL: not at all); while a worker holds
-- it, when the lease ends. One column, so that one index finds all that can be claimed.
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('received', 'enriched', 'issued', 'parked', 'voided')),
    reason TEXT,
    payment_key TEXT NOT NULL,
    traceparent TEXT,
    frozen_at TEXT,
    snapshot BLOB,
    refused_answer BLOB,
    fence INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Claims in a row that were not given back: their processes died.
    deaths INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    due_at TEXT,
    parked_at TEXT,
    -- When its budget of time began: with its first payment, or when somebody set it going again.
    tried_since TEXT NOT NULL,
    received_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_held ON orders (due_at) WHERE worker IS NOT NULL;
CREATE INDEX orders_state ON orders (state);

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    payment_key TEXT NOT NULL,
    order_id TEXT NOT NULL,
    source TEXT NOT NULL,
    source_timestamp INTEGER,
    key BLOB,
    raw BLOB,
    headers BLOB,
    outcome TEXT NOT NULL,
    received_at TEXT NOT NULL,
    pruned_at TEXT
) STRICT;
CREATE INDEX inbox_unpruned ON inbox (received_at) WHERE pruned_at IS NULL;

-- fingerprint: of source and content, so that reading the same record again adds no row.
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,
    fingerprint BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('unreadable', 'quarantined')),
    order_id TEXT,
    reason TEXT NOT NULL,
    field TEXT,
    source TEXT NOT NULL,
    source_timestamp INTEGER,
    key BLOB,
    raw BLOB NOT NULL,
    headers BLOB NOT NULL,
    received_at TEXT NOT NULL
) STRICT;

CREATE TABLE tickets (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    customer_email TEXT NOT NULL,
    event_name TEXT NOT NULL,
    seat TEXT NOT NULL,
    price TEXT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('Pending', 'Generated', 'Failed', 'Delivered')),
    qr_code_data TEXT NOT NULL,
    ticket_pdf_path TEXT,
    generated_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    ticket_number TEXT NOT NULL UNIQUE,
    payment_id TEXT,
    customer_id TEXT,
    customer_name TEXT,
    event_id TEXT NOT NULL,
    event_number INTEGER NOT NULL,
    item_id TEXT,
    seat_id TEXT,
    seat_key TEXT,
    line TEXT NOT NULL,
    unit INTEGER NOT NULL,
    ticket_index INTEGER NOT NULL,
    ticket_count INTEGER NOT NULL,
    section TEXT,
    row_label TEXT,
    seat_number TEXT,
    category TEXT,
    category_number INTEGER NOT NULL,
    holder_name TEXT,
    holder_email TEXT,
    organizer_id TEXT,
    organizer_name TEXT,
    event_starts_at TEXT,
    event_ends_at TEXT,
    doors_at TEXT,
    time_zone TEXT,
    venue_name TEXT,
    venue_address TEXT,
    locale TEXT,
    template TEXT NOT NULL,
    renderer TEXT NOT NULL,
    cti BLOB NOT NULL,
    era INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    kid TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    sha256 BLOB,
    size INTEGER,
    sequence INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    voided_at TEXT,
    void_reason TEXT,
    delivered_at TEXT,
    delivery_channel TEXT,
    first_downloaded_at TEXT,
    erased_at TEXT,
    flags TEXT NOT NULL,
    UNIQUE (order_id, line, unit)
) STRICT;
CREATE INDEX tickets_unfinished ON tickets (order_id, ticket_index)
    WHERE status IN ('Pending', 'Failed') AND voided_at IS NULL;
CREATE INDEX tickets_seat_conflict ON tickets (event_id, seat_key) WHERE instr(flags, 'seat_conflict') > 0;

-- Who has a seat: its first live ticket.
CREATE TABLE seats (
    event_id TEXT NOT NULL,
    seat_key TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    PRIMARY KEY (event_id, seat_key)
) STRICT, WITHOUT ROWID;

-- One row a transition, kept for good.
CREATE TABLE ticket_history (
    id INTEGER PRIMARY KEY,
    ticket_id TEXT NOT NULL,
    at TEXT NOT NULL,
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT
) STRICT;
CREATE INDEX ticket_history_ticket ON ticket_history (ticket_id);

-- position: the event's place in the stream that readers follow, given by the sequencer after commit.
-- AUTOINCREMENT: the id of a pruned row is not given again.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    order_id TEXT,
    ticket_id TEXT,
    sequence INTEGER NOT NULL,
    key BLOB,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,
    created_at TEXT NOT NULL,
    position INTEGER UNIQUE
) STRICT;
CREATE INDEX outbox_unsequenced ON outbox (id) WHERE position IS NULL AND kind <> 'dead-letter';
CREATE INDEX outbox_age ON outbox (created_at);

-- due_at: when a pending delivery is tried next, or while a relay has it (lent), when its lease ends.
CREATE TABLE outbox_delivery (
    outbox_id INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    ticket_id TEXT,
    sequence INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'parked', 'suppressed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    lent INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL,
    reason TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (outbox_id, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_delivery_due ON outbox_delivery (destination, due_at, outbox_id) WHERE state = 'pending';
CREATE INDEX outbox_delivery_ticket ON outbox_delivery (ticket_id, destination, sequence) WHERE state = 'pending';
CREATE INDEX outbox_delivery_parked ON outbox_delivery (destination) WHERE state = 'parked';
