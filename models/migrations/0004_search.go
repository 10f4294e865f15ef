package migrations

// search is the index of what is searched for: one entry for the latest version of each
// dispatch and for each comment, the words of the entries, what waits to be indexed, and
// saved searches. Frozen.
//
// An entry's id is its time: seconds since the year 1, times 65536, plus a number that
// tells apart what has the same second. So that the newest come first by id alone, in
// both databases and in the lists of the full-text index itself.
const search = `
CREATE TABLE search_entries (
  id BIGINT PRIMARY KEY,
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
CREATE UNIQUE INDEX search_entries_object ON search_entries (object);

CREATE TABLE search_queue (
  id SERIAL,
  object TEXT NOT NULL,
  source TEXT NOT NULL,
  fresh BOOLEAN NOT NULL,
  turn BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX search_queue_object ON search_queue (object);

CREATE TABLE saved_searches (
  id SERIAL,
  person TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  armed BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  matched_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX saved_searches_name ON saved_searches (person, name);
CREATE INDEX saved_searches_armed ON saved_searches (id) WHERE armed;

INSERT INTO search_queue (object, source, fresh) SELECT iri, 'dispatch', FALSE FROM dispatches WHERE latest AND document IS NOT NULL ORDER BY id;
INSERT INTO search_queue (object, source, fresh) SELECT iri, 'comment', FALSE FROM comments WHERE state = 'shown' ORDER BY published_at;
`

// searchSQLite keeps beside the words what they were folded from, to show an extract.
// secure-delete takes the words of a deleted row out of the file at once, and not when
// parts of the index are merged.
const searchSQLite = `
CREATE VIRTUAL TABLE search_text USING fts5(body UNINDEXED, words, marks, tokenize = "unicode61 remove_diacritics 2 tokenchars '_'", prefix = '3 5');
INSERT INTO search_text (search_text, rank) VALUES ('secure-delete', 1);
INSERT INTO search_text (search_text, rank) VALUES ('usermerge', 2);
`

// searchPostgres keeps who may be a reader apart from the words, which are mostly out of
// line: walking from the newest entry then reads few of them.
const searchPostgres = `
CREATE TABLE search_text (
  rowid BIGINT PRIMARY KEY,
  readers TSVECTOR NOT NULL DEFAULT '',
  words TSVECTOR NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX search_text_readers ON search_text USING gin (readers) WITH (fastupdate = off);
CREATE INDEX search_text_words ON search_text USING gin (words) WITH (fastupdate = off);
`
