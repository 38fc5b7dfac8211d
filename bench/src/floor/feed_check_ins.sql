-- Check-ins that the service recorded, numbered, with what it wrote beside each. All of them are admitted, so the n-th has
-- the n-th event.
-- A table of its own, with a typed and indexed column: SQLite would read all events again for each check-in.
DROP TABLE IF EXISTS feed_published;
CREATE TABLE feed_published AS
    SELECT CAST(row_number() OVER (ORDER BY id) AS BIGINT) AS place, event_id, kind, sequence, key, value, headers
    FROM @FROM@.outbox WHERE kind = 'ticket-checked-in';
CREATE UNIQUE INDEX feed_published_place ON feed_published (place);
CREATE TABLE feed_check_ins AS
    SELECT c.sequence - @AFTER@ - 1 AS n, c.event_number, c.sequence, c.subject, c.ticket_id, c.direction, c.verdict,
           c.counts, c.gate, c.device, c.scanned_at, c.received_at, c.client, c.nonce, c.request, c.conflict,
           c.on_record, c.repeat_of, c.override_reason, c.content, t.kid, t.cti, h.from_status, h.who, h.why,
           o.event_id AS published, o.kind, o.sequence AS of_ticket, o.key, o.value, o.headers
    FROM @FROM@.check_ins c
    JOIN @FROM@.tickets t ON t.id = c.ticket_id
    JOIN @FROM@.ticket_history h ON h.ticket_id = c.ticket_id AND h.why LIKE 'admitted%'
    JOIN feed_published o ON o.place = c.sequence
    WHERE c.event_number = @NUMBER@ AND c.sequence > @AFTER@ AND c.sequence <= @LAST@ ORDER BY c.sequence;
CREATE UNIQUE INDEX feed_check_ins_n ON feed_check_ins (n);
