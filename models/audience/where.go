package audience

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// Table names what Where filters; its alias in the query must be d.
type Table string

const (
	Dispatches Table = "dispatches"
	Comments   Table = "comments"
)

// Where is May as an SQL condition on rows of the table with alias d, with its
// arguments, for NewSelect().Where(cond, args...).
func Where(r Reader, t Table, now models.Time) (string, []any) {
	cond, args := where(r, t, now)
	for i, a := range args {
		if ids, ok := a.([]iri.IRI); ok {
			args[i] = bun.List(ids)
		}
	}
	return cond, args
}

// Bound is Where for the bound statements of models, whose lists of ids stay plain.
func Bound(r Reader, t Table, now models.Time) (string, []any) { return where(r, t, now) }

// where is Where with plain lists of ids among its arguments.
func where(r Reader, t Table, now models.Time) (string, []any) {
	if r.Actor == "" && r.Host == "" {
		return "1 = 0", nil
	}
	if !r.Local && r.Standing != models.PeerAccredited && r.Standing != models.PeerGuest {
		return "1 = 0", nil
	}
	var ways []string
	args := []any{r.Ceiling}
	way := func(cond string, more ...any) {
		ways = append(ways, cond)
		args = append(args, more...)
	}
	is := func(actor, host string) string { return actor + " IN (?)" }
	var who any = r.ids()
	if r.Actor == "" {
		is = func(actor, host string) string { return host + " = ?" }
		who = r.Host
	}
	switch {
	case t == Dispatches:
		if r.Local {
			way("d.origin = 'archive'")
		}
		way(is("d.author", "d.author_host"), who)
		way("EXISTS (SELECT 1 FROM addressees AS x WHERE x.dispatch = d.iri AND "+is("x.actor", "x.host")+")", who)
	case r.Actor == "":
		for _, scheme := range []string{"https://", "http://"} {
			prefix := scheme + string(r.Host) + "/"
			way("substr(d.author, 1, ?) = ?", len(prefix), prefix)
		}
	default:
		way("d.author IN (?)", who)
	}
	way(`(d.community <> '' AND EXISTS (SELECT 1 FROM members AS m JOIN communities AS c ON c.iri = m.community
		WHERE m.community = d.community AND `+is("m.actor", "m.host")+` AND m.ceiling >= d.marking_rank AND m.history_from <= d.distributed_at AND (
			(m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?)) OR
			(NOT c.local AND m.state IN ('left', 'removed', 'expired') AND d.distributed_at <= m.left_at))))`, who, now)
	return "d.marking_rank <= ? AND (" + strings.Join(ways, " OR ") + ")", args
}

// LocalReader is a person of ours with the offices that she holds mandates for.
func LocalReader(ctx context.Context, db bun.IDB, person iri.IRI, ceiling int64, now models.Time) (Reader, error) {
	offices, err := models.MandatedOffices(ctx, db, person, now)
	if err != nil {
		return Reader{}, err
	}
	return Reader{Actor: person, Offices: offices, Host: person.Host(), Local: true, Ceiling: ceiling}, nil
}

// RemoteReader is another instance's actor, or with actor "" the origin as a whole.
// A host without standing gets a reader that may have nothing.
func RemoteReader(ctx context.Context, db bun.IDB, actor iri.IRI, host iri.Host) (Reader, error) {
	peer, err := models.PeerByHost(ctx, db, host)
	if models.NotFound(err) {
		return Reader{Actor: actor, Host: host}, nil
	}
	if err != nil {
		return Reader{}, err
	}
	return Reader{Actor: actor, Host: host, Standing: peer.State, Ceiling: peer.Ceiling}, nil
}

// Allowed returns those of the given objects that the reader may have now. Of a
// dispatch the latest version decides: a correction can raise the marking.
func Allowed(ctx context.Context, db bun.IDB, r Reader, t Table, ids []iri.IRI, now models.Time) (map[iri.IRI]bool, error) {
	out := make(map[iri.IRI]bool, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	cond, args := where(r, t, now)
	query := "SELECT d.iri FROM " + string(t) + " AS d WHERE d.iri IN (?) AND (" + cond + ")"
	if t == Dispatches {
		query += " AND d.latest"
	}
	found, err := models.BoundIRIs(ctx, db, query, append([]any{ids}, args...)...)
	for _, id := range found {
		out[id] = true
	}
	return out, err
}

// Load reads what May needs to know of a dispatch: the object and the memberships of
// its community that could be the reader's.
func Load(ctx context.Context, db bun.IDB, r Reader, d *models.Dispatch) (Object, []Membership, error) {
	to, err := models.AddresseesOf(ctx, db, d.IRI)
	if err != nil {
		return Object{}, nil, err
	}
	members, err := memberships(ctx, db, r, in(d.Community))
	return objectOf(d, to), members, err
}

// LoadComment is Load for a comment.
func LoadComment(ctx context.Context, db bun.IDB, r Reader, c *models.Comment) (Object, []Membership, error) {
	o := Object{Author: c.Author, AuthorHost: c.Author.Host(), Community: c.Community, MarkingRank: c.MarkingRank,
		DistributedAt: c.DistributedAt}
	members, err := memberships(ctx, db, r, in(c.Community))
	return o, members, err
}

// memberships reads the reader's in some communities; of one that is unknown here nobody
// is a member.
func memberships(ctx context.Context, db bun.IDB, r Reader, communities []iri.IRI) ([]Membership, error) {
	if len(communities) == 0 {
		return nil, nil
	}
	actors := r.ids()
	if r.Actor == "" {
		actors = nil
	}
	found, err := models.MembershipsIn(ctx, db, actors, r.Host, communities)
	members := make([]Membership, len(found))
	for i, m := range found {
		members[i] = Membership{Member: m.Member, Copy: !m.Local}
	}
	return members, err
}

// in is the list of the one community, or of none.
func in(community iri.IRI) []iri.IRI {
	if community == "" {
		return nil
	}
	return []iri.IRI{community}
}
