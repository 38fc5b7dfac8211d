-- One transaction of check-ins, as crates/store/src/sql/check_ins has it: keep the two alike.
\set i :i + 1
\set low (:i * :clients + :client_id) * @ROWS@
\set high :low + @ROWS@
BEGIN;
SELECT rules, event_id, number, said, said_at, set_by_operator, feed_version, head_version FROM events
    WHERE number = @NUMBER@;
SELECT sequence FROM doors WHERE event_number = @NUMBER@ FOR NO KEY UPDATE;
SELECT epoch FROM installation WHERE id = 1;
SELECT clock_timestamp() AS now;
SELECT c.client, c.nonce, c.request, c.content, c.override_reason FROM feed_check_ins n
    JOIN check_ins c ON c.client = n.client AND c.nonce = n.nonce WHERE n.n >= :low AND n.n < :high;
SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid, t.qr_code_data,
    t.voided_at, t.erased_at, NULL AS former FROM feed_check_ins n JOIN tickets t ON t.kid = n.kid
    AND t.event_number = n.event_number AND t.cti = n.cti WHERE n.n >= :low AND n.n < :high AND t.voided_at IS NULL
    UNION ALL SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid, t.qr_code_data,
    t.voided_at, t.erased_at, NULL FROM feed_check_ins n JOIN tickets t ON t.cti = n.cti
    WHERE n.n >= :low AND n.n < :high AND (t.voided_at IS NOT NULL OR t.generation > 0)
    AND NOT (t.voided_at IS NULL AND t.kid = n.kid AND t.event_number = n.event_number)
    UNION ALL SELECT t.id, t.order_id, t.ticket_number, t.event_number, t.category, t.generation, t.cti, t.kid, t.qr_code_data,
    t.voided_at, t.erased_at, r.cti FROM feed_check_ins n JOIN ticket_revisions r ON r.cti = encode(n.cti, 'hex')
    JOIN tickets t ON t.id = r.ticket_id WHERE n.n >= :low AND n.n < :high AND t.cti <> decode(r.cti, 'hex');
SELECT subject, content, override_reason FROM check_ins WHERE event_number = @NUMBER@
    AND subject = ANY(ARRAY(SELECT n.subject FROM feed_check_ins n WHERE n.n >= :low AND n.n < :high))
    AND (counts = 1 OR scanned_at >= (SELECT min(n.scanned_at) FROM feed_check_ins n WHERE n.n >= :low AND n.n < :high)) ORDER BY sequence;
INSERT INTO check_ins (event_number, sequence, subject, ticket_id, direction, verdict, counts, gate, device, scanned_at,
    received_at, client, nonce, request, conflict, on_record, repeat_of, override_reason, content)
    SELECT event_number, sequence, subject, ticket_id, direction, verdict, counts, gate, device, scanned_at,
    received_at, client, nonce, request, conflict, on_record, repeat_of, override_reason, content
    FROM feed_check_ins n WHERE n.n >= :low AND n.n < :high;
INSERT INTO door_counts (event_number, day, gate, area, entries, exits)
    SELECT n.event_number, '2026-12-31', n.gate, '', count(*), 0 FROM feed_check_ins n WHERE n.n >= :low AND n.n < :high
    GROUP BY n.event_number, n.gate ON CONFLICT (event_number, day, gate, area) DO UPDATE SET
    entries = door_counts.entries + excluded.entries, exits = door_counts.exits + excluded.exits;
INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why)
    SELECT t.id, clock_timestamp(), t.status, t.status, n.who, n.why FROM feed_check_ins n JOIN tickets t ON t.id = n.ticket_id
    WHERE n.n >= :low AND n.n < :high;
UPDATE doors SET sequence = sequence + @ROWS@ WHERE event_number = @NUMBER@;
INSERT INTO outbox (event_id, kind, order_id, ticket_id, sequence, key, value, headers, created_at)
    SELECT n.published, n.kind, NULL, NULL, n.of_ticket, n.key, n.value, n.headers, clock_timestamp() FROM feed_check_ins n
    WHERE n.n >= :low AND n.n < :high ORDER BY n.n ON CONFLICT DO NOTHING RETURNING event_id, id;
COMMIT;
