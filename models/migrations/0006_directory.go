package migrations

// directory is what is known of the offices of other instances, how conversations hang
// together, and what a suspension has stopped. Frozen.
//
// The words of address_words are bytes, so that a prefix is a range under every collation.
const directory = `
CREATE TABLE peer_offices (
  iri TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  username TEXT NOT NULL,
  name TEXT NOT NULL,
  code TEXT NOT NULL DEFAULT '',
  post TEXT NOT NULL DEFAULT '',
  seen_at BIGINT NOT NULL
);
CREATE INDEX peer_offices_host ON peer_offices (host, iri);

CREATE TABLE peer_directories (
  host TEXT PRIMARY KEY,
  fetched_at BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL DEFAULT 0,
  failures BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT ''
);

CREATE TABLE address_words (
  word BLOB NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY (word, actor)
);
CREATE INDEX address_words_actor ON address_words (actor);

ALTER TABLE dispatch_references ADD COLUMN answers BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX dispatches_context ON dispatches (context) WHERE context <> '';
CREATE INDEX deliveries_suspended ON deliveries (host, id) WHERE state = 'cancelled' AND reason = 'held back: the peer is suspended here';
`
