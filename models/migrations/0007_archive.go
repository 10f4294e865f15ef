package migrations

// archive gives imported records their place in a volume, the span of time that they
// are dated to, and the message numbers by which papers cite each other.
const archive = `
CREATE TABLE archive_volumes (
  volume TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  licence TEXT NOT NULL,
  imported_at BIGINT NOT NULL
);
CREATE TABLE archive_records (
  dispatch TEXT PRIMARY KEY,
  office TEXT NOT NULL,
  volume TEXT NOT NULL,
  position BIGINT NOT NULL,
  dated_from BIGINT NOT NULL,
  dated_until BIGINT NOT NULL,
  message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX archive_records_volume ON archive_records (volume, position, dispatch);
CREATE INDEX archive_records_dated ON archive_records (dated_from, dispatch);
CREATE INDEX archive_records_office ON archive_records (office, dated_from, dispatch);
CREATE INDEX archive_records_message ON archive_records (message) WHERE message <> '';
CREATE TABLE archive_citations (
  dispatch TEXT NOT NULL,
  message TEXT NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (dispatch, message)
);
CREATE INDEX archive_citations_message ON archive_citations (message);
`
