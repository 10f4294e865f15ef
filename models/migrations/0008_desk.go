package migrations

// desk is what lists of correspondence stand on: the order of a folder and what waits in
// it beside each addressee, the first words of a dispatch, tags, and what was passed on
// to a colleague. Frozen.
//
// addressees.stuck says that evidence of a failure or of lateness came; the program
// takes it back once the addressee has the dispatch.
const desk = `
ALTER TABLE dispatches ADD COLUMN excerpt TEXT NOT NULL DEFAULT '';
ALTER TABLE addressees ADD COLUMN precedence_rank BIGINT NOT NULL DEFAULT 0;
ALTER TABLE addressees ADD COLUMN distributed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE addressees ADD COLUMN unread BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE addressees ADD COLUMN waiting BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE addressees ADD COLUMN registered BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE addressees ADD COLUMN stuck BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE addressees SET precedence_rank = d.precedence_rank, distributed_at = d.distributed_at,
  unread = (d.origin <> 'archive' AND d.state = 'in force' AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor AND r.read_at > 0)),
  waiting = (d.origin <> 'archive' AND d.state = 'in force' AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor
    AND ((addressees.role = 'action' AND r.taken_at > 0) OR (addressees.role <> 'action' AND r.read_at > 0)))),
  registered = EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor AND r.registered_at > 0)
  FROM dispatches AS d WHERE d.iri = addressees.dispatch AND d.latest AND addressees.local;
UPDATE addressees SET stuck = TRUE WHERE EXISTS (SELECT 1 FROM evidence AS e WHERE e.dispatch = addressees.dispatch AND e.addressee = addressees.actor AND (e.station = 'failed' OR e.station = 'late'));
CREATE INDEX addressees_desk ON addressees (actor, role, precedence_rank DESC, distributed_at DESC, dispatch DESC) WHERE local;
CREATE INDEX addressees_registered ON addressees (actor, precedence_rank DESC, distributed_at DESC, dispatch DESC) WHERE registered;
CREATE INDEX addressees_unread ON addressees (actor, role) WHERE unread;
CREATE INDEX addressees_waiting ON addressees (actor, role) WHERE waiting;
CREATE INDEX addressees_stuck ON addressees (dispatch) WHERE stuck;
CREATE INDEX dispatches_desk ON dispatches (author, origin, precedence_rank DESC, distributed_at DESC, iri DESC) WHERE latest;
CREATE INDEX dispatches_shared ON dispatches (community, precedence_rank DESC, distributed_at DESC, iri DESC) WHERE latest AND community <> '';

CREATE TABLE dispatch_tags (
  dispatch TEXT NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (dispatch, tag)
);
CREATE INDEX dispatch_tags_tag ON dispatch_tags (tag, dispatch);

CREATE TABLE forwards (
  id SERIAL,
  dispatch TEXT NOT NULL,
  office TEXT NOT NULL,
  giver TEXT NOT NULL,
  taker TEXT NOT NULL,
  remark TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE UNIQUE INDEX forwards_once ON forwards (dispatch, giver, taker, remark);
`
