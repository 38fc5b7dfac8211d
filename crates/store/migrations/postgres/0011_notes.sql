-- notes: what of Ordering's answer was read how, or left out and why: a JSON list of sentences without personal data.
ALTER TABLE orders ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
