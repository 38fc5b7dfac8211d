-- What tickets were drawn by, for as long as they may have to be drawn again.
CREATE TABLE templates (
    hash BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    json TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE template_files (
    template BYTEA NOT NULL REFERENCES templates (hash),
    name TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (template, name)
);
