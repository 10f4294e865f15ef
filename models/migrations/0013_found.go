package migrations

// found lets PostgreSQL answer a question from one index, over words and readers together,
// and keeps words and texts out of the rows, so that hundreds that are found lie on few
// pages. What is added to words and bodies, nothing, has them stored anew. Frozen.
const found = `
CREATE TABLE search_text_narrow (
  rowid BIGINT PRIMARY KEY,
  readers TSVECTOR NOT NULL DEFAULT '',
  words TSVECTOR NOT NULL,
  body TEXT NOT NULL
) WITH (toast_tuple_target = 128);
ALTER TABLE search_text_narrow ALTER COLUMN readers SET STORAGE MAIN;
INSERT INTO search_text_narrow (rowid, readers, words, body) SELECT rowid, readers, words || CAST('' AS TSVECTOR), body || '' FROM search_text ORDER BY rowid;
DROP TABLE search_text;
ALTER TABLE search_text_narrow RENAME TO search_text;
CREATE INDEX search_text_found ON search_text USING gin (words, readers) WITH (fastupdate = off);
`
