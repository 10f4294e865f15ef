package migrations

// columns puts the long columns of dispatches behind all others on SQLite, which walks
// through the pages of a long value to read what stands behind it in the row. PostgreSQL
// keeps long values elsewhere. Frozen.
const columns = `
ALTER TABLE dispatches ADD COLUMN document_last BLOB;
ALTER TABLE dispatches ADD COLUMN tombstone_last BLOB;
UPDATE dispatches SET document_last = document, tombstone_last = tombstone, document = NULL, tombstone = NULL;
ALTER TABLE dispatches DROP COLUMN document;
ALTER TABLE dispatches DROP COLUMN tombstone;
ALTER TABLE dispatches RENAME COLUMN document_last TO document;
ALTER TABLE dispatches RENAME COLUMN tombstone_last TO tombstone;
`
