-- Rows of the tables that version 8 added, as its program wrote them.
INSERT INTO dispatch_tags (dispatch, tag) VALUES ('https://ministry.example/d/1', 'CY');
INSERT INTO forwards (dispatch, office, giver, taker, remark, at) VALUES ('https://ministry.example/d/1', 'https://ministry.example/o/state', 'https://ministry.example/u/anna', 'https://ministry.example/u/bruno', 'For your lunch', 1790000000000);
