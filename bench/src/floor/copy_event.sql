-- The event of the service, with its tickets, in the empty tables.
INSERT INTO orders SELECT * FROM @FROM@.orders;
INSERT INTO events SELECT * FROM @FROM@.events;
INSERT INTO categories SELECT * FROM @FROM@.categories;
INSERT INTO tickets SELECT * FROM @FROM@.tickets;
INSERT INTO doors (event_number, sequence) VALUES (@NUMBER@, 0);
