-- One row for each table that schema 5 adds, in SQL that both databases read. Frozen with that schema.
INSERT INTO draft_versions (draft, part, version, author, body, at) VALUES ('018f-a', 'p1', 1, 'https://ministry.example/u/alice', CAST('{"text":"One."}' AS BLOB), 1790000000000);
INSERT INTO draft_clashes (draft, part, author, base_version, body, at) VALUES ('018f-a', 'p1', 'https://ministry.example/u/alice', 1, CAST('{"text":"Two."}' AS BLOB), 1790000000000);
INSERT INTO draft_comments (draft, part, author, text, at) VALUES ('018f-a', 'p1', 'https://ministry.example/u/alice', 'Keep this?', 1790000000000);
INSERT INTO draft_presence (draft, person, part, since, expires_at) VALUES ('018f-a', 'https://ministry.example/u/alice', 'p1', 1790000000000, 1790000030000);
INSERT INTO draft_seen (draft, person, revision, at) VALUES ('018f-a', 'https://ministry.example/u/alice', 1, 1790000000000);
INSERT INTO collectives (id, office, name, folded, updated_at, updated_by) VALUES ('018f-c', 'https://ministry.example/o/europe', 'Contact group', 'contact group', 1790000000000, 'https://ministry.example/u/alice');
INSERT INTO collective_members (collective, actor) VALUES ('018f-c', 'https://embassy.example/o/chancery');
INSERT INTO dispatch_collectives (dispatch, version, collective, name, role, actor) VALUES ('https://ministry.example/d/1', 1, '018f-c', 'Contact group', 'info', 'https://embassy.example/o/chancery');
