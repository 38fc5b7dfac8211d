-- What tickets were drawn by, for as long as they may have to be drawn again.
CREATE TABLE templates (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    json TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE template_files (
    template BLOB NOT NULL REFERENCES templates (hash),
    name TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (template, name)
) STRICT;
