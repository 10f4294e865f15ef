package models

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Dossier is one dispatch with all that a page of it shows.
type Dossier struct {
	Dispatch      *Dispatch // the latest version, with its document
	AuthorName    string
	CommunityName string
	SignatoryName string
	Addressees    []NamedAddressee
	Attachments   []Attachment
	Versions      []VersionLine // newest first
	Evidence      []NamedEvidence
	Handled       []Handled
	Deliveries    []Underway
	Keys          []Key // of the author, newest first, public halves alone
	Forwards      []Forward
	Tags          []string
	// Collectives are the collective addresses by which the latest version was addressed.
	Collectives []CollectiveCount
	References  []RelatedDispatch
	Answers     []RelatedDispatch // what refers to it, newest first
	Comments    []NamedComment
	// Unread says that a notice about it waits for the reader.
	Unread bool
	Thread []ThreadLine // the whole conversation, oldest first
	// ThreadMore says that the conversation has more than Thread holds.
	ThreadMore bool
}

// ThreadLine is a dispatch of the conversation that the reader may see.
type ThreadLine struct {
	IRI         iri.IRI
	Label       string
	Subject     string
	State       string
	Author      string // its name, else its id
	PublishedAt Time
}

// NamedAddressee is an addressee with its name, "" where it was never fetched.
type NamedAddressee struct {
	Addressee
	Name string
}

// NamedEvidence is one entry of the board, without its document.
type NamedEvidence struct {
	Evidence
	Name   string // of the addressee
	Signed bool   // the signed receipt is here
}

// VersionLine is one version without its text.
type VersionLine struct {
	Version     int64
	Digest      string
	ChangeNote  string
	Signatory   string // her name, "" where it is not known
	PublishedAt Time
	UpdatedAt   Time
	Here        bool // its text is here
}

// Handled is what one office of the reader's has done.
type Handled struct {
	Registration
	RegisteredName, ReadName, TakenName string
}

// Underway is a delivery that waits or failed.
type Underway struct {
	ID        int64
	Recipient iri.IRI
	Host      iri.Host
	State     string
	Status    int64
	Attempts  int64
	NextAt    Time
	CreatedAt Time
	Reason    string
}

// RelatedDispatch is what a dispatch refers to, or what refers to it. Of one that the
// reader may not see nothing is told but the label that the dispatch itself holds.
type RelatedDispatch struct {
	IRI         iri.IRI
	Label       string
	Seen        bool // it is here and the reader may see it
	Subject     string
	State       string
	Archive     bool
	Fits        bool // a version that is here has the digest that is cited
	Cited       bool // a digest is cited at all
	Answers     bool // the one answers the other
	PublishedAt Time
}

// NamedComment is a comment with the name of whoever speaks in it.
type NamedComment struct {
	Comment
	Name string
}

// Bounds of a dossier's parts; a page says when there is more.
const (
	EvidenceMost   = 2000
	ReferencesMost = 100
	AnswersMost    = 50
	CommentsMost   = 200
	ThreadMost     = 100
)

// DossierOf reads a dispatch if the condition of models/audience on rows d admits it;
// NotFound otherwise. readers are all for whom the person reads, herself first; comments is the
// condition on comments. It takes three statements.
func DossierOf(ctx context.Context, db bun.IDB, id iri.IRI, readers []iri.IRI, cond string, args []any, comments string, commentArgs []any) (*Dossier, error) {
	o, d := &Dossier{}, new(Dispatch)
	o.Dispatch, d.Latest = d, true
	err := boundRow(ctx, db, `SELECT d.id, d.iri, d.version, d.origin, d.author, d.author_host, d.community, d.reference, d.kind, d.subject, d.precedence, d.precedence_rank,
		d.marking, d.marking_rank, d.language, d.context, d.activity, d.document, d.digest, d.signatory, d.change_note, d.state, d.published_at, d.distributed_at, d.updated_at,
		d.withdrawn_at, d.superseded_by, d.due_at, d.created_at, COALESCE(NULLIF(a.name, ''), o.name, ''), COALESCE(c.name, ''), COALESCE(s.name, '')
		FROM dispatches AS d LEFT JOIN actors AS a ON a.iri = d.author LEFT JOIN peer_offices AS o ON o.iri = d.author LEFT JOIN communities AS c ON c.iri = d.community LEFT JOIN actors AS s ON s.iri = d.signatory
		WHERE d.iri = ? AND d.latest AND (`+cond+`)`, append([]any{id}, args...), &d.ID, &d.IRI, &d.Version, &d.Origin, &d.Author, &d.AuthorHost, &d.Community, &d.Reference, &d.Kind, &d.Subject, &d.Precedence, &d.PrecedenceRank,
		&d.Marking, &d.MarkingRank, &d.Language, &d.Context, &d.Activity, &d.Document, &d.Digest, &d.Signatory, &d.ChangeNote, &d.State, &d.PublishedAt, &d.DistributedAt, &d.UpdatedAt,
		&d.WithdrawnAt, &d.SupersededBy, &d.DueAt, &d.CreatedAt, &o.AuthorName, &o.CommunityName, &o.SignatoryName)
	if err != nil {
		return nil, err
	}
	if err := o.parts(ctx, db, readers); err != nil {
		return nil, err
	}
	return o, o.related(ctx, db, cond, args, comments, commentArgs)
}

// parts reads everything that belongs to the dispatch itself, in one statement.
func (o *Dossier) parts(ctx context.Context, db bun.IDB, readers []iri.IRI) error {
	id, me := o.Dispatch.IRI, iri.IRI("")
	if len(readers) > 0 {
		me = readers[0]
	}
	rows, err := bound(ctx, db, `SELECT * FROM (SELECT 'to' AS part, x.actor AS a, x.host AS b, x.role AS c, COALESCE(NULLIF(n.name, ''), o.name, '') AS e, CASE WHEN x.local THEN 1 ELSE 0 END AS i, 0 AS j, 0 AS k, 0 AS l, 0 AS m
		FROM addressees AS x LEFT JOIN actors AS n ON n.iri = x.actor LEFT JOIN peer_offices AS o ON o.iri = x.actor WHERE x.dispatch = ? ORDER BY x.role, x.actor LIMIT 1024) AS p1
		UNION ALL SELECT * FROM (SELECT 'file' AS part, f.digest, f.name, f.media_type, f.state, f.position, f.size, 0, 0, 0 FROM attachments AS f WHERE f.dispatch = ? ORDER BY f.position LIMIT 100) AS p2
		UNION ALL SELECT * FROM (SELECT 'version' AS part, v.digest, v.change_note, COALESCE(n.name, '') AS e, '' AS z, v.version, v.published_at, v.updated_at, CASE WHEN v.document IS NULL THEN 0 ELSE 1 END AS y, 0
			FROM dispatches AS v LEFT JOIN actors AS n ON n.iri = v.signatory WHERE v.iri = ? ORDER BY v.version DESC LIMIT 200) AS p3
		UNION ALL SELECT * FROM (SELECT 'evidence' AS part, e.addressee, e.station, e.detail, COALESCE(n.name, '') AS z, e.version, e.at, CASE WHEN e.document IS NULL THEN 0 ELSE 1 END AS y, e.id, 0
			FROM evidence AS e LEFT JOIN actors AS n ON n.iri = e.addressee WHERE e.dispatch = ? ORDER BY e.at, e.id LIMIT `+strconv.Itoa(EvidenceMost)+`) AS p4
		UNION ALL SELECT * FROM (SELECT 'handed' AS part, h.recipient, h.host, COALESCE(n.name, '') AS c, '' AS e, h.version, h.at, 0 AS k, 0 AS l, 0 AS m
			FROM (`+handedOver+`) AS h LEFT JOIN actors AS n ON n.iri = h.recipient ORDER BY h.at LIMIT `+strconv.Itoa(EvidenceMost)+`) AS p10
		UNION ALL SELECT 'registered', r.office, r.number, COALESCE(n.name, ''), 'registered', r.registered_at, 0, 0, 0, 0 FROM registrations AS r LEFT JOIN actors AS n ON n.iri = r.registered_by WHERE r.dispatch = ? AND r.office IN (?)
		UNION ALL SELECT 'registered', r.office, '', COALESCE(n.name, ''), 'read', r.read_at, 0, 0, 0, 0 FROM registrations AS r LEFT JOIN actors AS n ON n.iri = r.read_by WHERE r.dispatch = ? AND r.office IN (?)
		UNION ALL SELECT 'registered', r.office, '', COALESCE(n.name, ''), 'taken', r.taken_at, 0, 0, 0, 0 FROM registrations AS r LEFT JOIN actors AS n ON n.iri = r.taken_by WHERE r.dispatch = ? AND r.office IN (?)
		UNION ALL SELECT * FROM (SELECT 'delivery' AS part, v.recipient, v.host, v.state, v.reason, v.id, v.status, v.attempts, v.next_at, v.created_at FROM deliveries AS v
			WHERE v.object_id = ? AND v.purpose = 'dispatch' AND v.state IN ('pending', 'failed') ORDER BY v.id DESC LIMIT 300) AS p5
		UNION ALL SELECT * FROM (SELECT 'key' AS part, y.key_id, y.public, y.state, y.revocation_reason, y.created_at, y.revoked_at, y.id, 0, 0 FROM keys AS y WHERE y.actor = ? AND y.type = 'ed25519' ORDER BY y.id DESC LIMIT 50) AS p6
		UNION ALL SELECT * FROM (SELECT 'forward' AS part, COALESCE(g.name, f.giver) AS g, COALESCE(t.name, f.taker) AS t, f.remark, f.office, f.at, 0, 0, 0, 0 FROM forwards AS f LEFT JOIN actors AS g ON g.iri = f.giver LEFT JOIN actors AS t ON t.iri = f.taker
			WHERE f.dispatch = ? AND f.office IN (?) ORDER BY f.id LIMIT 100) AS p7
		UNION ALL SELECT * FROM (SELECT 'tag' AS part, g.tag, '', '', '', 0, 0, 0, 0, 0 FROM dispatch_tags AS g WHERE g.dispatch = ? ORDER BY g.tag LIMIT 50) AS p8
		UNION ALL SELECT * FROM (SELECT 'collective' AS part, u.name, '' AS b, '' AS c, '' AS e, COUNT(DISTINCT u.actor) AS i, 0 AS j, 0 AS k, 0 AS l, 0 AS m
			FROM dispatch_collectives AS u WHERE u.dispatch = ? AND u.version = ? GROUP BY u.name ORDER BY u.name LIMIT 100) AS p11
		UNION ALL SELECT * FROM (SELECT 'unread' AS part, '' AS a, '' AS b, '' AS c, '' AS e, 0 AS i, 0 AS j, 0 AS k, 0 AS l, 0 AS m FROM notices AS n WHERE n.subject = ? AND n.recipient IN (?) AND `+unread+` LIMIT 1) AS p9`,
		id, id, id, id, id, id, readers, id, readers, id, readers, id, o.Dispatch.Author, id, readers, id, id, o.Dispatch.Version, id, readers, me, me)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var part, a, b, c, e string
		var i, j, k, l, m int64
		if err := rows.Scan(&part, &a, &b, &c, &e, &i, &j, &k, &l, &m); err != nil {
			return err
		}
		switch part {
		case "to":
			o.Addressees = append(o.Addressees, NamedAddressee{Addressee{Dispatch: id, Actor: iri.IRI(a), Host: iri.Host(b), Role: c, Local: i == 1}, e})
		case "file":
			o.Attachments = append(o.Attachments, Attachment{Dispatch: id, Digest: a, Name: b, MediaType: c, State: e, Position: i, Size: j})
		case "version":
			o.Versions = append(o.Versions, VersionLine{Digest: a, ChangeNote: b, Signatory: c, Version: i, PublishedAt: Time(j), UpdatedAt: Time(k), Here: l == 1})
		case "evidence":
			o.Evidence = append(o.Evidence, NamedEvidence{Evidence{ID: l, Dispatch: id, Addressee: iri.IRI(a), Station: b, Detail: c, Version: i, At: Time(j)}, e, k == 1})
		case "handed":
			o.Evidence = append(o.Evidence, NamedEvidence{Evidence{Dispatch: id, Addressee: Receiver(iri.IRI(a), iri.Host(b)), Station: HandedOver, Version: i, At: Time(j)}, c, false})
		case "registered":
			o.handled(iri.IRI(a), e, b, c, Time(i))
		case "delivery":
			o.Deliveries = append(o.Deliveries, Underway{ID: i, Recipient: iri.IRI(a), Host: iri.Host(b), State: c, Reason: e, Status: j, Attempts: k, NextAt: Time(l), CreatedAt: Time(m)})
		case "key":
			o.Keys = append(o.Keys, Key{ID: k, Actor: o.Dispatch.Author, KeyID: iri.IRI(a), Type: "ed25519", Public: b, State: c, RevocationReason: e, CreatedAt: Time(i), RevokedAt: Time(j)})
		case "forward":
			o.Forwards = append(o.Forwards, Forward{Dispatch: id, GiverName: a, TakerName: b, Remark: c, Office: iri.IRI(e), At: Time(i)})
		case "tag":
			o.Tags = append(o.Tags, a)
		case "collective":
			o.Collectives = append(o.Collectives, CollectiveCount{a, i})
		case "unread":
			o.Unread = true
		}
	}
	slices.SortStableFunc(o.Evidence, func(a, b NamedEvidence) int { return cmp.Compare(a.At, b.At) })
	return rows.Err()
}

// handled adds one step of an office.
func (o *Dossier) handled(office iri.IRI, step, number, by string, at Time) {
	i := len(o.Handled)
	for n := range o.Handled {
		if o.Handled[n].Office == office {
			i = n
		}
	}
	if i == len(o.Handled) {
		o.Handled = append(o.Handled, Handled{Registration: Registration{Dispatch: o.Dispatch.IRI, Office: office}})
	}
	h := &o.Handled[i]
	switch step {
	case "registered":
		h.Number, h.RegisteredAt, h.RegisteredName = number, at, by
	case "read":
		h.ReadAt, h.ReadName = at, by
	case "taken":
		h.TakenAt, h.TakenName = at, by
	}
}

// related reads what the dispatch refers to, what refers to it, its comments and its
// conversation, each as far as the reader may see it, in one statement.
func (o *Dossier) related(ctx context.Context, db bun.IDB, cond string, args []any, comments string, commentArgs []any) error {
	id := o.Dispatch.IRI
	all := append([]any{}, args...)
	all = append(append(append(all, id), id), args...)
	all = append(append(all, id), commentArgs...)
	all = append(append(all, o.Dispatch.Context), args...)
	rows, err := bound(ctx, db, `SELECT * FROM (SELECT 'reference' AS part, q.target AS a, q.label AS b, COALESCE(d.subject, '') AS c, COALESCE(d.state, '') AS e, COALESCE(d.origin, '') AS f,
			COALESCE(d.published_at, 0) AS i, CASE WHEN d.iri IS NULL THEN 0 ELSE 1 END AS j,
			CASE WHEN q.digest = '' THEN 2 WHEN EXISTS (SELECT 1 FROM dispatches AS v WHERE v.iri = q.target AND v.digest = q.digest) THEN 1 ELSE 0 END AS k, CASE WHEN q.answers THEN 1 ELSE 0 END AS l
			FROM dispatch_references AS q LEFT JOIN dispatches AS d ON d.iri = q.target AND d.latest AND (`+cond+`) WHERE q.dispatch = ? ORDER BY q.target LIMIT `+strconv.Itoa(ReferencesMost)+`) AS p1
		UNION ALL SELECT * FROM (SELECT 'answer' AS part, d.iri, d.reference, d.subject, d.state, d.origin, d.published_at, 1, 2, CASE WHEN q.answers THEN 1 ELSE 0 END
			FROM dispatch_references AS q JOIN dispatches AS d ON d.iri = q.dispatch AND d.latest WHERE q.target = ? AND (`+cond+`) ORDER BY d.published_at DESC, d.id DESC LIMIT `+strconv.Itoa(AnswersMost)+`) AS p2
		UNION ALL SELECT * FROM (SELECT 'comment' AS part, d.iri, d.author, d.attested_for, d.content, COALESCE(n.name, '') AS f, d.published_at, d.marking_rank, 0, 0
			FROM comments AS d LEFT JOIN actors AS n ON n.iri = CASE WHEN d.attested_for <> '' THEN d.attested_for ELSE d.author END
			WHERE d.dispatch = ? AND d.state = 'shown' AND (`+comments+`) ORDER BY d.published_at, d.iri LIMIT `+strconv.Itoa(CommentsMost)+`) AS p3
		UNION ALL SELECT * FROM (SELECT 'thread' AS part, d.iri, d.reference, d.subject, d.state, COALESCE(NULLIF(n.name, ''), d.author) AS f, d.published_at, 0, 0, 0
			FROM dispatches AS d LEFT JOIN actors AS n ON n.iri = d.author WHERE d.latest AND d.context = ? AND d.context <> '' AND (`+cond+`) ORDER BY d.published_at, d.id LIMIT `+strconv.Itoa(ThreadMost+1)+`) AS p4`, all...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var part, a, b, c, e, f string
		var i, j, k, l int64
		if err := rows.Scan(&part, &a, &b, &c, &e, &f, &i, &j, &k, &l); err != nil {
			return err
		}
		switch part {
		case "comment":
			o.Comments = append(o.Comments, NamedComment{Comment{IRI: iri.IRI(a), Dispatch: id, Author: iri.IRI(b), AttestedFor: iri.IRI(c), Content: e, PublishedAt: Time(i), MarkingRank: j}, f})
		case "thread":
			if len(o.Thread) == ThreadMost {
				o.ThreadMore = true
				continue
			}
			o.Thread = append(o.Thread, ThreadLine{IRI: iri.IRI(a), Label: b, Subject: c, State: e, Author: f, PublishedAt: Time(i)})
		default:
			r := RelatedDispatch{IRI: iri.IRI(a), Label: b, Subject: c, State: e, Archive: f == OriginArchive, PublishedAt: Time(i), Seen: j == 1, Fits: j == 1 && k == 1, Cited: k != 2, Answers: l == 1}
			if part == "reference" {
				o.References = append(o.References, r)
			} else {
				o.Answers = append(o.Answers, r)
			}
		}
	}
	return rows.Err()
}

// Forward is a dispatch that somebody passed on to a colleague in the same office.
type Forward struct {
	bun.BaseModel `bun:"table:forwards"`

	ID       int64 `bun:",pk,autoincrement"`
	Dispatch iri.IRI
	Office   iri.IRI
	Giver    iri.IRI
	Taker    iri.IRI
	Remark   string
	At       Time

	GiverName string `bun:"-"`
	TakerName string `bun:"-"`
}

// InsertForward adds one; false where the same was passed on before.
func InsertForward(ctx context.Context, db bun.IDB, f *Forward) (bool, error) {
	n, err := rawExec(ctx, db, `INSERT INTO forwards (dispatch, office, giver, taker, remark, at) VALUES (?,?,?,?,?,?) ON CONFLICT (dispatch, giver, taker, remark) DO NOTHING`,
		string(f.Dispatch), string(f.Office), string(f.Giver), string(f.Taker), f.Remark, int64(f.At))
	return n == 1, err
}

// Colleagues lists who may read for an office and is not blocked, by name.
func Colleagues(ctx context.Context, db bun.IDB, office iri.IRI, now Time) ([]DeskHolder, error) {
	rows, err := raw(ctx, db, `SELECT DISTINCT a.iri, a.username, a.name, a.type FROM mandates AS m JOIN actors AS a ON a.iri = m.person
		WHERE m.office = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) AND `+notBlocked+`m.person) ORDER BY 3, 1 LIMIT 500`, string(office), int64(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DeskHolder
	for rows.Next() {
		var h DeskHolder
		if err := rows.Scan(&h.IRI, &h.Username, &h.Name, &h.Type); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// VersionsWhere returns versions of a dispatch with their documents, oldest first, if the
// condition of models/audience on rows d admits the latest one: a correction can raise
// the marking. With no numbers it returns all.
func VersionsWhere(ctx context.Context, db bun.IDB, id iri.IRI, numbers []int64, cond string, args []any) ([]*Dispatch, error) {
	which := ""
	all := append([]any{id}, args...)
	if len(numbers) > 0 {
		which = " AND v.version IN " + places(1, len(numbers))
		for _, n := range numbers {
			all = append(all, n)
		}
	}
	rows, err := bound(ctx, db, `SELECT v.id, v.iri, v.version, v.latest, v.origin, v.author, v.author_host, v.community, v.reference, v.kind, v.subject, v.precedence, v.precedence_rank, v.marking, v.marking_rank,
		v.language, v.activity, v.document, v.digest, v.signatory, v.change_note, v.state, v.published_at, v.distributed_at, v.updated_at, v.withdrawn_at, v.created_at
		FROM dispatches AS v WHERE v.iri = ? AND EXISTS (SELECT 1 FROM dispatches AS d WHERE d.iri = v.iri AND d.latest AND (`+cond+`))`+which+` ORDER BY v.version LIMIT 200`, all...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*Dispatch
	for rows.Next() {
		d := new(Dispatch)
		if err := rows.Scan(&d.ID, &d.IRI, &d.Version, &d.Latest, &d.Origin, &d.Author, &d.AuthorHost, &d.Community, &d.Reference, &d.Kind, &d.Subject, &d.Precedence, &d.PrecedenceRank, &d.Marking, &d.MarkingRank,
			&d.Language, &d.Activity, &d.Document, &d.Digest, &d.Signatory, &d.ChangeNote, &d.State, &d.PublishedAt, &d.DistributedAt, &d.UpdatedAt, &d.WithdrawnAt, &d.CreatedAt); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// AttachmentWhere returns one file of a dispatch, under the same condition.
func AttachmentWhere(ctx context.Context, db bun.IDB, id iri.IRI, digest, cond string, args []any) (*Attachment, error) {
	a := new(Attachment)
	return a, boundRow(ctx, db, `SELECT f.dispatch, f.digest, f.name, f.media_type, f.size, f.state FROM attachments AS f
		WHERE f.dispatch = ? AND f.digest = ? AND EXISTS (SELECT 1 FROM dispatches AS d WHERE d.iri = f.dispatch AND d.latest AND (`+cond+`))`, append([]any{id, digest}, args...), &a.Dispatch, &a.Digest, &a.Name, &a.MediaType, &a.Size, &a.State)
}
