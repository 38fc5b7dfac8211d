-- Signing keys that leaked. A row stays for good, whatever the folder with the keys holds.
CREATE TABLE revoked_keys (
    kid TEXT PRIMARY KEY,
    public_key BYTEA NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    revoked_at TIMESTAMPTZ NOT NULL
);

-- Signing the tickets of a key anew: how far it is. A process that works on it has a lease.
CREATE TABLE key_reissues (
    kid TEXT PRIMARY KEY,
    reason TEXT,
    who TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    after_event BIGINT NOT NULL DEFAULT -1,
    after_cti BYTEA NOT NULL DEFAULT '',
    worker TEXT,
    due_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ
);
