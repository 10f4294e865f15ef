package models

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Folders of a desk.
const (
	FolderAction     = "action"
	FolderInfo       = "info"
	FolderSent       = "sent"
	FolderRegistered = "registered"
	FolderAside      = "aside" // issued, and late or refused for somebody
	FolderArchive    = "archive"
	FolderCommunity  = "community"
)

// States by which a folder is narrowed.
const (
	DeskWaiting    = "waiting" // not taken for action, or for information and not read
	DeskUnread     = "unread"
	DeskRead       = "read"
	DeskRegistered = "registered"
	DeskTaken      = "taken"
	DeskOverdue    = "overdue"
	DeskStuck      = "stuck"
	DeskWithdrawn  = "withdrawn"
)

// excerptMost bounds the first words that are kept of a dispatch, in bytes.
const excerptMost = 400

// refreshDesk brings what lists stand on, beside each local addressee, in line with the
// dispatch and with what was done with it. Whatever changes one of them calls it in the
// same transaction.
func refreshDesk(ctx context.Context, db bun.IDB, dispatch iri.IRI) error {
	_, err := rawExec(ctx, db, `UPDATE addressees SET precedence_rank = d.precedence_rank, distributed_at = d.distributed_at,
		unread = (d.origin <> 'archive' AND d.state = 'in force' AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor AND r.read_at > 0)),
		waiting = (d.origin <> 'archive' AND d.state = 'in force' AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor
			AND ((addressees.role = 'action' AND r.taken_at > 0) OR (addressees.role <> 'action' AND r.read_at > 0)))),
		registered = EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = addressees.dispatch AND r.office = addressees.actor AND r.registered_at > 0)
		FROM dispatches AS d WHERE d.iri = addressees.dispatch AND d.latest AND addressees.local AND addressees.dispatch = ?`, string(dispatch))
	if err != nil {
		return fmt.Errorf("bring the lists of %s in line: %w", dispatch, err)
	}
	return nil
}

// heldStations are those at which an addressee has a dispatch.
const heldStations = `('delivered', 'registered', 'read', 'taken for action')`

// held is the condition that the addressee x of the latest version d has it.
const held = `EXISTS (SELECT 1 FROM evidence AS e WHERE e.dispatch = x.dispatch AND e.addressee = x.actor AND e.version = d.version AND e.station IN ` + heldStations + `)`

// ForgetStuck takes back that an addressee is stuck who has the dispatch by now.
func ForgetStuck(ctx context.Context, db bun.IDB) error {
	_, err := rawExec(ctx, db, `UPDATE addressees SET stuck = FALSE WHERE stuck AND EXISTS (SELECT 1 FROM dispatches AS d, addressees AS x
		WHERE x.dispatch = addressees.dispatch AND x.actor = addressees.actor AND d.iri = x.dispatch AND d.latest AND (d.state <> 'in force' OR `+held+`))`)
	return err
}

// DeskHolder is an actor of ours for whom a person reads: an office that she holds a
// mandate for, or herself.
type DeskHolder struct {
	IRI      iri.IRI
	Username string
	Name     string
	Type     string
	Acts     []string // what she may do for it; nothing for herself
}

// DeskHolders returns them by name, offices first.
func DeskHolders(ctx context.Context, db bun.IDB, person iri.IRI, now Time) ([]DeskHolder, error) {
	rows, err := raw(ctx, db, `SELECT a.iri, a.username, a.name, a.type, m.act FROM mandates AS m JOIN actors AS a ON a.iri = m.office
		WHERE m.person = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?)
		UNION ALL SELECT a.iri, a.username, a.name, a.type, '' FROM actors AS a WHERE a.iri = ? ORDER BY 4, 3, 1 LIMIT 1000`, string(person), int64(now), string(person))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeskHolder
	for rows.Next() {
		var h DeskHolder
		var act string
		if err := rows.Scan(&h.IRI, &h.Username, &h.Name, &h.Type, &act); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].IRI != h.IRI {
			out = append(out, h)
		}
		if act != "" {
			last := &out[len(out)-1]
			last.Acts = append(last.Acts, act)
		}
	}
	return out, rows.Err()
}

// DeskKey is the place of a row in a folder. The zero value is before the first.
type DeskKey struct {
	Precedence  int64
	Distributed Time
	Dispatch    iri.IRI
}

// DeskQuery asks for one page of a folder.
type DeskQuery struct {
	Holder iri.IRI
	// Readers are all for whom the person reads, for what is unread in a community.
	Readers   []iri.IRI
	Folder    string
	Community iri.IRI // of FolderCommunity; in other folders it narrows
	Peer      iri.Host
	From, To  Time // of distribution: From and later, before To; 0 for any
	Kind      string
	// Precedence and Marking are ranks; 0 for any.
	Precedence int64
	Marking    int64
	Tag        string
	Language   string
	State      string
	After      DeskKey
	Limit      int
	Now        Time
	// Cond is the condition of models/audience on rows d, with its arguments.
	Cond string
	Args []any
}

// DeskRow is one row of a folder.
type DeskRow struct {
	IRI            iri.IRI
	Version        int64
	Origin         string
	Author         iri.IRI
	AuthorName     string
	Community      iri.IRI
	CommunityName  string
	Reference      string
	Kind           string
	Subject        string
	Precedence     string
	PrecedenceRank int64
	Marking        string
	MarkingRank    int64
	Language       string
	State          string
	PublishedAt    Time
	DistributedAt  Time
	DueAt          Time
	Excerpt        string
	Role           string // of the holder: RoleAction, RoleInfo or ""
	Unread         bool
	Waiting        bool
	ReadAt         Time
	RegisteredAt   Time
	Number         string
	TakenAt        Time
	// By is who of the office did the last of these.
	By          string
	Attachments int64
	// First names the first addressee; of Addressees, Have have it and Stuck do not. They
	// are read for FolderSent and FolderAside alone.
	First      string
	Addressees int64
	Have       int64
	Stuck      int64
	Key        DeskKey
	// References are the labels of what it refers to, at most three; Tags at most ten.
	References []string
	Tags       []string
}

// deskPlace is where a folder's rows come from: its FROM clause, its condition, and the
// columns of its order.
type deskPlace struct {
	from, where              string
	args                     []any
	role, unread, waiting    string
	unreadArgs               []any
	precedence, at, dispatch string
}

func (q *DeskQuery) place() (deskPlace, error) {
	live := deskPlace{from: `dispatches AS d`, role: `''`, unread: `FALSE`, waiting: `FALSE`, precedence: "d.precedence_rank", at: "d.distributed_at", dispatch: "d.iri"}
	addressed := deskPlace{from: `addressees AS x JOIN dispatches AS d ON d.iri = x.dispatch AND d.latest`, role: "x.role", unread: "x.unread", waiting: "x.waiting",
		precedence: "x.precedence_rank", at: "x.distributed_at", dispatch: "x.dispatch"}
	switch q.Folder {
	case FolderAction, FolderInfo:
		addressed.where, addressed.args = `x.actor = ? AND x.role = ? AND x.local`, []any{q.Holder, q.Folder}
		return addressed, nil
	case FolderRegistered:
		addressed.where, addressed.args = `x.actor = ? AND x.registered`, []any{q.Holder}
		return addressed, nil
	case FolderSent, FolderArchive:
		origin := OriginIssued
		if q.Folder == FolderArchive {
			origin = OriginArchive
		}
		// The origin is written out: an index has it in its condition, and for a bound one
		// SQLite would read the statement anew each time.
		live.where, live.args = `d.author = ? AND d.origin = '`+origin+`' AND d.latest`, []any{q.Holder}
		return live, nil
	case FolderAside:
		live.from = `(SELECT DISTINCT x.dispatch FROM addressees AS x CROSS JOIN dispatches AS d WHERE x.stuck AND d.iri = x.dispatch AND d.latest AND NOT ` + held + `) AS s CROSS JOIN dispatches AS d`
		live.where, live.args = `d.iri = s.dispatch AND d.latest AND d.state = 'in force' AND d.author = ? AND d.origin = 'issued'`, []any{q.Holder}
		return live, nil
	case FolderCommunity:
		live.where, live.args = `d.community = ? AND d.community <> '' AND d.latest`, []any{q.Community}
		live.unread = `(d.origin <> 'archive' AND d.state = 'in force' AND d.author NOT IN (?) AND NOT EXISTS (SELECT 1 FROM registrations AS g WHERE g.dispatch = d.iri AND g.office IN (?) AND g.read_at > 0))`
		live.unreadArgs = []any{q.Readers, q.Readers}
		live.waiting = live.unread
		return live, nil
	}
	return live, fmt.Errorf("models: there is no folder %q", q.Folder)
}

// narrow adds the conditions of the filters.
func (q *DeskQuery) narrow(p *deskPlace) (string, []any, error) {
	var conds []string
	var args []any
	add := func(cond string, more ...any) { conds, args = append(conds, cond), append(args, more...) }
	// plain is for a column that no index of a folder has. SQLite looks at what is bound to
	// such a comparison when it plans, and so reads the statement anew each time; inside IS
	// TRUE it does not.
	plain := func(cond string, more ...any) { add(`(`+cond+`) IS TRUE`, more...) }
	if q.Peer != "" {
		if q.Folder == FolderSent || q.Folder == FolderAside {
			add(`EXISTS (SELECT 1 FROM addressees AS h WHERE h.dispatch = d.iri AND h.host = ?)`, q.Peer)
		} else {
			plain(`d.author_host = ?`, q.Peer)
		}
	}
	if q.Community != "" && q.Folder != FolderCommunity {
		add(`d.community = ?`, q.Community)
	}
	if q.From != 0 {
		add(p.at+` >= ?`, q.From)
	}
	if q.To != 0 {
		add(p.at+` < ?`, q.To)
	}
	if q.Kind != "" {
		plain(`d.kind = ?`, q.Kind)
	}
	if q.Precedence != 0 {
		add(p.precedence+` = ?`, q.Precedence)
	}
	if q.Marking != 0 {
		plain(`d.marking_rank = ?`, q.Marking)
	}
	if q.Tag != "" {
		add(`EXISTS (SELECT 1 FROM dispatch_tags AS g WHERE g.dispatch = d.iri AND g.tag = ?)`, q.Tag)
	}
	if q.Language != "" {
		region := q.Language + "-"
		add(`(d.language = ? OR substr(d.language, 1, ?) = ?)`, q.Language, utf8.RuneCountInString(region), region)
	}
	done := func(column string) {
		add(`EXISTS (SELECT 1 FROM registrations AS g WHERE g.dispatch = d.iri AND g.office = ? AND g.`+column+` > 0)`, q.Holder)
	}
	switch q.State {
	case "":
	case DeskWaiting:
		add(p.waiting, p.unreadArgs...)
	case DeskUnread:
		add(p.unread, p.unreadArgs...)
	case DeskRead:
		done("read_at")
	case DeskRegistered:
		done("registered_at")
	case DeskTaken:
		done("taken_at")
	case DeskOverdue:
		add(`d.due_at > 0 AND d.due_at < ? AND `+p.waiting, append([]any{q.Now}, p.unreadArgs...)...)
	case DeskStuck:
		add(`EXISTS (SELECT 1 FROM addressees AS x WHERE x.dispatch = d.iri AND x.stuck AND NOT ` + held + `)`)
	case DeskWithdrawn:
		add(`d.state <> 'in force'`)
	default:
		return "", nil, fmt.Errorf("models: there is no state %q", q.State)
	}
	if q.After != (DeskKey{}) {
		add(fmt.Sprintf(`(%s, %s, %s) < (?, ?, ?)`, p.precedence, p.at, p.dispatch), q.After.Precedence, q.After.Distributed, q.After.Dispatch)
	}
	add("("+q.Cond+")", q.Args...)
	return strings.Join(conds, " AND "), args, nil
}
