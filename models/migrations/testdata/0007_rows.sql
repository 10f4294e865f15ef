-- Rows of the tables that version 7 added, as its program wrote them.
INSERT INTO archive_volumes (volume, title, licence, imported_at) VALUES ('frus1964-68v16', 'Foreign Relations of the United States, 1964-1968, Volume XVI', 'public domain', 1790000000000);
INSERT INTO archive_records (dispatch, office, volume, position, dated_from, dated_until, message) VALUES ('https://ministry.example/d/archive-1', 'https://ministry.example/o/state', 'frus1964-68v16', 12, -94694400000, -94608000001, 'NICOSIA 1012');
INSERT INTO archive_citations (dispatch, message, label) VALUES ('https://ministry.example/d/archive-1', 'ATHENS 880', 'Athens 880');
