-- Rows of the tables that version 6 added, as its program wrote them.
INSERT INTO peer_offices (iri, host, username, name, code, post, seen_at) VALUES ('https://embassy.example/o/chancery', 'embassy.example', 'chancery', 'Chancery', 'PARIS', 'Paris', 1790000000000);
INSERT INTO peer_directories (host, fetched_at, next_at, failures, reason) VALUES ('embassy.example', 1790000000000, 1790086400000, 0, '');
INSERT INTO address_words (word, actor) VALUES (CAST('paris' AS BLOB), 'https://embassy.example/o/chancery');
