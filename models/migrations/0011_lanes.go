package migrations

// lanes leaves deliveries with two indexes that each row is written into: what is about an
// object begins with the object in the one that keeps rows once, and what is due is found by
// the first row of each lane. Frozen.
const lanes = `
DROP INDEX deliveries_once;
DROP INDEX deliveries_object;
DROP INDEX deliveries_due;
CREATE UNIQUE INDEX deliveries_once ON deliveries (object_id, activity, inbox, recipient);
`
