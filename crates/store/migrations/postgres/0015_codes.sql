-- What a code's id says of its ticket, found by the few that are void or reissued: an ordinary ticket is in no index.
-- cti: the former code's id, hexadecimal; a reinstatement gives the ticket another one.
ALTER TABLE ticket_revisions ADD COLUMN cti TEXT;
UPDATE ticket_revisions SET cti = record::json ->> 'cti' WHERE record <> '{}';
