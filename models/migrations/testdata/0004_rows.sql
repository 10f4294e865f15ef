-- What this version added: one row for each table.
INSERT INTO search_entries (id, object, source, dispatch_row, version, lexicon, office, peer, kind, marking, precedence, language, year, archive, tags, best) VALUES (4189292323536732160, 'https://embassy.example/d/1', 'dispatch', 1, 1, 1, 'https://embassy.example/o/paris', 'embassy.example', 'cable', 'UNCLASSIFIED', 'ROUTINE', 'en', 2026, FALSE, 'Arctic', ' s_treati ');
INSERT INTO search_text (rowid, words, body) VALUES (4189292323536732160, 'treati', 'Treaty');
INSERT INTO search_queue (object, source, fresh) VALUES ('https://embassy.example/d/2', 'dispatch', TRUE);
INSERT INTO saved_searches (person, name, query, armed, created_at, seen_at) VALUES ('https://ministry.example/u/alice', 'Treaties', 'treaty', TRUE, 1790000000000, 1790000000000);
