-- What a door's feed says of codes that are not good in every generation: filled in the transaction that voids a ticket or
-- gives it another code; rows are never deleted. version: the event's feed_version at which the row changed last.
CREATE TABLE door_deviations (
    event_number INTEGER NOT NULL,
    cti BLOB NOT NULL,
    lowest_good INTEGER NOT NULL,
    voided INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (event_number, cti)
) STRICT;
CREATE INDEX door_deviations_version ON door_deviations (event_number, version);

-- Void tickets, replaced codes, and those from before a reinstatement.
INSERT INTO door_deviations (event_number, cti, lowest_good, voided, version)
SELECT event_number, cti, min(max(generation), 255), max(voided), 1 FROM (
    SELECT event_number, cti, generation, CASE WHEN voided_at IS NULL THEN 0 ELSE 1 END AS voided
    FROM tickets WHERE voided_at IS NOT NULL OR generation > 0
    UNION ALL
    SELECT t.event_number, unhex(r.cti), r.generation, 1
    FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id
    WHERE length(unhex(r.cti)) = 10 AND unhex(r.cti) <> t.cti
) AS d GROUP BY event_number, cti;
UPDATE events SET feed_version = feed_version + 1
WHERE number IN (SELECT event_number FROM door_deviations);
