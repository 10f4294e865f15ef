package migrations

// people is who of ours may not come in, and the way from a dispatch to the notices that
// are about it. Frozen.
const people = `
CREATE TABLE blocked_persons (
  person TEXT PRIMARY KEY,
  made_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX notices_subject ON notices (subject, recipient);
`
