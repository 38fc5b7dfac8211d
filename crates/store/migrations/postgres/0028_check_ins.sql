-- The door of an event: its row is locked by each transaction that checks tickets in, so that they come one after the
-- other. sequence: of its last check-in.
CREATE TABLE doors (
    event_number BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL
);

-- Every scan, refused ones too; rows are never deleted. subject: the ticket's id, or the code's where no ticket on record
-- has it; NULL where nothing proves the ticket. counts: 1 for an entry or an exit that took place. request: a hash of what
-- a repeat of its nonce has to say again. override_reason: what a supervisor typed. content: everything else, as JSON.
CREATE TABLE check_ins (
    event_number BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    subject TEXT,
    ticket_id UUID,
    direction TEXT NOT NULL,
    verdict TEXT NOT NULL,
    counts BIGINT NOT NULL,
    gate TEXT,
    device TEXT,
    scanned_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    client TEXT NOT NULL,
    nonce TEXT,
    request BYTEA NOT NULL,
    conflict TEXT,
    on_record BIGINT NOT NULL,
    repeat_of BIGINT,
    override_reason TEXT,
    content TEXT NOT NULL,
    PRIMARY KEY (event_number, sequence)
);
CREATE INDEX check_ins_subject ON check_ins (event_number, subject) WHERE subject IS NOT NULL;
CREATE INDEX check_ins_ticket ON check_ins (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE UNIQUE INDEX check_ins_nonce ON check_ins (client, nonce) WHERE nonce IS NOT NULL;

-- Entries and exits, by the event's days, gates and areas; '' where there is none.
CREATE TABLE door_counts (
    event_number BIGINT NOT NULL,
    day TEXT NOT NULL,
    gate TEXT NOT NULL,
    area TEXT NOT NULL,
    entries BIGINT NOT NULL,
    exits BIGINT NOT NULL,
    PRIMARY KEY (event_number, day, gate, area)
);
