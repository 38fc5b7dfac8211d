-- Bearer tokens of the HTTP API, by their SHA-256: the tokens themselves are not kept. scopes: words separated by
-- commas. Rows are never deleted: a revoked name shows until when it was good.
CREATE TABLE api_tokens (
    sha256 BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX api_tokens_live ON api_tokens (name) WHERE revoked_at IS NULL;
