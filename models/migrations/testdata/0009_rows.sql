-- Rows of the tables that version 10 added, as its program wrote them.
INSERT INTO blocked_persons (person, made_by, reason, at) VALUES ('https://ministry.example/u/bruno', 'https://ministry.example/u/anna', 'left the service', 1790000000000);
