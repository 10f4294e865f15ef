package models

import (
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Standing of a peer (PROTOCOL §8). People set it; an accepted invitation makes a guest.
const (
	PeerProposed   = "proposed"
	PeerAccredited = "accredited"
	PeerGuest      = "guest"
	PeerSuspended  = "suspended"
	PeerRefused    = "refused"
)

// Affiliation of a peer.
const (
	OwnGovernment   = "own government"
	OtherGovernment = "other government"
	Outside         = "outside"
)

// Forms of distribution to a peer (PROTOCOL §0).
const (
	FormAnnounce = "announce" // Form A
	FormBulletin = "bulletin" // Form B
)

// Peer is another instance and its standing with us.
type Peer struct {
	bun.BaseModel `bun:"table:peers"`

	Host          iri.Host `bun:",pk"`
	State         string
	Affiliation   string
	Ceiling       int64
	Form          string
	InstanceActor iri.IRI
	PinnedKey     string // Multikey that operators have compared
	OfferedKey    string // Multikey as proposed, or seen since, not yet compared
	Contact       string
	AskedCeiling  int64
	ProposedByUs  bool
	OfferID       iri.IRI
	Reason        string
	Scheme        string // signature scheme that it is known to accept
	SchemeUntil   Time   // until when Scheme was remembered from a double-knock
	Software      string
	CreatedAt     Time
	UpdatedAt     Time
}

// PeerByHost returns NotFound for a host that has no standing with us.
func PeerByHost(ctx context.Context, db bun.IDB, host iri.Host) (*Peer, error) {
	p := new(Peer)
	err := rawRow(ctx, db, `SELECT host, state, affiliation, ceiling, form, instance_actor, pinned_key, offered_key, contact, asked_ceiling, proposed_by_us,
		offer_id, reason, scheme, scheme_until, software, created_at, updated_at FROM peers WHERE host = ?`, []any{string(host)},
		&p.Host, &p.State, &p.Affiliation, &p.Ceiling, &p.Form, &p.InstanceActor, &p.PinnedKey, &p.OfferedKey, &p.Contact, &p.AskedCeiling, &p.ProposedByUs,
		&p.OfferID, &p.Reason, &p.Scheme, &p.SchemeUntil, &p.Software, &p.CreatedAt, &p.UpdatedAt)
	return p, err
}

// PeerState is the standing of a host; NotFound for one that has none with us.
func PeerState(ctx context.Context, db bun.IDB, host iri.Host) (state string, err error) {
	err = rawRow(ctx, db, `SELECT state FROM peers WHERE host = ?`, []any{string(host)}, &state)
	return state, err
}

// Peers lists all, by host.
func Peers(ctx context.Context, db bun.IDB, after iri.Host, limit int) ([]*Peer, error) {
	var rows []*Peer
	err := db.NewSelect().Model(&rows).Where("host > ?", after).OrderBy("host", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// SavePeer inserts or replaces the row and marks the policy as changed.
func SavePeer(ctx context.Context, db bun.IDB, p *Peer) error {
	q := db.NewInsert().Model(p).On("CONFLICT (host) DO UPDATE")
	for _, c := range []string{"state", "affiliation", "ceiling", "form", "instance_actor", "pinned_key", "offered_key", "contact",
		"asked_ceiling", "proposed_by_us", "offer_id", "reason", "scheme", "scheme_until", "software", "updated_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
	}
	if _, err := q.Exec(ctx); err != nil {
		return err
	}
	return BumpEpoch(ctx, db)
}

// SetScheme remembers which signature scheme the host accepts; until 0 means for good.
func SetScheme(ctx context.Context, db bun.IDB, host iri.Host, scheme string, until Time) error {
	_, err := db.NewRaw(`UPDATE peers SET scheme = ?, scheme_until = ? WHERE host = ?`, scheme, until, host).Exec(ctx)
	return err
}

// Host is the state of the deliveries to one host: when the next is due, its
// back-off, and who holds it at the moment. Back-off belongs to the host.
type Host struct {
	bun.BaseModel `bun:"table:hosts"`

	Host           iri.Host `bun:",pk"`
	DueAt          Time
	Failures       int64
	BackOffUntil   Time
	FirstFailureAt Time
	LastAnswerAt   Time
	LastReason     string
	Held           bool // it answers 401 or 403 to whatever we send, since FirstFailureAt
	LeaseUntil     Time
	LeaseBy        string
}

// nudges are the hosts for which a transaction has made something due, and when.
type (
	nudges    map[iri.Host]Time
	nudgesKey struct{}
)

func (n nudges) add(hosts []iri.Host, at Time) {
	for _, h := range hosts {
		if was, ok := n[h]; !ok || at < was {
			n[h] = at
		}
	}
}

// NudgeHosts marks that something is due for these hosts at the given moment: in
// Store.InTx when the rest of the transaction is done, elsewhere at once. A host in
// back-off keeps its own time.
func NudgeHosts(ctx context.Context, db bun.IDB, hosts []iri.Host, at Time) error {
	if later, ok := ctx.Value(nudgesKey{}).(nudges); ok {
		later.add(hosts, at)
		return nil
	}
	n := nudges{}
	n.add(hosts, at)
	return n.write(ctx, db)
}

// write takes the hosts in sorted order, or PostgreSQL could deadlock.
func (n nudges) write(ctx context.Context, db bun.IDB) error {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(n)), 500) {
		args := make([]any, 0, 2*len(chunk))
		for _, h := range chunk {
			args = append(args, string(h), int64(n[h]))
		}
		_, err := rawExec(ctx, db, `INSERT INTO hosts (host, due_at) VALUES `+places(len(chunk), 2)+` ON CONFLICT (host) DO UPDATE SET
			due_at = CASE WHEN hosts.back_off_until > EXCLUDED.due_at THEN CASE WHEN hosts.due_at < hosts.back_off_until THEN hosts.due_at ELSE hosts.back_off_until END
				WHEN hosts.due_at < EXCLUDED.due_at THEN hosts.due_at ELSE EXCLUDED.due_at END`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// LockHosts takes the rows of these hosts, and of those that are nudged at the end of the
// transaction, in sorted order, before ReleaseHost and WakeHost take them one by one.
func LockHosts(ctx context.Context, tx bun.Tx, hosts []iri.Host) error {
	if !isPG(tx) || len(hosts) == 0 {
		return nil
	}
	if later, ok := ctx.Value(nudgesKey{}).(nudges); ok {
		hosts = slices.AppendSeq(slices.Clone(hosts), maps.Keys(later))
	}
	for chunk := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(hosts))), 500) {
		if _, err := tx.NewRaw(`SELECT 1 FROM hosts WHERE host IN (?) ORDER BY host COLLATE "C" FOR UPDATE`, bun.List(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// LeaseHosts takes up to limit due hosts that nobody holds, until the given moment.
// Only hosts that answered last time are taken when healthy is true, only failing
// ones otherwise, so that dead hosts cannot take every place.
func LeaseHosts(ctx context.Context, db bun.IDB, by string, now, until Time, healthy bool, limit int) ([]*Host, error) {
	lock := ""
	if isPG(db) {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	found, err := raw(ctx, db, `UPDATE hosts SET lease_until = ?, lease_by = ? WHERE host IN (
		SELECT host FROM hosts WHERE due_at <= ? AND lease_until < ? AND `+failing(healthy)+` ORDER BY due_at LIMIT ?`+lock+`)
		RETURNING host, due_at, failures, back_off_until, first_failure_at, last_answer_at, last_reason, held, lease_until, lease_by`,
		int64(until), by, int64(now), int64(now), limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []*Host
	for found.Next() {
		h := new(Host)
		if err := found.Scan(&h.Host, &h.DueAt, &h.Failures, &h.BackOffUntil, &h.FirstFailureAt, &h.LastAnswerAt, &h.LastReason, &h.Held, &h.LeaseUntil, &h.LeaseBy); err != nil {
			return nil, err
		}
		rows = append(rows, h)
	}
	return rows, found.Err()
}

func failing(healthy bool) string {
	if healthy {
		return "failures = 0"
	}
	return "failures > 0"
}

// HostsDue tells whether LeaseHosts would find one. It writes nothing.
func HostsDue(ctx context.Context, db bun.IDB, now Time, healthy bool) (bool, error) {
	var due bool
	err := rawRow(ctx, db, `SELECT EXISTS (SELECT 1 FROM hosts WHERE due_at <= ? AND lease_until < ? AND `+failing(healthy)+`)`, []any{int64(now), int64(now)}, &due)
	return due, err
}

// HostByName returns NotFound when nothing was ever due for it.
func HostByName(ctx context.Context, db bun.IDB, host iri.Host) (*Host, error) {
	h := new(Host)
	err := db.NewSelect().Model(h).Where("host = ?", host).Scan(ctx)
	return h, err
}

// HeldHosts lists hosts that do not believe our signatures, by name.
func HeldHosts(ctx context.Context, db bun.IDB, after iri.Host, limit int) ([]*Host, error) {
	var rows []*Host
	err := db.NewSelect().Model(&rows).Where("held").Where("host > ?", after).OrderBy("host", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// ReleaseHost gives the lease back, with the back-off that h now has; due_at becomes
// the moment when the first row of a lane may be tried, or Never, in h too. It does
// nothing when the lease has gone to another. Nobody leases the host before rest; 0: at once.
func ReleaseHost(ctx context.Context, tx bun.Tx, h *Host, rest Time) error {
	if isPG(tx) {
		// A fresh snapshot after the row lock sees what a concurrent release added.
		if _, err := tx.NewRaw(`SELECT 1 FROM hosts WHERE host = ? FOR UPDATE`, h.Host).Exec(ctx); err != nil {
			return err
		}
	}
	due := Never
	err := rawRow(ctx, tx, `SELECT d.next_at FROM (`+firstOfLanes+`) AS f JOIN deliveries AS d ON d.id = f.id ORDER BY d.next_at LIMIT 1`, []any{string(h.Host)}, &due)
	if err == nil {
		due = max(due, h.BackOffUntil)
	} else if !NotFound(err) {
		return err
	}
	h.DueAt = due
	_, err = rawExec(ctx, tx, `UPDATE hosts SET lease_until = ?, lease_by = '', failures = ?, back_off_until = ?, first_failure_at = ?,
		last_answer_at = ?, last_reason = ?, held = ?, due_at = ? WHERE host = ? AND lease_by = ?`,
		int64(rest), h.Failures, int64(h.BackOffUntil), int64(h.FirstFailureAt), int64(h.LastAnswerAt), clip(h.LastReason, 1000), h.Held, int64(due), string(h.Host), h.LeaseBy)
	return err
}

// ExpireLeases frees every lease; only a process that is alone at the database may call
// it, at its start (Store.Attend).
func ExpireLeases(ctx context.Context, db bun.IDB) error {
	if _, err := db.NewRaw(`UPDATE hosts SET lease_until = 0, lease_by = '' WHERE lease_until > 0`).Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewRaw(`UPDATE arrivals SET lease_until = 0 WHERE state = 'pending' AND lease_until > 0`).Exec(ctx)
	return err
}
