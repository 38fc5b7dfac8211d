-- New generations that have their number and are yet to be stored: at most one a ticket. draft: what its page is made
-- of, as JSON, so that a repeat of the request draws the same bytes under the same number.
CREATE TABLE ticket_drafts (
    ticket_id UUID PRIMARY KEY REFERENCES tickets (id),
    reserved_at TIMESTAMPTZ NOT NULL,
    draft TEXT NOT NULL
);

-- A delivery that was reported after its generation had been replaced.
ALTER TABLE ticket_revisions ADD COLUMN delivered_at TIMESTAMPTZ;
ALTER TABLE ticket_revisions ADD COLUMN delivery_channel TEXT;
