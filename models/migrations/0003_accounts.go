package migrations

// accounts is how people sign in, what they prefer, and what is mailed to them. Frozen.
//
// Every token, code and link is there as a SHA-256 in hexadecimal alone, and every TOTP
// secret is sealed.
const accounts = `
CREATE TABLE credentials (
  person TEXT PRIMARY KEY,
  handle TEXT NOT NULL,
  password TEXT NOT NULL DEFAULT '',
  password_at BIGINT NOT NULL DEFAULT 0,
  totp BLOB,
  totp_at BIGINT NOT NULL DEFAULT 0,
  totp_step BIGINT NOT NULL DEFAULT 0,
  totp_new BLOB
);
CREATE UNIQUE INDEX credentials_handle ON credentials (handle);

CREATE TABLE passkeys (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  name TEXT NOT NULL,
  public_key BLOB NOT NULL,
  aaguid TEXT NOT NULL,
  transports TEXT NOT NULL,
  sign_count BIGINT NOT NULL,
  backup_eligible BOOLEAN NOT NULL,
  backed_up BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX passkeys_person ON passkeys (person, created_at);

CREATE TABLE recovery_codes (
  person TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (person, hash)
);

CREATE TABLE passes (
  hash TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  data TEXT NOT NULL,
  made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX passes_person ON passes (kind, person);
CREATE INDEX passes_expiry ON passes (expires_at);

CREATE TABLE attempts (
  name TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  wait_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX attempts_last ON attempts (last_at);

CREATE TABLE sessions (
  token TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT '',
  person TEXT NOT NULL DEFAULT '',
  community TEXT NOT NULL DEFAULT '',
  method TEXT NOT NULL DEFAULT '',
  data BLOB,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  fresh_at BIGINT NOT NULL DEFAULT 0,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL DEFAULT 0,
  address TEXT NOT NULL DEFAULT '',
  agent TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_person ON sessions (person, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE preferences (
  person TEXT PRIMARY KEY,
  language TEXT NOT NULL DEFAULT '',
  zone TEXT NOT NULL DEFAULT '',
  theme TEXT NOT NULL DEFAULT '',
  email TEXT NOT NULL DEFAULT '',
  email_at BIGINT NOT NULL DEFAULT 0,
  notify BOOLEAN NOT NULL DEFAULT FALSE,
  feed TEXT NOT NULL DEFAULT '',
  feed_at BIGINT NOT NULL DEFAULT 0,
  notices_read BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX preferences_feed ON preferences (feed) WHERE feed <> '';

CREATE TABLE operators (
  person TEXT PRIMARY KEY,
  granted_at BIGINT NOT NULL,
  granted_by TEXT NOT NULL
);

CREATE TABLE notice_reads (
  person TEXT NOT NULL,
  notice BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (person, notice)
);

CREATE TABLE mail_queue (
  id SERIAL,
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX mail_queue_person ON mail_queue (person, kind, id);

CREATE TABLE mail_state (
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  sent_at BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  leased_until BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (person, kind)
);
`
