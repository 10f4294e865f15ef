-- What version 3 added.
INSERT INTO credentials (person, handle, password, password_at, totp, totp_at, totp_step) VALUES ('https://ministry.example/u/alice', 'h1', '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5', 1790000000000, CAST('sealed' AS BLOB), 1790000000000, 59666666);
INSERT INTO passkeys (id, person, name, public_key, aaguid, transports, sign_count, backup_eligible, backed_up, created_at) VALUES ('a2V5', 'https://ministry.example/u/alice', 'Phone', CAST('cose' AS BLOB), '00000000000000000000000000000000', 'internal', 3, TRUE, FALSE, 1790000000000);
INSERT INTO recovery_codes (person, hash, created_at) VALUES ('https://ministry.example/u/alice', 'h2', 1790000000000);
INSERT INTO passes (hash, kind, person, data, made_by, created_at, expires_at) VALUES ('h3', 'sign-in link', 'https://ministry.example/u/bob', '', 'local operator', 1790000000000, 1790086400000);
INSERT INTO attempts (name, failures, last_at, wait_until) VALUES ('address 192.0.2.7', 3, 1790000000000, 1790000000000);
INSERT INTO sessions (token, id, kind, person, method, data, created_at, seen_at, fresh_at, expires_at, address, agent) VALUES ('h4', 's1', 'person', 'https://ministry.example/u/alice', 'passkey', CAST('data' AS BLOB), 1790000000000, 1790000000000, 1790000000000, 1790600000000, '192.0.2.7', 'Firefox Linux');
INSERT INTO preferences (person, language, zone, theme, email, email_at, notify, feed, feed_at, notices_read) VALUES ('https://ministry.example/u/alice', 'fr', 'Europe/Paris', 'dark', 'alice@ministry.example', 1790000000000, TRUE, 'h5', 1790000000000, 1);
INSERT INTO operators (person, granted_at, granted_by) VALUES ('https://ministry.example/u/alice', 1790000000000, 'local operator');
INSERT INTO notice_reads (person, notice, at) VALUES ('https://ministry.example/u/alice', 1, 1790000000000);
INSERT INTO mail_queue (person, kind, created_at) VALUES ('https://ministry.example/u/alice', 'notice', 1790000000000);
INSERT INTO mail_state (person, kind, sent_at, next_at) VALUES ('https://ministry.example/u/alice', 'notice', 1790000000000, 1790003600000);
