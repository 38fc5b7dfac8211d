-- One transaction of check-ins, as crates/store/src/sql/check_ins has it: keep the two alike.
BEGIN;
SELECT rules, event_id, number, said, said_at, set_by_operator, feed_version, head_version FROM events
    WHERE number = :number:;
SELECT sequence FROM doors WHERE event_number = :number: FOR NO KEY UPDATE;
SELECT epoch FROM installation WHERE id = 1;
SELECT clock_timestamp() AS now;
SELECT c.client, c.nonce, c.request, c.content, c.override_reason
    FROM json_to_recordset(CAST(:nonces: AS json)) AS n(client text, nonce text)
    JOIN check_ins c ON c.client = n.client AND c.nonce = n.nonce;
SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid, t.qr_code_data,
    t.voided_at, t.erased_at, NULL AS former
    FROM json_to_recordset(CAST(:codes: AS json)) AS n(kid text, event bigint, cti text)
    JOIN tickets t ON t.kid = n.kid AND t.event_number = n.event AND t.cti = decode(n.cti, 'hex') WHERE t.voided_at IS NULL
    UNION ALL SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid,
    t.qr_code_data, t.voided_at, t.erased_at, NULL
    FROM json_to_recordset(CAST(:codes: AS json)) AS n(kid text, event bigint, cti text)
    JOIN tickets t ON t.cti = decode(n.cti, 'hex') WHERE (t.voided_at IS NOT NULL OR t.generation > 0)
    AND NOT (t.voided_at IS NULL AND t.kid = n.kid AND t.event_number = n.event)
    UNION ALL SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid,
    t.qr_code_data, t.voided_at, t.erased_at, r.cti
    FROM json_to_recordset(CAST(:codes: AS json)) AS n(kid text, event bigint, cti text)
    JOIN ticket_revisions r ON r.cti = n.cti JOIN tickets t ON t.id = r.ticket_id WHERE t.cti <> decode(r.cti, 'hex');
SELECT subject, content, override_reason FROM check_ins WHERE event_number = :number: AND subject = ANY(:subjects:)
    AND (counts = 1 OR scanned_at >= CAST(CAST(:since: AS text) AS timestamptz)) ORDER BY sequence;
INSERT INTO check_ins (event_number, sequence, subject, ticket_id, direction, verdict, counts, gate, device, scanned_at,
    received_at, client, nonce, request, conflict, on_record, repeat_of, override_reason, content)
    SELECT :number:, sequence, subject, ticket_id, direction, verdict, counts, gate, device, scanned_at, received_at,
    client, nonce, decode(request, 'hex'), conflict, on_record, repeat_of, override_reason, content
    FROM json_to_recordset(CAST(:rows: AS json)) AS n(sequence bigint, subject text, ticket_id uuid, direction text,
    verdict text, counts bigint, gate text, device text, scanned_at timestamptz, received_at timestamptz, client text,
    nonce text, request text, conflict text, on_record bigint, repeat_of bigint, override_reason text, content text);
INSERT INTO door_counts (event_number, day, gate, area, entries, exits) SELECT :number:, day, gate, area, entries, exits
    FROM json_to_recordset(CAST(:counts: AS json)) AS n(day text, gate text, area text, entries bigint, exits bigint)
    WHERE TRUE ON CONFLICT (event_number, day, gate, area) DO UPDATE SET
    entries = door_counts.entries + excluded.entries, exits = door_counts.exits + excluded.exits;
INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why)
    SELECT t.id, clock_timestamp(), t.status, t.status, n.who, n.why
    FROM json_to_recordset(CAST(:history: AS json)) AS n(id uuid, who text, why text) JOIN tickets t ON t.id = n.id;
UPDATE doors SET sequence = :sequence: WHERE event_number = :number:;
INSERT INTO outbox (event_id, kind, order_id, ticket_id, sequence, key, value, headers, created_at)
    SELECT event_id, kind, NULL, NULL, sequence, key, value, headers, clock_timestamp()
    FROM unnest(:ids:::uuid[], :kinds:::text[], :places:::bigint[], :keys:::bytea[], :contents:::bytea[],
    :headers:::bytea[]) WITH ORDINALITY AS n(event_id, kind, sequence, key, value, headers, place) ORDER BY place
    ON CONFLICT DO NOTHING RETURNING event_id, id;
COMMIT;
