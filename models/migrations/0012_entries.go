package migrations

// entries gives the entries of the search index ids that SQLite finds a row by directly:
// only an INTEGER PRIMARY KEY is one, and hundreds are looked up for an answer. Frozen.
const entries = `
CREATE TABLE search_entries_by_id (
  id INTEGER PRIMARY KEY,
  object TEXT NOT NULL,
  source TEXT NOT NULL,
  dispatch_row BIGINT NOT NULL,
  version BIGINT NOT NULL,
  lexicon BIGINT NOT NULL,
  office TEXT NOT NULL,
  peer TEXT NOT NULL,
  kind TEXT NOT NULL,
  marking TEXT NOT NULL,
  precedence TEXT NOT NULL,
  language TEXT NOT NULL,
  year BIGINT NOT NULL,
  archive BOOLEAN NOT NULL,
  tags TEXT NOT NULL,
  best TEXT NOT NULL
);
INSERT INTO search_entries_by_id SELECT id, object, source, dispatch_row, version, lexicon, office, peer, kind, marking, precedence, language, year, archive, tags, best FROM search_entries ORDER BY id;
DROP TABLE search_entries;
ALTER TABLE search_entries_by_id RENAME TO search_entries;
CREATE UNIQUE INDEX search_entries_object ON search_entries (object);
`
