package migrations

// queue keeps what was handed over out of the index of deliveries by state: the states
// that people look through are failed and cancelled, what is pending is found by the
// indexes of the queue itself, and nearly all of the rest was handed over.
const queue = `
DROP INDEX deliveries_state;
CREATE INDEX deliveries_state ON deliveries (state, id) WHERE state = 'failed' OR state = 'cancelled';
`
