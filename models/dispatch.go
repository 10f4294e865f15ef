package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Origins of a dispatch row.
const (
	OriginIssued   = "issued"   // released here
	OriginReceived = "received" // from another instance
	OriginArchive  = "archive"  // imported; no proof of ours, never sent as new
)

// States of a dispatch.
const (
	DispatchInForce    = "in force"
	DispatchWithdrawn  = "withdrawn"
	DispatchSuperseded = "superseded"
)

// Roles of an addressee.
const (
	RoleAction = "action"
	RoleInfo   = "info"
)

// Dispatch is one version of one piece of correspondence. Document holds the signed
// bytes and is nil once withdrawn; digest, proof and reference stay.
type Dispatch struct {
	bun.BaseModel `bun:"table:dispatches,alias:d"`

	ID             int64 `bun:",pk,autoincrement"`
	IRI            iri.IRI
	Version        int64
	Latest         bool
	Origin         string
	Author         iri.IRI
	AuthorHost     iri.Host
	Community      iri.IRI
	Reference      string
	Kind           string
	Subject        string
	Precedence     string
	PrecedenceRank int64
	Marking        string
	MarkingRank    int64
	Language       string
	Context        iri.IRI
	Activity       iri.IRI
	Document       []byte
	Digest         string
	Signatory      iri.IRI
	ChangeNote     string
	State          string
	PublishedAt    Time
	DistributedAt  Time // when it entered the community; else PublishedAt
	UpdatedAt      Time
	WithdrawnAt    Time
	Tombstone      []byte
	SupersededBy   iri.IRI
	DueAt          Time   // by when to acknowledge, from the precedence; 0 for none
	Excerpt        string // first words, without markup; "" where nobody took them out
	CreatedAt      Time
}

// Addressee is one office, person or community that a dispatch names.
type Addressee struct {
	bun.BaseModel `bun:"table:addressees"`

	Dispatch iri.IRI `bun:",pk"`
	Actor    iri.IRI `bun:",pk"`
	Host     iri.Host
	Role     string
	Local    bool
}

// DispatchReference is a mention of another dispatch by id and digest.
type DispatchReference struct {
	bun.BaseModel `bun:"table:dispatch_references"`

	Dispatch iri.IRI `bun:",pk"`
	Target   iri.IRI `bun:",pk"`
	Label    string
	Digest   string
	Answers  bool // the dispatch answers the target
}

const dispatchColumns = 30

// InsertDispatch adds a version and makes it the latest if it is the highest, which
// d.Latest then says. It tells whether the row is new; an (iri, version) that is there
// stays as it is.
func InsertDispatch(ctx context.Context, tx bun.Tx, d *Dispatch) (bool, error) {
	var have int64
	if err := rawRow(ctx, tx, `SELECT COALESCE(MAX(version), 0) FROM dispatches WHERE iri = ?`, []any{string(d.IRI)}, &have); err != nil {
		return false, err
	}
	d.Latest = d.Version > have
	if d.Latest && have > 0 {
		if _, err := tx.NewRaw(`UPDATE dispatches SET latest = FALSE WHERE iri = ? AND latest AND version < ?`, d.IRI, d.Version).Exec(ctx); err != nil {
			return false, err
		}
	}
	fresh, err := insertVersion(ctx, tx, d)
	if err != nil || !fresh || !d.Latest || have == 0 {
		return fresh, err
	}
	return true, refreshDesk(ctx, tx, d.IRI)
}

// InsertNewDispatch is InsertDispatch, with the addressees, for a dispatch of which the
// caller has seen in the same transaction that nothing is here: nobody has read it. It
// writes at once what refreshDesk would.
func InsertNewDispatch(ctx context.Context, tx bun.Tx, d *Dispatch, to []Addressee) (bool, error) {
	d.Latest = true
	fresh, err := insertVersion(ctx, tx, d)
	if err != nil || !fresh || len(to) == 0 {
		return fresh, err
	}
	open := d.Origin != OriginArchive && d.State == DispatchInForce
	args := make([]any, 0, len(to)*9)
	for _, r := range to {
		args = append(args, string(r.Dispatch), string(r.Actor), string(r.Host), r.Role, r.Local)
		if r.Local {
			args = append(args, d.PrecedenceRank, int64(d.DistributedAt), open, open)
		} else {
			args = append(args, 0, 0, false, false)
		}
	}
	_, err = rawExec(ctx, tx, `INSERT INTO addressees (dispatch, actor, host, role, local, precedence_rank, distributed_at, unread, waiting) VALUES `+places(len(to), 9), args...)
	return true, err
}

func insertVersion(ctx context.Context, tx bun.Tx, d *Dispatch) (bool, error) {
	n, err := rawExec(ctx, tx, `INSERT INTO dispatches (iri, version, latest, origin, author, author_host, community, reference, kind, subject,
		precedence, precedence_rank, marking, marking_rank, language, context, activity, document, digest, signatory, change_note, state,
		published_at, distributed_at, updated_at, withdrawn_at, superseded_by, due_at, excerpt, created_at) VALUES `+places(1, dispatchColumns)+
		` ON CONFLICT (iri, version) DO NOTHING`,
		string(d.IRI), d.Version, d.Latest, d.Origin, string(d.Author), string(d.AuthorHost), string(d.Community), d.Reference, d.Kind, d.Subject,
		d.Precedence, d.PrecedenceRank, d.Marking, d.MarkingRank, d.Language, string(d.Context), string(d.Activity), d.Document, d.Digest, string(d.Signatory), d.ChangeNote, d.State,
		int64(d.PublishedAt), int64(d.DistributedAt), int64(d.UpdatedAt), int64(d.WithdrawnAt), string(d.SupersededBy), int64(d.DueAt), clip(d.Excerpt, excerptMost), int64(d.CreatedAt))
	if err != nil || n == 0 || !d.Latest || d.Document == nil {
		return n == 1, err
	}
	return true, queueSearch(ctx, tx, SearchDispatch, d.IRI)
}

// InsertAddressees adds those that are not there yet.
func InsertAddressees(ctx context.Context, tx bun.Tx, rows []Addressee) error {
	if len(rows) == 0 {
		return nil
	}
	args := make([]any, 0, len(rows)*5)
	for _, r := range rows {
		args = append(args, string(r.Dispatch), string(r.Actor), string(r.Host), r.Role, r.Local)
	}
	if _, err := rawExec(ctx, tx, `INSERT INTO addressees (dispatch, actor, host, role, local) VALUES `+places(len(rows), 5)+` ON CONFLICT (dispatch, actor) DO NOTHING`, args...); err != nil {
		return err
	}
	for i, r := range rows {
		if r.Local && (i == 0 || r.Dispatch != rows[i-1].Dispatch || !rows[i-1].Local) {
			if err := refreshDesk(ctx, tx, r.Dispatch); err != nil {
				return err
			}
		}
	}
	return nil
}

// InsertReferences adds those that are not there yet.
func InsertReferences(ctx context.Context, tx bun.Tx, rows []DispatchReference) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (dispatch, target) DO NOTHING").Exec(ctx)
	return err
}

// dispatchRow reads the one version that a condition finds.
func dispatchRow(ctx context.Context, db bun.IDB, cond string, args ...any) (*Dispatch, error) {
	d := new(Dispatch)
	err := rawRow(ctx, db, `SELECT id, iri, version, latest, origin, author, author_host, community, reference, kind, subject, precedence, precedence_rank,
		marking, marking_rank, language, context, activity, document, digest, signatory, change_note, state, published_at, distributed_at, updated_at,
		withdrawn_at, tombstone, superseded_by, due_at, created_at FROM dispatches WHERE `+cond, args,
		&d.ID, &d.IRI, &d.Version, &d.Latest, &d.Origin, &d.Author, &d.AuthorHost, &d.Community, &d.Reference, &d.Kind, &d.Subject, &d.Precedence, &d.PrecedenceRank,
		&d.Marking, &d.MarkingRank, &d.Language, &d.Context, &d.Activity, &d.Document, &d.Digest, &d.Signatory, &d.ChangeNote, &d.State, &d.PublishedAt, &d.DistributedAt, &d.UpdatedAt,
		&d.WithdrawnAt, &d.Tombstone, &d.SupersededBy, &d.DueAt, &d.CreatedAt)
	return d, err
}

// DispatchByIRI returns the latest version.
func DispatchByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Dispatch, error) {
	return dispatchRow(ctx, db, `iri = ? AND latest`, string(id))
}

// DispatchVersion returns one version.
func DispatchVersion(ctx context.Context, db bun.IDB, id iri.IRI, version int64) (*Dispatch, error) {
	d := new(Dispatch)
	err := db.NewSelect().Model(d).Where("iri = ?", id).Where("version = ?", version).Scan(ctx)
	return d, err
}

// DispatchByReference finds one of an author's by its reference number.
func DispatchByReference(ctx context.Context, db bun.IDB, reference string) (*Dispatch, error) {
	d := new(Dispatch)
	err := db.NewSelect().Model(d).Where("reference = ?", reference).Where("latest").OrderBy("id", bun.OrderAsc).Limit(1).Scan(ctx)
	return d, err
}

// Versions returns all versions, oldest first.
func Versions(ctx context.Context, db bun.IDB, id iri.IRI) ([]*Dispatch, error) {
	var rows []*Dispatch
	err := db.NewSelect().Model(&rows).Where("iri = ?", id).OrderBy("version", bun.OrderAsc).Limit(1000).Scan(ctx)
	return rows, err
}

// NewestDispatch is the row of the newest version here, 0 without any.
func NewestDispatch(ctx context.Context, db bun.IDB) (int64, error) {
	var id int64
	err := rawRow(ctx, db, `SELECT COALESCE(MAX(id), 0) FROM dispatches WHERE id >= ?`, []any{0}, &id)
	return id, err
}

// Addressed is what decides the audience of a dispatch.
type Addressed struct {
	Dispatch
	Addressees []Addressee
}

// AudienceOf returns what decides the audience of the latest versions of some dispatches:
// author, community, marking, origin and time of distribution, and the addressees.
func AudienceOf(ctx context.Context, db bun.IDB, ids []iri.IRI) ([]Addressed, error) {
	rows, err := bound(ctx, db, `SELECT d.iri, d.author, d.author_host, d.community, d.marking_rank, d.distributed_at, d.origin, COALESCE(x.actor, ''), COALESCE(x.host, '')
		FROM dispatches AS d LEFT JOIN addressees AS x ON x.dispatch = d.iri WHERE d.latest AND d.iri IN (?) ORDER BY d.id`, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Addressed
	for rows.Next() {
		var d Dispatch
		var to Addressee
		if err := rows.Scan(&d.IRI, &d.Author, &d.AuthorHost, &d.Community, &d.MarkingRank, &d.DistributedAt, &d.Origin, &to.Actor, &to.Host); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].IRI != d.IRI {
			out = append(out, Addressed{Dispatch: d})
		}
		if to.Actor != "" {
			last := &out[len(out)-1]
			last.Addressees = append(last.Addressees, to)
		}
	}
	return out, rows.Err()
}

// AddresseesOf returns the addressees of one dispatch.
func AddresseesOf(ctx context.Context, db bun.IDB, id iri.IRI) ([]Addressee, error) {
	found, err := raw(ctx, db, `SELECT dispatch, actor, host, role, local FROM addressees WHERE dispatch = ? ORDER BY role, actor LIMIT 1024`, string(id))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []Addressee
	for found.Next() {
		var a Addressee
		if err := found.Scan(&a.Dispatch, &a.Actor, &a.Host, &a.Role, &a.Local); err != nil {
			return nil, err
		}
		rows = append(rows, a)
	}
	return rows, found.Err()
}

// ReferencesOf returns what one dispatch refers to.
func ReferencesOf(ctx context.Context, db bun.IDB, id iri.IRI) ([]DispatchReference, error) {
	var rows []DispatchReference
	err := db.NewSelect().Model(&rows).Where("dispatch = ?", id).OrderBy("target", bun.OrderAsc).Limit(512).Scan(ctx)
	return rows, err
}

// WithdrawDispatch erases the text of all versions and keeps the tombstone. State is
// DispatchWithdrawn or DispatchSuperseded; the latter keeps the earlier text.
func WithdrawDispatch(ctx context.Context, tx bun.Tx, id iri.IRI, state string, tombstone []byte, supersededBy iri.IRI, now Time) error {
	document := ", document = NULL, subject = '', excerpt = '', change_note = ''"
	if state == DispatchSuperseded {
		document = ""
	}
	if _, err := rawExec(ctx, tx, `UPDATE dispatches SET state = ?, tombstone = ?, superseded_by = ?, withdrawn_at = ?`+document+` WHERE iri = ?`,
		state, tombstone, string(supersededBy), int64(now), string(id)); err != nil {
		return err
	}
	if state == DispatchWithdrawn {
		if _, err := rawExec(ctx, tx, `DELETE FROM dispatch_tags WHERE dispatch = ?`, string(id)); err != nil {
			return err
		}
		if err := DropSearch(ctx, tx, id); err != nil {
			return err
		}
	}
	return refreshDesk(ctx, tx, id)
}

// Registration is what one office has done with a dispatch that it received.
type Registration struct {
	bun.BaseModel `bun:"table:registrations"`

	Dispatch     iri.IRI `bun:",pk"`
	Office       iri.IRI `bun:",pk"`
	Number       string
	RegisteredAt Time
	RegisteredBy iri.IRI
	ReadAt       Time
	ReadBy       iri.IRI
	TakenAt      Time
	TakenBy      iri.IRI
}

// RegistrationOf returns NotFound when the office has done nothing yet.
func RegistrationOf(ctx context.Context, db bun.IDB, dispatch, office iri.IRI) (*Registration, error) {
	r := new(Registration)
	err := db.NewSelect().Model(r).Where("dispatch = ?", dispatch).Where("office = ?", office).Scan(ctx)
	return r, err
}

// SaveRegistration inserts or replaces the row.
func SaveRegistration(ctx context.Context, db bun.IDB, r *Registration) error {
	_, err := db.NewInsert().Model(r).On("CONFLICT (dispatch, office) DO UPDATE").
		Set("number = EXCLUDED.number, registered_at = EXCLUDED.registered_at, registered_by = EXCLUDED.registered_by").
		Set("read_at = EXCLUDED.read_at, read_by = EXCLUDED.read_by, taken_at = EXCLUDED.taken_at, taken_by = EXCLUDED.taken_by").Exec(ctx)
	if err != nil {
		return err
	}
	return refreshDesk(ctx, db, r.Dispatch)
}

// Attachment states.
const (
	AttachmentHere    = "here"
	AttachmentMissing = "missing" // to be fetched
	AttachmentRefused = "refused" // size, digest or type did not fit
	AttachmentErased  = "erased"
)

// Attachment is one file of a dispatch, kept by digest.
type Attachment struct {
	bun.BaseModel `bun:"table:attachments"`

	Dispatch  iri.IRI `bun:",pk"`
	Digest    string  `bun:",pk"`
	Position  int64
	Name      string
	MediaType string
	Size      int64
	URL       iri.IRI
	State     string
	Reason    string
	Attempts  int64
	NextAt    Time
}

// InsertAttachments adds those that are not there yet.
func InsertAttachments(ctx context.Context, db bun.IDB, rows []Attachment) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&rows).On("CONFLICT (dispatch, digest) DO NOTHING").Exec(ctx)
	return err
}

// AttachmentsOf returns a dispatch's attachments in order.
func AttachmentsOf(ctx context.Context, db bun.IDB, dispatch iri.IRI) ([]Attachment, error) {
	var rows []Attachment
	err := db.NewSelect().Model(&rows).Where("dispatch = ?", dispatch).OrderBy("position", bun.OrderAsc).Limit(100).Scan(ctx)
	return rows, err
}

// AttachmentsByDigest returns the rows that share one file.
func AttachmentsByDigest(ctx context.Context, db bun.IDB, digest string) ([]Attachment, error) {
	var rows []Attachment
	err := db.NewSelect().Model(&rows).Where("digest = ?", digest).Limit(1000).Scan(ctx)
	return rows, err
}

// MissingAttachments returns those due to be fetched.
func MissingAttachments(ctx context.Context, db bun.IDB, now Time, limit int) ([]Attachment, error) {
	var rows []Attachment
	err := db.NewSelect().Model(&rows).Where("state = 'missing'").Where("next_at <= ?", now).OrderBy("next_at", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// SaveAttachment writes the fetch state.
func SaveAttachment(ctx context.Context, db bun.IDB, a *Attachment) error {
	_, err := db.NewUpdate().Model(a).Column("state", "reason", "attempts", "next_at").WherePK().Exec(ctx)
	return err
}

// DispatchByActivity finds the version that a Create or Update carried; a receipt may
// also name the dispatch itself, which stands for its latest version.
func DispatchByActivity(ctx context.Context, db bun.IDB, id iri.IRI) (*Dispatch, error) {
	d := new(Dispatch)
	err := db.NewSelect().Model(d).Where("activity = ?", id).Limit(1).Scan(ctx)
	if NotFound(err) {
		return DispatchByIRI(ctx, db, id)
	}
	return d, err
}

// SetCommunity records that a dispatch, which came directly before, was distributed in
// a community too.
func SetCommunity(ctx context.Context, db bun.IDB, id, community iri.IRI, distributed Time) error {
	if _, err := db.NewRaw(`UPDATE dispatches SET community = ?, distributed_at = ? WHERE iri = ?`, community, distributed, id).Exec(ctx); err != nil {
		return err
	}
	if err := RequeueSearch(ctx, db, id); err != nil {
		return err
	}
	return refreshDesk(ctx, db, id)
}

// EraseAttachments marks a dispatch's files as to be erased.
func EraseAttachments(ctx context.Context, db bun.IDB, dispatch iri.IRI) error {
	_, err := db.NewRaw(`UPDATE attachments SET state = 'erased', reason = 'to be erased', name = '' WHERE dispatch = ?`, dispatch).Exec(ctx)
	return err
}

// ErasedDigests lists files that are to be erased and that no other dispatch holds.
func ErasedDigests(ctx context.Context, db bun.IDB, limit int) ([]string, error) {
	var out []string
	err := db.NewRaw(`SELECT DISTINCT a.digest FROM attachments AS a WHERE a.state = 'erased' AND a.reason = 'to be erased'
		AND NOT EXISTS (SELECT 1 FROM attachments AS b WHERE b.digest = a.digest AND b.state <> 'erased') ORDER BY a.digest LIMIT ?`, limit).Scan(ctx, &out)
	return out, err
}

// ForgetErased records that the file itself is gone.
func ForgetErased(ctx context.Context, db bun.IDB, digest string) error {
	_, err := db.NewRaw(`UPDATE attachments SET reason = '' WHERE digest = ? AND state = 'erased'`, digest).Exec(ctx)
	return err
}

// DispatchesWhere lists latest versions that a condition of models/audience admits,
// newest first; before is the id to go on from, 0 for the first page.
func DispatchesWhere(ctx context.Context, db bun.IDB, cond string, args []any, before int64, limit int, and string, andArgs ...any) ([]*Dispatch, error) {
	var rows []*Dispatch
	q := db.NewSelect().Model(&rows).ExcludeColumn("document", "tombstone").Where("d.latest").Where(cond, args...).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if before > 0 {
		q = q.Where("d.id < ?", before)
	}
	if and != "" {
		q = q.Where(and, andArgs...)
	}
	err := q.Scan(ctx)
	return rows, err
}

// DigestState is one version's digest and state.
type DigestState struct {
	IRI    iri.IRI
	Digest string
	State  string
}

// DigestsOf returns digest and state of every version of the given dispatches.
func DigestsOf(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI][]DigestState, error) {
	var rows []DigestState
	err := db.NewSelect().TableExpr("dispatches").Column("iri", "digest", "state").Where("iri IN (?)", bun.List(ids)).Limit(10000).Scan(ctx, &rows)
	out := map[iri.IRI][]DigestState{}
	for _, r := range rows {
		out[r.IRI] = append(out[r.IRI], r)
	}
	return out, err
}

// DispatchesAfter walks all versions of all dispatches in the order of their rows.
func DispatchesAfter(ctx context.Context, db bun.IDB, after int64, limit int) ([]*Dispatch, error) {
	var rows []*Dispatch
	err := db.NewSelect().Model(&rows).Where("id > ?", after).OrderBy("id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// LiftTombstone removes a tombstone that was laid before anything of the dispatch came.
func LiftTombstone(ctx context.Context, db bun.IDB, id iri.IRI) error {
	_, err := db.NewRaw(`DELETE FROM dispatches WHERE iri = ? AND state = 'withdrawn' AND digest = ''`, id).Exec(ctx)
	return err
}
