-- Everything is created in the first schema of the search path, which the connection sets.
-- Hot tables leave room in their pages (fillfactor) and are vacuumed by count, not by share.

CREATE TABLE installation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    secret_fingerprint TEXT,
    storage_marker UUID
);

CREATE TABLE keys (
    kid TEXT PRIMARY KEY,
    public_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE
);

CREATE TABLE categories (
    event_id TEXT NOT NULL,
    category TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (event_id, category),
    UNIQUE (event_id, number)
);

-- Kept for good: what makes a repeat a repeat.
CREATE TABLE payments (
    key TEXT PRIMARY KEY,
    order_id UUID NOT NULL,
    payment_id TEXT,
    customer_id TEXT,
    amount NUMERIC,
    currency TEXT,
    processed_at TIMESTAMPTZ,
    hash BYTEA NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'already_paid')),
    duplicates BIGINT NOT NULL DEFAULT 0,
    received_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX payments_order ON payments (order_id);

-- due_at: while nobody holds the order, when it is tried next (NULL: not at all); while a worker holds
-- it, when the lease ends. One column, so that one index finds all that can be claimed.
CREATE TABLE orders (
    order_id UUID PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('received', 'enriched', 'issued', 'parked', 'voided')),
    reason TEXT,
    payment_key TEXT NOT NULL,
    traceparent TEXT,
    frozen_at TIMESTAMPTZ,
    snapshot BYTEA,
    refused_answer BYTEA,
    fence BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Claims in a row that were not given back: their processes died.
    deaths BIGINT NOT NULL DEFAULT 0,
    worker TEXT,
    due_at TIMESTAMPTZ,
    parked_at TIMESTAMPTZ,
    -- When its budget of time began: with its first payment, or when somebody set it going again.
    tried_since TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000
);
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_held ON orders (due_at) WHERE worker IS NOT NULL;
CREATE INDEX orders_state ON orders (state);

CREATE TABLE inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_key TEXT NOT NULL,
    order_id UUID NOT NULL,
    source TEXT NOT NULL,
    source_timestamp BIGINT,
    key BYTEA,
    raw BYTEA,
    headers BYTEA,
    outcome TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    pruned_at TIMESTAMPTZ
);
CREATE INDEX inbox_unpruned ON inbox (received_at) WHERE pruned_at IS NULL;

-- fingerprint: of source and content, so that reading the same record again adds no row.
CREATE TABLE dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('unreadable', 'quarantined')),
    order_id UUID,
    reason TEXT NOT NULL,
    field TEXT,
    source TEXT NOT NULL,
    source_timestamp BIGINT,
    key BYTEA,
    raw BYTEA NOT NULL,
    headers BYTEA NOT NULL,
    received_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE tickets (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES orders (order_id),
    customer_email TEXT NOT NULL,
    event_name TEXT NOT NULL,
    seat TEXT NOT NULL,
    price NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('Pending', 'Generated', 'Failed', 'Delivered')),
    qr_code_data TEXT NOT NULL,
    ticket_pdf_path TEXT,
    generated_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    ticket_number TEXT NOT NULL UNIQUE,
    payment_id TEXT,
    customer_id TEXT,
    customer_name TEXT,
    event_id TEXT NOT NULL,
    event_number BIGINT NOT NULL,
    item_id TEXT,
    seat_id TEXT,
    seat_key TEXT,
    line TEXT NOT NULL,
    unit BIGINT NOT NULL,
    ticket_index BIGINT NOT NULL,
    ticket_count BIGINT NOT NULL,
    section TEXT,
    row_label TEXT,
    seat_number TEXT,
    category TEXT,
    category_number BIGINT NOT NULL,
    holder_name TEXT,
    holder_email TEXT,
    organizer_id TEXT,
    organizer_name TEXT,
    event_starts_at TIMESTAMPTZ,
    event_ends_at TIMESTAMPTZ,
    doors_at TIMESTAMPTZ,
    time_zone TEXT,
    venue_name TEXT,
    venue_address TEXT,
    locale TEXT,
    template TEXT NOT NULL,
    renderer TEXT NOT NULL,
    cti BYTEA NOT NULL,
    era BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    kid TEXT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    sha256 BYTEA,
    size BIGINT,
    sequence BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    voided_at TIMESTAMPTZ,
    void_reason TEXT,
    delivered_at TIMESTAMPTZ,
    delivery_channel TEXT,
    first_downloaded_at TIMESTAMPTZ,
    erased_at TIMESTAMPTZ,
    flags TEXT NOT NULL,
    UNIQUE (order_id, line, unit)
) WITH (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000
);
CREATE INDEX tickets_unfinished ON tickets (order_id, ticket_index)
    WHERE status IN ('Pending', 'Failed') AND voided_at IS NULL;
CREATE INDEX tickets_seat_conflict ON tickets (event_id, seat_key) WHERE strpos(flags, 'seat_conflict') > 0;

-- Who has a seat: its first live ticket.
CREATE TABLE seats (
    event_id TEXT NOT NULL,
    seat_key TEXT NOT NULL,
    ticket_id UUID NOT NULL,
    PRIMARY KEY (event_id, seat_key)
);

-- One row a transition, kept for good.
CREATE TABLE ticket_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT
);
CREATE INDEX ticket_history_ticket ON ticket_history (ticket_id);

-- position: the event's place in the stream that readers follow, given by the sequencer after commit.
CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id UUID NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    order_id UUID,
    ticket_id UUID,
    sequence BIGINT NOT NULL,
    key BYTEA,
    value BYTEA NOT NULL,
    headers BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    position BIGINT UNIQUE
) WITH (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000
);
CREATE INDEX outbox_unsequenced ON outbox (id) WHERE position IS NULL AND kind <> 'dead-letter';
CREATE INDEX outbox_age ON outbox (created_at);

-- due_at: when a pending delivery is tried next, or while a relay has it (lent), when its lease ends.
CREATE TABLE outbox_delivery (
    outbox_id BIGINT NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    ticket_id UUID,
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'parked', 'suppressed')),
    attempts BIGINT NOT NULL DEFAULT 0,
    lent BOOLEAN NOT NULL DEFAULT FALSE,
    due_at TIMESTAMPTZ NOT NULL,
    reason TEXT,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (outbox_id, destination)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000
);
CREATE INDEX outbox_delivery_due ON outbox_delivery (destination, due_at, outbox_id) WHERE state = 'pending';
CREATE INDEX outbox_delivery_ticket ON outbox_delivery (ticket_id, destination, sequence) WHERE state = 'pending';
CREATE INDEX outbox_delivery_parked ON outbox_delivery (destination) WHERE state = 'parked';
