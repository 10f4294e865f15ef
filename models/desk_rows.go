package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// deskRow is what is read of each row of a page; whom it was sent to and who of them has
// it only where the folder shows that. Its one argument is the holder.
func deskRow(sent bool) string {
	to := `'', 0, 0, 0`
	if sent {
		to = deskTo
	}
	return `SELECT d.iri, d.version, d.origin, d.author, COALESCE(NULLIF(a.name, ''), o.name, ''), d.community, COALESCE(c.name, ''), d.reference, d.kind, d.subject, d.precedence, d.precedence_rank,
	d.marking, d.marking_rank, d.language, d.state, d.published_at, d.distributed_at, d.due_at, d.excerpt, p.role, p.unread, p.waiting,
	COALESCE(r.read_at, 0), COALESCE(r.registered_at, 0), COALESCE(r.number, ''), COALESCE(r.taken_at, 0), COALESCE(w.name, ''),
	(SELECT COUNT(*) FROM attachments AS f WHERE f.dispatch = d.iri), ` + to + `, p.k1, p.k2
	FROM page AS p JOIN dispatches AS d ON d.id = p.id LEFT JOIN actors AS a ON a.iri = d.author LEFT JOIN peer_offices AS o ON o.iri = d.author LEFT JOIN communities AS c ON c.iri = d.community
	LEFT JOIN registrations AS r ON r.dispatch = d.iri AND r.office = ?
	LEFT JOIN actors AS w ON w.iri = CASE WHEN r.taken_at > 0 THEN r.taken_by WHEN r.registered_at > 0 THEN r.registered_by ELSE r.read_by END
	ORDER BY p.k1 DESC, p.k2 DESC, p.k3 DESC`
}

// deskTo is the first addressee of a dispatch d, those for action before the others, how
// many it has, how many of them have it and how many are late or refused it. It walks
// indexes in their order and sorts nothing: it is asked of every row.
const deskTo = `COALESCE((SELECT COALESCE(NULLIF(n.name, ''), v.name, x.actor) FROM (SELECT COALESCE((SELECT f.actor FROM addressees AS f WHERE f.dispatch = d.iri AND f.role = 'action' ORDER BY f.actor LIMIT 1),
		(SELECT f.actor FROM addressees AS f WHERE f.dispatch = d.iri ORDER BY f.actor LIMIT 1)) AS actor) AS x LEFT JOIN actors AS n ON n.iri = x.actor LEFT JOIN peer_offices AS v ON v.iri = x.actor), ''),
	(SELECT COUNT(*) FROM addressees AS x WHERE x.dispatch = d.iri),
	CASE WHEN d.origin = 'issued' THEN (SELECT COUNT(DISTINCT e.addressee) FROM evidence AS e WHERE e.dispatch = d.iri AND e.version = d.version AND e.station IN ` + heldStations + `
		AND EXISTS (SELECT 1 FROM addressees AS x WHERE x.dispatch = e.dispatch AND x.actor = e.addressee)) ELSE 0 END,
	CASE WHEN d.origin = 'issued' THEN (SELECT COUNT(*) FROM addressees AS x WHERE x.dispatch = d.iri AND x.stuck AND NOT ` + held + `) ELSE 0 END`

// DeskPage returns one page of a folder: precedence first, then the time of
// distribution, newest first. It takes two statements, whatever the number of rows.
func DeskPage(ctx context.Context, db bun.IDB, q DeskQuery) ([]*DeskRow, error) {
	p, err := q.place()
	if err != nil {
		return nil, err
	}
	narrow, more, err := q.narrow(&p)
	if err != nil {
		return nil, err
	}
	args := append([]any{}, p.unreadArgs...)
	if p.waiting == p.unread {
		args = append(args, p.unreadArgs...)
	}
	args = append(append(append(args, p.args...), more...), q.Limit, q.Holder)
	query := fmt.Sprintf(`WITH page AS (SELECT d.id AS id, %[1]s AS role, %[2]s AS unread, %[3]s AS waiting, %[4]s AS k1, %[5]s AS k2, %[6]s AS k3
		FROM %[7]s WHERE %[8]s AND %[9]s ORDER BY %[4]s DESC, %[5]s DESC, %[6]s DESC LIMIT ?) `, p.role, p.unread, p.waiting, p.precedence, p.at, p.dispatch, p.from, p.where, narrow) + deskRow(q.Folder == FolderSent || q.Folder == FolderAside)
	rows, err := bound(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*DeskRow
	for rows.Next() {
		r := new(DeskRow)
		if err := rows.Scan(&r.IRI, &r.Version, &r.Origin, &r.Author, &r.AuthorName, &r.Community, &r.CommunityName, &r.Reference, &r.Kind, &r.Subject, &r.Precedence, &r.PrecedenceRank,
			&r.Marking, &r.MarkingRank, &r.Language, &r.State, &r.PublishedAt, &r.DistributedAt, &r.DueAt, &r.Excerpt, &r.Role, &r.Unread, &r.Waiting,
			&r.ReadAt, &r.RegisteredAt, &r.Number, &r.TakenAt, &r.By, &r.Attachments, &r.First, &r.Addressees, &r.Have, &r.Stuck, &r.Key.Precedence, &r.Key.Distributed); err != nil {
			return nil, err
		}
		r.Key.Dispatch = r.IRI
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, deskLabels(ctx, db, out)
}

// Labels of one row that a list shows at most.
const (
	labelsMost = 3
	tagsMost   = 10
)

// deskLabels adds what the rows of a page refer to, and their tags.
func deskLabels(ctx context.Context, db bun.IDB, page []*DeskRow) error {
	if len(page) == 0 {
		return nil
	}
	ids, by := make([]iri.IRI, len(page)), make(map[iri.IRI]*DeskRow, len(page))
	for i, r := range page {
		ids[i], by[r.IRI] = r.IRI, r
	}
	rows, err := bound(ctx, db, `SELECT q.dispatch, 0, q.label FROM dispatch_references AS q WHERE q.dispatch IN (?) AND q.label <> ''
		UNION ALL SELECT g.dispatch, 1, g.tag FROM dispatch_tags AS g WHERE g.dispatch IN (?) ORDER BY 1, 2, 3 LIMIT 5000`, ids, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id iri.IRI
		var tag bool
		var label string
		if err := rows.Scan(&id, &tag, &label); err != nil {
			return err
		}
		switch r := by[id]; {
		case tag && len(r.Tags) < tagsMost:
			r.Tags = append(r.Tags, label)
		case !tag && len(r.References) < labelsMost:
			r.References = append(r.References, label)
		}
	}
	return rows.Err()
}

// SetTags gives a dispatch the tags of its latest version.
func SetTags(ctx context.Context, tx bun.Tx, dispatch iri.IRI, tags []string) error {
	if _, err := rawExec(ctx, tx, `DELETE FROM dispatch_tags WHERE dispatch = ?`, string(dispatch)); err != nil {
		return err
	}
	return InsertTags(ctx, tx, dispatch, tags)
}

// InsertTags adds tags to a dispatch.
func InsertTags(ctx context.Context, db bun.IDB, dispatch iri.IRI, tags []string) error {
	for _, t := range tags {
		if _, err := rawExec(ctx, db, `INSERT INTO dispatch_tags (dispatch, tag) VALUES (?,?) ON CONFLICT (dispatch, tag) DO NOTHING`, string(dispatch), clip(t, 100)); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return RequeueSearch(ctx, db, dispatch)
}

// DocumentsOf returns the stored bytes of the latest versions of some dispatches.
func DocumentsOf(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI][]byte, error) {
	rows, err := bound(ctx, db, `SELECT iri, document FROM dispatches WHERE iri IN (?) AND latest AND document IS NOT NULL`, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[iri.IRI][]byte{}
	for rows.Next() {
		var id iri.IRI
		var doc []byte
		if err := rows.Scan(&id, &doc); err != nil {
			return nil, err
		}
		out[id] = doc
	}
	return out, rows.Err()
}

// DeskMost is the highest count of a folder: beyond it there are simply many.
const DeskMost = 999

// newestUnread is among how many of the newest dispatches of a community unread ones are
// counted.
const newestUnread = 200

// DeskCount is what waits at one holder's desk, or is unread in a community.
type DeskCount struct {
	IRI      iri.IRI
	Username string // "" for a community
	Name     string
	Type     string
	// Action, Info and Aside are open; no count is above DeskMost.
	Action, ActionUnread, Info, Aside int64
	// Drafts and Clearing are the office's; Unread is of a community.
	Drafts, Clearing, Unread int64
	// Notices are those that she has not read, beside herself; up to UnreadMost.
	Notices int64
	// Archive says that records were imported for it; Named that it is an addressee at all.
	Archive, Named bool
}

// DeskCounts counts for a person, in one statement: her offices by name, herself, then
// her communities by name.
func DeskCounts(ctx context.Context, db bun.IDB, person iri.IRI, ceiling int64, now Time) ([]DeskCount, error) {
	hers := `SELECT m.office FROM mandates AS m WHERE m.person = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) UNION SELECT CAST(? AS TEXT)`
	me := []any{person, now, person}
	// CROSS JOIN keeps SQLite to the few that are stuck: it would walk through all that
	// the office has ever sent.
	count := func(rows string) string {
		return `(SELECT COUNT(*) FROM (` + rows + ` LIMIT ` + fmt.Sprint(DeskMost) + `) AS n)`
	}
	query := `SELECT h.iri, h.username, h.name, h.type,
		` + count(`SELECT 1 AS one FROM addressees AS x WHERE x.actor = h.iri AND x.role = 'action' AND x.waiting`) + `,
		` + count(`SELECT 1 AS one FROM addressees AS x WHERE x.actor = h.iri AND x.role = 'action' AND x.unread`) + `,
		` + count(`SELECT 1 AS one FROM addressees AS x WHERE x.actor = h.iri AND x.role = 'info' AND x.waiting`) + `,
		` + count(`SELECT DISTINCT x.dispatch FROM addressees AS x CROSS JOIN dispatches AS d WHERE x.stuck AND d.iri = x.dispatch AND d.latest AND d.author = h.iri AND d.origin = 'issued' AND d.state = 'in force' AND NOT `+held) + `,
		` + count(`SELECT 1 AS one FROM drafts AS t WHERE t.office = h.iri AND t.state = 'draft'`) + `,
		` + count(`SELECT 1 AS one FROM drafts AS t WHERE t.office = h.iri AND t.state = 'in clearance'`) + `, 0,
		EXISTS (SELECT 1 FROM dispatches AS d WHERE d.author = h.iri AND d.origin = 'archive' AND d.latest),
		EXISTS (SELECT 1 FROM addressees AS x WHERE x.actor = h.iri AND x.local),
		CASE WHEN h.iri = ? THEN (SELECT COUNT(*) FROM (SELECT 1 AS one FROM notices AS n WHERE ` + herNotices + ` AND ` + unread + ` LIMIT ` + fmt.Sprint(UnreadMost) + `) AS n) ELSE 0 END
		FROM actors AS h WHERE h.iri IN (` + hers + `)
		UNION ALL SELECT c.iri, '', c.name, 'community', 0, 0, 0, 0, 0, 0,
		` + count(`SELECT 1 AS one FROM (SELECT d.iri, d.author, d.marking_rank, d.distributed_at, d.origin, d.state FROM dispatches AS d WHERE d.community = c.iri AND d.community <> '' AND d.latest ORDER BY d.id DESC LIMIT `+fmt.Sprint(newestUnread)+`) AS d
			WHERE d.origin <> 'archive' AND d.state = 'in force' AND d.marking_rank <= ? AND d.author NOT IN (`+hers+`)
			AND EXISTS (SELECT 1 FROM members AS m WHERE m.community = c.iri AND m.actor IN (`+hers+`) AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?) AND m.ceiling >= d.marking_rank AND m.history_from <= d.distributed_at)
			AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.dispatch = d.iri AND r.office IN (`+hers+`) AND r.read_at > 0)`) + `, FALSE, FALSE, 0
		FROM communities AS c WHERE c.iri IN (SELECT m.community FROM members AS m WHERE m.actor IN (` + hers + `) AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?))
		LIMIT 400`
	args := append([]any{person}, her(person, now)...)
	args = append(append(args, person, person), me...)
	args = append(append(args, ceiling), me...)
	args = append(append(args, me...), now)
	args = append(args, me...)
	args = append(append(args, me...), now)
	rows, err := bound(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeskCount
	for rows.Next() {
		var c DeskCount
		if err := rows.Scan(&c.IRI, &c.Username, &c.Name, &c.Type, &c.Action, &c.ActionUnread, &c.Info, &c.Aside, &c.Drafts, &c.Clearing, &c.Unread, &c.Archive, &c.Named, &c.Notices); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b DeskCount) int {
		order := func(c DeskCount) int { return slices.Index([]string{TypeOrganization, TypePerson}, c.Type) & 3 }
		return cmp.Or(order(a)-order(b), strings.Compare(a.Name, b.Name), strings.Compare(string(a.IRI), string(b.IRI)))
	})
	return out, rows.Err()
}
