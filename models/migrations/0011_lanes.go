package migrations

// lanes leaves deliveries with two indexes that each row is written into: what is about an
// object begins with the object in the one that keeps rows once, and what is due is found by
// the first row of each lane. That a dispatch was handed over is what its delivery says; the
// evidence no longer says it again. Frozen.
const lanes = `
DROP INDEX deliveries_once;
DROP INDEX deliveries_object;
DROP INDEX deliveries_due;
CREATE UNIQUE INDEX deliveries_once ON deliveries (object_id, activity, inbox, recipient);
DELETE FROM evidence WHERE station = 'handed over' AND EXISTS (
  SELECT 1 FROM deliveries AS v WHERE v.object_id = evidence.dispatch AND v.object_version = evidence.version AND v.purpose = 'dispatch' AND v.state = 'handed-over'
);
`
