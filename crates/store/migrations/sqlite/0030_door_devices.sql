-- Devices of doors. code_sha256: of the code that enrols it, once, before code_expires_at. token_sha256: of its token, once
-- it is enrolled. gates: a JSON array; an empty one means every gate. expires_at follows the event's dates. Rows are never
-- deleted: a revoked or expired device may upload what it scanned before.
CREATE TABLE door_devices (
    code_sha256 BLOB PRIMARY KEY,
    token_sha256 BLOB UNIQUE,
    name TEXT NOT NULL,
    event_number INTEGER NOT NULL,
    gates TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at TEXT NOT NULL,
    code_expires_at TEXT NOT NULL,
    enrolled_at TEXT,
    expires_at TEXT NOT NULL,
    revoked_at TEXT,
    contact_at TEXT,
    app_version TEXT,
    queued INTEGER,
    feed_version INTEGER,
    clock_offset_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX door_devices_live ON door_devices (name) WHERE revoked_at IS NULL;
CREATE INDEX door_devices_event ON door_devices (event_number);
CREATE INDEX door_devices_end ON door_devices (expires_at) WHERE token_sha256 IS NOT NULL;
