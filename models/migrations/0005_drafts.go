package migrations

// drafts is what several people need to write one draft: versions of each part as bases
// for merging, texts that clash, comments, who is there, what each has seen, and the
// collective addresses of an office. Frozen.
const drafts = `
ALTER TABLE drafts ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE drafts ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE drafts ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE drafts ADD COLUMN marking_rank BIGINT NOT NULL DEFAULT 0;
ALTER TABLE drafts ADD COLUMN precedence_rank BIGINT NOT NULL DEFAULT 0;
ALTER TABLE draft_revisions ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX drafts_dispatch ON drafts (dispatch) WHERE dispatch <> '';
CREATE INDEX clearances_clearer ON clearances (clearer, decision);

CREATE TABLE draft_versions (
  draft TEXT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  author TEXT NOT NULL,
  body BLOB NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (draft, part, version)
);

CREATE TABLE draft_clashes (
  id SERIAL,
  draft TEXT NOT NULL,
  part TEXT NOT NULL,
  author TEXT NOT NULL,
  base_version BIGINT NOT NULL,
  body BLOB NOT NULL,
  at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL DEFAULT 0,
  settled_by TEXT NOT NULL DEFAULT '',
  how TEXT NOT NULL DEFAULT ''
);
CREATE INDEX draft_clashes_open ON draft_clashes (draft, part) WHERE settled_at = 0;

CREATE TABLE draft_comments (
  id SERIAL,
  draft TEXT NOT NULL,
  part TEXT NOT NULL,
  answers BIGINT NOT NULL DEFAULT 0,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL DEFAULT 0,
  settled_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX draft_comments_draft ON draft_comments (draft, id);

CREATE TABLE draft_presence (
  draft TEXT NOT NULL,
  person TEXT NOT NULL,
  part TEXT NOT NULL,
  since BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (draft, person)
);

CREATE TABLE draft_seen (
  draft TEXT NOT NULL,
  person TEXT NOT NULL,
  revision BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (draft, person)
);

CREATE TABLE collectives (
  id TEXT PRIMARY KEY,
  office TEXT NOT NULL,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL
);
CREATE UNIQUE INDEX collectives_name ON collectives (office, folded);

CREATE TABLE collective_members (
  collective TEXT NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY (collective, actor)
);

CREATE TABLE dispatch_collectives (
  dispatch TEXT NOT NULL,
  version BIGINT NOT NULL,
  collective TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY (dispatch, version, collective, actor)
);
`
