package migrations

// core is the first schema. Frozen: a change of schema is a new migration.
//
// BLOB and SERIAL stand for the dialect's own types; times are milliseconds since
// the Unix epoch; ranks are those of the marking and precedence profiles.
const core = `
CREATE TABLE instance (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  host TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seal_fingerprint TEXT NOT NULL,
  config_epoch BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE actors (
  iri TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  local BOOLEAN NOT NULL,
  type TEXT NOT NULL,
  username TEXT NOT NULL,
  name TEXT NOT NULL,
  inbox TEXT NOT NULL,
  shared_inbox TEXT NOT NULL,
  followers TEXT NOT NULL,
  key_history TEXT NOT NULL DEFAULT '',
  document BLOB,
  own_software BOOLEAN NOT NULL DEFAULT FALSE,
  fetched_at BIGINT NOT NULL DEFAULT 0,
  gone_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE INDEX actors_host ON actors (host, username);
CREATE UNIQUE INDEX actors_local_name ON actors (type, username) WHERE local;

CREATE TABLE keys (
  id SERIAL,
  actor TEXT NOT NULL,
  key_id TEXT NOT NULL,
  type TEXT NOT NULL,
  public TEXT NOT NULL,
  sealed BLOB,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL DEFAULT 0,
  revocation_reason TEXT NOT NULL DEFAULT '',
  entry BLOB
);
CREATE UNIQUE INDEX keys_once ON keys (key_id, public);
CREATE INDEX keys_actor ON keys (actor, type, state);

CREATE TABLE peers (
  host TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  affiliation TEXT NOT NULL,
  ceiling BIGINT NOT NULL,
  form TEXT NOT NULL,
  instance_actor TEXT NOT NULL,
  pinned_key TEXT NOT NULL DEFAULT '',
  offered_key TEXT NOT NULL DEFAULT '',
  contact TEXT NOT NULL DEFAULT '',
  asked_ceiling BIGINT NOT NULL DEFAULT 0,
  proposed_by_us BOOLEAN NOT NULL DEFAULT FALSE,
  offer_id TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  scheme TEXT NOT NULL DEFAULT 'cavage',
  scheme_until BIGINT NOT NULL DEFAULT 0,
  software TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE arrivals (
  id SERIAL,
  activity TEXT NOT NULL,
  inbox TEXT NOT NULL,
  type TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  host TEXT NOT NULL,
  body BLOB,
  digest TEXT NOT NULL,
  request TEXT NOT NULL,
  key_id TEXT NOT NULL,
  key_document TEXT NOT NULL,
  proven BOOLEAN NOT NULL,
  lane TEXT NOT NULL,
  precedence BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL,
  lease_until BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  received_at BIGINT NOT NULL,
  applied_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX arrivals_once ON arrivals (activity, inbox);
CREATE INDEX arrivals_due ON arrivals (precedence DESC, id) WHERE state = 'pending';
CREATE INDEX arrivals_lane ON arrivals (lane, id) WHERE state = 'pending';
CREATE INDEX arrivals_old ON arrivals (received_at) WHERE type IN ('Read', 'Like', 'Dislike', 'Flag', 'View', 'Add', 'Remove', 'Move', 'Listen');
CREATE INDEX arrivals_aside ON arrivals (id) WHERE state = 'set-aside';
CREATE INDEX arrivals_object ON arrivals (object_id);

CREATE TABLE key_documents (
  digest TEXT PRIMARY KEY,
  document BLOB NOT NULL,
  seen_at BIGINT NOT NULL
);

CREATE TABLE activities (
  iri TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  bytes BLOB,
  digest TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX activities_actor ON activities (actor, created_at, iri);
CREATE INDEX activities_object ON activities (object_id);

CREATE TABLE hosts (
  host TEXT PRIMARY KEY,
  due_at BIGINT NOT NULL,
  failures BIGINT NOT NULL DEFAULT 0,
  back_off_until BIGINT NOT NULL DEFAULT 0,
  first_failure_at BIGINT NOT NULL DEFAULT 0,
  last_answer_at BIGINT NOT NULL DEFAULT 0,
  last_reason TEXT NOT NULL DEFAULT '',
  held BOOLEAN NOT NULL DEFAULT FALSE,
  lease_until BIGINT NOT NULL DEFAULT 0,
  lease_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX hosts_due ON hosts (due_at);

CREATE TABLE deliveries (
  id SERIAL,
  host TEXT NOT NULL,
  inbox TEXT NOT NULL,
  activity TEXT NOT NULL,
  actor TEXT NOT NULL,
  type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  object_version BIGINT NOT NULL DEFAULT 0,
  recipient TEXT NOT NULL,
  community TEXT NOT NULL,
  purpose TEXT NOT NULL,
  lane TEXT NOT NULL,
  precedence BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL,
  status BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX deliveries_once ON deliveries (activity, inbox, recipient);
CREATE INDEX deliveries_due ON deliveries (host, next_at, precedence DESC, id) WHERE state = 'pending';
CREATE INDEX deliveries_lane ON deliveries (host, lane, id) WHERE state = 'pending';
CREATE INDEX deliveries_object ON deliveries (object_id);
CREATE INDEX deliveries_state ON deliveries (state, id);

CREATE TABLE offices (
  iri TEXT PRIMARY KEY,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  post TEXT NOT NULL DEFAULT '',
  rules TEXT NOT NULL DEFAULT '{}',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX offices_code ON offices (code);

CREATE TABLE mandates (
  id SERIAL,
  office TEXT NOT NULL,
  person TEXT NOT NULL,
  act TEXT NOT NULL,
  granted_at BIGINT NOT NULL,
  granted_by TEXT NOT NULL,
  ends_at BIGINT NOT NULL DEFAULT 0,
  revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mandates_once ON mandates (office, person, act);
CREATE INDEX mandates_person ON mandates (person, office);

CREATE TABLE reference_counters (
  office TEXT NOT NULL,
  year BIGINT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (office, year)
);

CREATE TABLE drafts (
  id TEXT PRIMARY KEY,
  office TEXT NOT NULL,
  drafter TEXT NOT NULL,
  revision BIGINT NOT NULL,
  state TEXT NOT NULL,
  content BLOB NOT NULL,
  corrects TEXT NOT NULL DEFAULT '',
  dispatch TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX drafts_office ON drafts (office, state, updated_at);

CREATE TABLE draft_revisions (
  draft TEXT NOT NULL,
  revision BIGINT NOT NULL,
  author TEXT NOT NULL,
  content BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (draft, revision)
);

CREATE TABLE clearances (
  draft TEXT NOT NULL,
  revision BIGINT NOT NULL,
  clearer TEXT NOT NULL,
  decision TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  requested_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (draft, revision, clearer)
);

CREATE TABLE dispatches (
  id SERIAL,
  iri TEXT NOT NULL,
  version BIGINT NOT NULL,
  latest BOOLEAN NOT NULL,
  origin TEXT NOT NULL,
  author TEXT NOT NULL,
  author_host TEXT NOT NULL,
  community TEXT NOT NULL DEFAULT '',
  reference TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  precedence TEXT NOT NULL,
  precedence_rank BIGINT NOT NULL,
  marking TEXT NOT NULL,
  marking_rank BIGINT NOT NULL,
  language TEXT NOT NULL DEFAULT '',
  context TEXT NOT NULL DEFAULT '',
  activity TEXT NOT NULL,
  document BLOB,
  digest TEXT NOT NULL,
  signatory TEXT NOT NULL DEFAULT '',
  change_note TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  distributed_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL DEFAULT 0,
  withdrawn_at BIGINT NOT NULL DEFAULT 0,
  tombstone BLOB,
  superseded_by TEXT NOT NULL DEFAULT '',
  due_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX dispatches_once ON dispatches (iri, version);
CREATE UNIQUE INDEX dispatches_latest ON dispatches (iri) WHERE latest;
CREATE INDEX dispatches_author ON dispatches (author, id);
CREATE INDEX dispatches_issued ON dispatches (published_at) WHERE origin = 'issued' AND latest;
CREATE INDEX dispatches_activity ON dispatches (activity);
CREATE INDEX dispatches_named ON dispatches (reference);
CREATE INDEX dispatches_community ON dispatches (community, id) WHERE community <> '';
CREATE UNIQUE INDEX dispatches_reference ON dispatches (author, reference, version) WHERE origin = 'issued';

CREATE TABLE addressees (
  dispatch TEXT NOT NULL,
  actor TEXT NOT NULL,
  host TEXT NOT NULL,
  role TEXT NOT NULL,
  local BOOLEAN NOT NULL,
  PRIMARY KEY (dispatch, actor)
);
CREATE INDEX addressees_actor ON addressees (actor, dispatch);
CREATE INDEX addressees_host ON addressees (host, dispatch);

CREATE TABLE evidence (
  id SERIAL,
  dispatch TEXT NOT NULL,
  version BIGINT NOT NULL,
  addressee TEXT NOT NULL,
  station TEXT NOT NULL,
  by_actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  document BLOB
);
CREATE UNIQUE INDEX evidence_once ON evidence (dispatch, version, addressee, station);

CREATE TABLE registrations (
  dispatch TEXT NOT NULL,
  office TEXT NOT NULL,
  number TEXT NOT NULL DEFAULT '',
  registered_at BIGINT NOT NULL DEFAULT 0,
  registered_by TEXT NOT NULL DEFAULT '',
  read_at BIGINT NOT NULL DEFAULT 0,
  read_by TEXT NOT NULL DEFAULT '',
  taken_at BIGINT NOT NULL DEFAULT 0,
  taken_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (dispatch, office)
);

CREATE TABLE dispatch_references (
  dispatch TEXT NOT NULL,
  target TEXT NOT NULL,
  label TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (dispatch, target)
);
CREATE INDEX dispatch_references_target ON dispatch_references (target);

CREATE TABLE attachments (
  dispatch TEXT NOT NULL,
  digest TEXT NOT NULL,
  position BIGINT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  url TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (dispatch, digest)
);
CREATE INDEX attachments_missing ON attachments (next_at) WHERE state = 'missing';
CREATE INDEX attachments_digest ON attachments (digest);

CREATE TABLE communities (
  iri TEXT PRIMARY KEY,
  local BOOLEAN NOT NULL,
  name TEXT NOT NULL,
  charter TEXT NOT NULL,
  charter_digest TEXT NOT NULL,
  kind TEXT NOT NULL,
  office TEXT NOT NULL,
  organiser TEXT NOT NULL,
  ceiling BIGINT NOT NULL,
  posting TEXT NOT NULL,
  commenting TEXT NOT NULL,
  history_days BIGINT NOT NULL,
  rendering TEXT NOT NULL,
  subject_in_notice BOOLEAN NOT NULL DEFAULT FALSE,
  sequence BIGINT NOT NULL DEFAULT 0,
  chain TEXT NOT NULL DEFAULT '',
  repair_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);

CREATE TABLE members (
  community TEXT NOT NULL,
  actor TEXT NOT NULL,
  host TEXT NOT NULL,
  role TEXT NOT NULL,
  ceiling BIGINT NOT NULL,
  state TEXT NOT NULL,
  form TEXT NOT NULL,
  since BIGINT NOT NULL,
  history_from BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  left_at BIGINT NOT NULL DEFAULT 0,
  follow_id TEXT NOT NULL DEFAULT '',
  accepted_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (community, actor)
);
CREATE INDEX members_host ON members (host, community);
CREATE INDEX members_actor ON members (actor, state);

CREATE TABLE invitations (
  iri TEXT PRIMARY KEY,
  community TEXT NOT NULL,
  invitee TEXT NOT NULL,
  sponsor TEXT NOT NULL,
  role TEXT NOT NULL,
  ceiling BIGINT NOT NULL,
  charter_digest TEXT NOT NULL,
  ends_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  incoming BOOLEAN NOT NULL,
  follow_id TEXT NOT NULL DEFAULT '',
  document BLOB,
  created_at BIGINT NOT NULL,
  answered_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX invitations_pair ON invitations (community, invitee, state);

CREATE TABLE community_log (
  community TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  activity TEXT NOT NULL,
  digest TEXT NOT NULL,
  previous TEXT NOT NULL,
  object_id TEXT NOT NULL,
  object_version BIGINT NOT NULL DEFAULT 0,
  marking_rank BIGINT NOT NULL,
  withheld BOOLEAN NOT NULL DEFAULT FALSE,
  at BIGINT NOT NULL,
  PRIMARY KEY (community, sequence)
);
CREATE INDEX community_log_object ON community_log (object_id);

CREATE TABLE comments (
  iri TEXT PRIMARY KEY,
  community TEXT NOT NULL,
  dispatch TEXT NOT NULL,
  author TEXT NOT NULL,
  attested_for TEXT NOT NULL DEFAULT '',
  content TEXT NOT NULL,
  document BLOB,
  marking_rank BIGINT NOT NULL,
  state TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  distributed_at BIGINT NOT NULL
);
CREATE INDEX comments_community ON comments (community, published_at);
CREATE INDEX comments_dispatch ON comments (dispatch, published_at);

CREATE TABLE bulletins (
  iri TEXT PRIMARY KEY,
  community TEXT NOT NULL,
  object_id TEXT NOT NULL,
  host TEXT NOT NULL,
  inbox TEXT NOT NULL,
  create_id TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX bulletins_object ON bulletins (object_id, host);

CREATE TABLE notices (
  id SERIAL,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  read_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX notices_recipient ON notices (recipient, id);

CREATE TABLE audit (
  id SERIAL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  act TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX audit_object ON audit (object, id);
`
