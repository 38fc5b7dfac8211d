-- The inputs of each transaction, in the form that the store gives them to its statements.
SELECT min(event_number)::bigint AS number,
    json_agg(json_build_object('client', client, 'nonce', nonce))::text AS nonces,
    json_agg(json_build_object('kid', kid, 'event', event_number, 'cti', encode(cti, 'hex')))::text AS codes,
    array_agg(ticket_id::text) || array_agg(encode(cti, 'hex')) AS subjects,
    (min(scanned_at) - interval '3 s')::text AS since,
    json_agg(json_build_object('sequence', sequence, 'subject', subject, 'ticket_id', ticket_id, 'direction', direction,
        'verdict', verdict, 'counts', counts, 'gate', gate, 'device', device, 'scanned_at', scanned_at,
        'received_at', received_at, 'client', client, 'nonce', nonce, 'request', encode(request, 'hex'),
        'conflict', conflict, 'on_record', on_record, 'repeat_of', repeat_of, 'override_reason', override_reason,
        'content', content))::text AS rows,
    (SELECT json_agg(json_build_object('day', '2026-12-31', 'gate', g.gate, 'area', '', 'entries', g.entries, 'exits', 0))
        FROM (SELECT m.gate, count(*) AS entries FROM feed_check_ins m
              WHERE m.n >= min(n.n) AND m.n <= max(n.n) GROUP BY m.gate) g)::text AS counts,
    json_agg(json_build_object('id', ticket_id, 'who', who, 'why', why))::text AS history,
    max(sequence) AS sequence, array_agg(published) AS ids, array_agg(kind) AS kinds,
    array_agg(of_ticket::bigint) AS places, array_agg(key) AS keys, array_agg(value) AS contents,
    array_agg(headers) AS headers
FROM feed_check_ins n GROUP BY n.n / @ROWS@ HAVING count(*) = @ROWS@ ORDER BY n.n / @ROWS@
