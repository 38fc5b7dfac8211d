-- Signing keys that leaked. A row stays for good, whatever the folder with the keys holds.
CREATE TABLE revoked_keys (
    kid TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    revoked_at TEXT NOT NULL
) STRICT;

-- Signing the tickets of a key anew: how far it is. A process that works on it has a lease.
CREATE TABLE key_reissues (
    kid TEXT PRIMARY KEY,
    reason TEXT,
    who TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    after_event INTEGER NOT NULL DEFAULT -1,
    after_cti BLOB NOT NULL DEFAULT x'',
    worker TEXT,
    due_at TEXT,
    finished_at TEXT
) STRICT;

-- The live tickets of a key, and one of them by what its code says. The dates are there for counting.
CREATE INDEX tickets_of_key ON tickets (kid, event_number, cti, event_starts_at, event_ends_at)
    WHERE voided_at IS NULL;
