-- What tickets were made of before they were reissued or reinstated; record: the row of then, as JSON. request: the
-- name of the request that took this generation's place.
CREATE TABLE ticket_revisions (
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    generation INTEGER NOT NULL,
    superseded_at TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT,
    request TEXT,
    record TEXT NOT NULL,
    PRIMARY KEY (ticket_id, generation)
) STRICT;
CREATE UNIQUE INDEX ticket_revisions_request ON ticket_revisions (ticket_id, request) WHERE request IS NOT NULL;

-- The highest number that was given to a generation, whether it came to live or not.
ALTER TABLE tickets ADD COLUMN reserved_generation INTEGER NOT NULL DEFAULT 0;
