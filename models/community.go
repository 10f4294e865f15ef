package models

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Who may post or comment in a community.
const (
	ByOrganisers = "organisers"
	ByMembers    = "members" // members from government; guests may not
	ByEveryone   = "everyone"
)

// Rendering levels of a bulletin (PROTOCOL §4.3).
const (
	RenderNotice = "notice"
	RenderInline = "inline"
)

// Roles in a community.
const (
	RoleOrganiser = "organiser"
	RoleMember    = "member"
	RoleGuest     = "guest"
)

// States of a membership.
const (
	MemberReserved = "reserved" // consented, not yet followed
	MemberActive   = "active"
	MemberLeft     = "left"
	MemberRemoved  = "removed"
	MemberExpired  = "expired"
)

// States of an invitation.
const (
	InvitationOpen     = "open"
	InvitationAccepted = "accepted" // reserved for the invitee, who has consented
	InvitationConsumed = "consumed"
	InvitationDeclined = "declined"
	InvitationExpired  = "expired"
	InvitationRevoked  = "revoked"
)

// Community is an addressed audience. Local ones are ours to run; a remote one is
// what our members have joined.
type Community struct {
	bun.BaseModel `bun:"table:communities"`

	IRI             iri.IRI `bun:",pk"`
	Local           bool
	Name            string
	Charter         string
	CharterDigest   string
	Kind            string // "transverse" or "hierarchical"
	Office          iri.IRI
	Organiser       iri.IRI
	Ceiling         int64
	Posting         string
	Commenting      string
	HistoryDays     int64
	Rendering       string
	SubjectInNotice bool
	Sequence        int64
	Chain           string // digest of the last announcement
	RepairAt        Time   // next time that a gap may be repaired
	CreatedAt       Time
}

// Member is one actor in a community's audience.
type Member struct {
	bun.BaseModel `bun:"table:members"`

	Community   iri.IRI `bun:",pk"`
	Actor       iri.IRI `bun:",pk"`
	Host        iri.Host
	Role        string
	Ceiling     int64
	State       string
	Form        string
	Since       Time
	HistoryFrom Time
	EndsAt      Time // 0: without term
	LeftAt      Time
	FollowID    iri.IRI
	AcceptedAt  Time // when our Accept was answered 2xx; nothing goes out before
}

// MembershipIn is a membership, and whether the community is ours.
type MembershipIn struct {
	Member
	Local bool
}

// MembershipsIn lists those of the actors, or without any of everybody on the host, in some
// communities that are known here, as far as the audience depends on them.
func MembershipsIn(ctx context.Context, db bun.IDB, actors []iri.IRI, host iri.Host, communities []iri.IRI) ([]MembershipIn, error) {
	who, value := "m.actor IN (?)", any(actors)
	if len(actors) == 0 {
		who, value = "m.host = ?", string(host)
	}
	found, err := bound(ctx, db, `SELECT m.community, m.actor, m.host, m.ceiling, m.state, m.history_from, m.ends_at, m.left_at, c.local
		FROM members AS m JOIN communities AS c ON c.iri = m.community WHERE m.community IN (?) AND `+who+` LIMIT 10000`, communities, value)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []MembershipIn
	for found.Next() {
		var m MembershipIn
		if err := found.Scan(&m.Community, &m.Actor, &m.Host, &m.Ceiling, &m.State, &m.HistoryFrom, &m.EndsAt, &m.LeftAt, &m.Local); err != nil {
			return nil, err
		}
		rows = append(rows, m)
	}
	return rows, found.Err()
}

// Invitation is one from us, or one to a person of ours (Incoming).
type Invitation struct {
	bun.BaseModel `bun:"table:invitations"`

	IRI           iri.IRI `bun:",pk"`
	Community     iri.IRI
	Invitee       iri.IRI
	Sponsor       iri.IRI
	Role          string
	Ceiling       int64
	CharterDigest string
	EndsAt        Time
	ExpiresAt     Time
	State         string
	Incoming      bool
	FollowID      iri.IRI
	Document      []byte
	CreatedAt     Time
	AnsweredAt    Time
}

// LogEntry is one announcement of a community: its place in the sequence and its digest.
type LogEntry struct {
	bun.BaseModel `bun:"table:community_log"`

	Community     iri.IRI `bun:",pk"`
	Sequence      int64   `bun:",pk"`
	Activity      iri.IRI
	Digest        string
	Previous      string
	ObjectID      iri.IRI
	ObjectVersion int64
	MarkingRank   int64
	Withheld      bool
	// At is when it was announced: by our clock where the community is ours, else as
	// its Group says, never before the entry that it follows. 0: withheld.
	At Time
}

// CommunityByIRI returns NotFound for one that we neither run nor have joined.
func CommunityByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Community, error) {
	c := new(Community)
	err := db.NewSelect().Model(c).Where("iri = ?", id).Scan(ctx)
	return c, err
}

// LockCommunity reads the row under its lock: sequence and digest are assigned there.
func LockCommunity(ctx context.Context, tx bun.Tx, id iri.IRI) (*Community, error) {
	c := new(Community)
	q := tx.NewSelect().Model(c).Where("iri = ?", id)
	if isPG(tx) {
		q = q.For("UPDATE")
	}
	err := q.Scan(ctx)
	return c, err
}

// SaveCommunity inserts or replaces the row.
func SaveCommunity(ctx context.Context, db bun.IDB, c *Community) error {
	q := db.NewInsert().Model(c).On("CONFLICT (iri) DO UPDATE")
	for _, col := range []string{"name", "charter", "charter_digest", "kind", "office", "organiser", "ceiling", "posting", "commenting",
		"history_days", "rendering", "subject_in_notice", "sequence", "chain", "repair_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(col), bun.Ident(col))
	}
	_, err := q.Exec(ctx)
	return err
}

// MemberOf returns one membership in any state.
func MemberOf(ctx context.Context, db bun.IDB, community, actor iri.IRI) (*Member, error) {
	m := new(Member)
	err := db.NewSelect().Model(m).Where("community = ?", community).Where("actor = ?", actor).Scan(ctx)
	return m, err
}

// AllMembers lists every membership, ended ones too.
func AllMembers(ctx context.Context, db bun.IDB, community iri.IRI, after iri.IRI, limit int) ([]*Member, error) {
	var rows []*Member
	err := db.NewSelect().Model(&rows).Where("community = ?", community).Where("actor > ?", after).OrderBy("actor", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// ExpiredMembers lists active memberships whose term has ended.
func ExpiredMembers(ctx context.Context, db bun.IDB, now Time, limit int) ([]*Member, error) {
	var rows []*Member
	err := db.NewSelect().Model(&rows).Where("state = 'active'").Where("ends_at > 0").Where("ends_at <= ?", now).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// CountMembers counts those in force.
func CountMembers(ctx context.Context, db bun.IDB, community iri.IRI) (int64, error) {
	return db.NewSelect().Model((*Member)(nil)).Where("community = ?", community).Where("state = 'active'").Count(ctx)
}

// LocalMembers lists our own persons in force in a community.
func LocalMembers(ctx context.Context, db bun.IDB, community iri.IRI, own iri.Host, now Time) ([]*Member, error) {
	var rows []*Member
	err := db.NewSelect().Model(&rows).Where("community = ?", community).Where("host = ?", own).Where("state = 'active'").
		Where("ends_at = 0 OR ends_at > ?", now).OrderBy("actor", bun.OrderAsc).Limit(10000).Scan(ctx)
	return rows, err
}

// SaveMember inserts or replaces the membership.
func SaveMember(ctx context.Context, db bun.IDB, m *Member) error {
	q := db.NewInsert().Model(m).On("CONFLICT (community, actor) DO UPDATE")
	for _, col := range []string{"role", "ceiling", "state", "form", "since", "history_from", "ends_at", "left_at", "follow_id", "accepted_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(col), bun.Ident(col))
	}
	_, err := q.Exec(ctx)
	return err
}

// InvitationByIRI returns one invitation.
func InvitationByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Invitation, error) {
	i := new(Invitation)
	err := db.NewSelect().Model(i).Where("iri = ?", id).Scan(ctx)
	return i, err
}

// LiveInvitation returns the newest invitation of the pair that is open or accepted.
func LiveInvitation(ctx context.Context, db bun.IDB, community, invitee iri.IRI) (*Invitation, error) {
	i := new(Invitation)
	err := db.NewSelect().Model(i).Where("community = ?", community).Where("invitee = ?", invitee).
		Where("state IN ('open', 'accepted')").OrderBy("created_at", bun.OrderDesc).Limit(1).Scan(ctx)
	return i, err
}

// Invitations lists those of a community or to a person ("" for any), newest first.
func Invitations(ctx context.Context, db bun.IDB, community, invitee iri.IRI, limit int) ([]*Invitation, error) {
	var rows []*Invitation
	q := db.NewSelect().Model(&rows).OrderBy("created_at", bun.OrderDesc).Limit(int64(limit))
	if community != "" {
		q = q.Where("community = ?", community)
	}
	if invitee != "" {
		q = q.Where("invitee = ?", invitee)
	}
	err := q.Scan(ctx)
	return rows, err
}

// InsertInvitation adds one; a known id is IsConflict.
func InsertInvitation(ctx context.Context, db bun.IDB, i *Invitation) error {
	_, err := db.NewInsert().Model(i).Exec(ctx)
	return err
}

// MoveInvitation changes the state from one of the given states, atomically; it tells
// whether it did. This is what lets an invitation be used once.
func MoveInvitation(ctx context.Context, tx bun.Tx, id iri.IRI, from []string, to string, followID iri.IRI, now Time) (bool, error) {
	res, err := tx.NewRaw(`UPDATE invitations SET state = ?, answered_at = ?, follow_id = CASE WHEN ? = '' THEN follow_id ELSE ? END WHERE iri = ? AND state IN (?)`,
		to, now, followID, followID, id, bun.List(from)).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// InsertLogEntry adds the entry; a known sequence number is IsConflict.
func InsertLogEntry(ctx context.Context, db bun.IDB, e *LogEntry) error {
	_, err := db.NewInsert().Model(e).Exec(ctx)
	return err
}

// LogEntries lists entries after a sequence number, oldest first.
func LogEntries(ctx context.Context, db bun.IDB, community iri.IRI, after int64, limit int) ([]*LogEntry, error) {
	var rows []*LogEntry
	err := db.NewSelect().Model(&rows).Where("community = ?", community).Where("sequence > ?", after).
		OrderBy("sequence", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// LogEntryAt returns one entry.
func LogEntryAt(ctx context.Context, db bun.IDB, community iri.IRI, sequence int64) (*LogEntry, error) {
	e := new(LogEntry)
	err := db.NewSelect().Model(e).Where("community = ?", community).Where("sequence = ?", sequence).Scan(ctx)
	return e, err
}

// LogEntriesOf lists the announcements about one object, oldest first.
func LogEntriesOf(ctx context.Context, db bun.IDB, object iri.IRI) ([]*LogEntry, error) {
	var rows []*LogEntry
	err := db.NewSelect().Model(&rows).Where("object_id = ?", object).OrderBy("sequence", bun.OrderAsc).Limit(1000).Scan(ctx)
	return rows, err
}

// EverMember tells whether the actor, or for an instance actor anybody on the host,
// was ever in the community's audience.
func EverMember(ctx context.Context, db bun.IDB, community, actor iri.IRI, host iri.Host) (bool, error) {
	q := db.NewSelect().Model((*Member)(nil)).Where("community = ?", community)
	if string(actor) == host.Base()+"/actor" {
		return q.Where("host = ?", host).Exists(ctx)
	}
	return q.Where("actor = ?", actor).Exists(ctx)
}

// NarrowMembers brings every member's ceiling down to the community's.
func NarrowMembers(ctx context.Context, db bun.IDB, community iri.IRI, ceiling int64) error {
	_, err := db.NewRaw(`UPDATE members SET ceiling = ? WHERE community = ? AND ceiling > ?`, ceiling, community, ceiling).Exec(ctx)
	return err
}

// CommunitiesOf lists the communities that any of the actors is or was in, by id.
func CommunitiesOf(ctx context.Context, db bun.IDB, actors []iri.IRI, after iri.IRI, limit int) ([]*Community, error) {
	var rows []*Community
	err := db.NewSelect().Model(&rows).Where("iri > ?", after).
		Where("iri IN (SELECT m.community FROM members AS m WHERE m.actor IN (?) AND m.state <> 'reserved')", bun.List(actors)).
		OrderBy("iri", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// Seat is one member's place in a distribution.
type Seat struct {
	Actor       iri.IRI
	Host        iri.Host
	Form        string
	Ceiling     int64
	HistoryFrom Time
	Inbox       iri.IRI
	SharedInbox iri.IRI
	Username    string
}

// Seats lists the remote members in force whose Accept has reached them and whose inbox
// is not gone.
func Seats(ctx context.Context, db bun.IDB, community iri.IRI, own iri.Host, now Time) ([]Seat, error) {
	found, err := raw(ctx, db, `SELECT m.actor, m.host, m.form, m.ceiling, m.history_from, a.inbox, a.shared_inbox, a.username FROM members AS m JOIN actors AS a ON a.iri = m.actor
		WHERE m.community = ? AND m.host <> ? AND m.state = 'active' AND m.accepted_at > 0 AND a.inbox <> '' AND (m.ends_at = 0 OR m.ends_at > ?) ORDER BY m.host, m.actor LIMIT 100000`,
		string(community), string(own), int64(now))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []Seat
	for found.Next() {
		var r Seat
		if err := found.Scan(&r.Actor, &r.Host, &r.Form, &r.Ceiling, &r.HistoryFrom, &r.Inbox, &r.SharedInbox, &r.Username); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// Reached is an inbox that an object was sent to, or may have been.
type Reached struct {
	Host      iri.Host
	Inbox     iri.IRI
	Recipient iri.IRI
}

// ReachedInboxes lists where an object of a community went: a withdrawal follows it.
func ReachedInboxes(ctx context.Context, db bun.IDB, object, community iri.IRI) ([]Reached, error) {
	var rows []Reached
	err := db.NewRaw(`SELECT DISTINCT host, inbox, recipient FROM deliveries WHERE object_id = ? AND community = ? AND purpose IN ('dispatch', 'comment') AND type = 'Announce'
		AND (state = 'handed-over' OR attempts > 0) ORDER BY host, inbox LIMIT 100000`, object, community).Scan(ctx, &rows)
	return rows, err
}

// MemberByFollow finds a membership by its Follow, or by its community where the Follow
// is not named.
func MemberByFollow(ctx context.Context, db bun.IDB, actor, follow, community iri.IRI) (*Member, error) {
	m := new(Member)
	err := db.NewSelect().Model(m).Where("actor = ?", actor).Where("follow_id = ? OR community = ?", follow, community).Limit(1).Scan(ctx)
	return m, err
}

// LogInWindow lists the newest entries since a moment up to a rank, oldest first.
func LogInWindow(ctx context.Context, db bun.IDB, community iri.IRI, from Time, rank int64, limit int) ([]*LogEntry, error) {
	var rows []*LogEntry
	err := db.NewSelect().Model(&rows).Where("community = ?", community).Where("at >= ?", from).Where("marking_rank <= ?", rank).
		OrderBy("sequence", bun.OrderDesc).Limit(int64(limit)).Scan(ctx)
	slices.Reverse(rows)
	return rows, err
}

// UpsertLogEntry adds an entry that a member learned; it tells whether the number was
// taken by another announcement.
func UpsertLogEntry(ctx context.Context, db bun.IDB, e *LogEntry) (other bool, err error) {
	_, err = db.NewInsert().Model(e).On("CONFLICT (community, sequence) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, err
	}
	have, err := LogEntryAt(ctx, db, e.Community, e.Sequence)
	if err != nil {
		return false, err
	}
	if have.Withheld && !e.Withheld && have.Digest == e.Digest {
		_, err = db.NewUpdate().Model(e).WherePK().Exec(ctx)
	}
	return have.Digest != e.Digest, err
}

// CommunitiesToRepair lists joined communities whose gap may be asked about now.
func CommunitiesToRepair(ctx context.Context, db bun.IDB, now Time, limit int) ([]*Community, error) {
	var rows []*Community
	err := db.NewSelect().Model(&rows).Where("NOT local").Where("repair_at > 0").Where("repair_at <= ?", now).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// SetRepair says when the gap may be asked about next; 0 says that there is none.
func SetRepair(ctx context.Context, db bun.IDB, community iri.IRI, at Time) error {
	_, err := db.NewRaw(`UPDATE communities SET repair_at = ? WHERE iri = ?`, at, community).Exec(ctx)
	return err
}

// FirstGap returns the lowest number that is missing after the first entry that is
// here, or 0.
func FirstGap(ctx context.Context, db bun.IDB, community iri.IRI) (int64, error) {
	var gap int64
	err := db.NewRaw(`SELECT COALESCE(MIN(a.sequence) + 1, 0) FROM community_log AS a WHERE a.community = ?
		AND a.sequence < (SELECT MAX(z.sequence) FROM community_log AS z WHERE z.community = a.community)
		AND NOT EXISTS (SELECT 1 FROM community_log AS b WHERE b.community = a.community AND b.sequence = a.sequence + 1)`, community).Scan(ctx, &gap)
	return gap, err
}

// Reserved tells whether somebody on the host waits for her membership to begin.
func Reserved(ctx context.Context, db bun.IDB, community iri.IRI, host iri.Host) (bool, error) {
	return db.NewSelect().Model((*Member)(nil)).Where("community = ?", community).Where("host = ?", host).Where("state = 'reserved'").Exists(ctx)
}

// InvitationsTo lists the invitations to any of the actors, newest first.
func InvitationsTo(ctx context.Context, db bun.IDB, actors []iri.IRI, limit int) ([]*Invitation, error) {
	var rows []*Invitation
	err := db.NewSelect().Model(&rows).Where("invitee IN (?)", bun.List(actors)).OrderBy("created_at", bun.OrderDesc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}
