package models

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Actor types, as ActivityStreams names them.
const (
	TypeApplication  = "Application"
	TypeOrganization = "Organization"
	TypePerson       = "Person"
	TypeGroup        = "Group"
)

// Actor is one of ours, or what we last fetched of another's.
type Actor struct {
	bun.BaseModel `bun:"table:actors"`

	IRI         iri.IRI `bun:",pk"`
	Host        iri.Host
	Local       bool
	Type        string
	Username    string
	Name        string
	Inbox       iri.IRI
	SharedInbox iri.IRI
	Followers   iri.IRI
	KeyHistory  iri.IRI
	// Document is a remote actor's document as fetched; nil for ours.
	Document []byte
	// OwnSoftware says that the document names our protocol (FEP-844e).
	OwnSoftware bool
	FetchedAt   Time
	GoneAt      Time
	CreatedAt   Time
}

// ActorByIRI returns NotFound for an actor never seen.
func ActorByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Actor, error) {
	a := new(Actor)
	err := rawRow(ctx, db, `SELECT iri, host, local, type, username, name, inbox, shared_inbox, followers, key_history, document, own_software,
		fetched_at, gone_at, created_at FROM actors WHERE iri = ?`, []any{string(id)},
		&a.IRI, &a.Host, &a.Local, &a.Type, &a.Username, &a.Name, &a.Inbox, &a.SharedInbox, &a.Followers, &a.KeyHistory, &a.Document, &a.OwnSoftware,
		&a.FetchedAt, &a.GoneAt, &a.CreatedAt)
	return a, err
}

// ActorAddress is ActorByIRI with what a delivery needs: id, host, inboxes, and whether
// it is one of ours or runs our software.
func ActorAddress(ctx context.Context, db bun.IDB, id iri.IRI) (*Actor, error) {
	a := new(Actor)
	err := rawRow(ctx, db, `SELECT iri, host, local, inbox, shared_inbox, own_software FROM actors WHERE iri = ?`, []any{string(id)},
		&a.IRI, &a.Host, &a.Local, &a.Inbox, &a.SharedInbox, &a.OwnSoftware)
	return a, err
}

// ActorsByIRI returns those that are known, in no order.
func ActorsByIRI(ctx context.Context, db bun.IDB, ids []iri.IRI) ([]*Actor, error) {
	var rows []*Actor
	if len(ids) == 0 {
		return nil, nil
	}
	err := db.NewSelect().Model(&rows).Where("iri IN (?)", bun.List(ids)).Scan(ctx)
	return rows, err
}

// LocalActor finds one of ours by type and user name.
func LocalActor(ctx context.Context, db bun.IDB, kind, username string) (*Actor, error) {
	a := new(Actor)
	err := db.NewSelect().Model(a).Where("local").Where("type = ?", kind).Where("username = ?", strings.ToLower(username)).Scan(ctx)
	return a, err
}

// LocalActorByName finds one of ours by user name alone (WebFinger).
func LocalActorByName(ctx context.Context, db bun.IDB, username string) (*Actor, error) {
	a := new(Actor)
	err := db.NewSelect().Model(a).Where("local").Where("username = ?", strings.ToLower(username)).OrderBy("type", bun.OrderAsc).Limit(1).Scan(ctx)
	return a, err
}

// LocalActors lists ours of one type, by user name; limit bounds the answer.
func LocalActors(ctx context.Context, db bun.IDB, kind string, after string, limit int) ([]*Actor, error) {
	var rows []*Actor
	err := ours(db, &rows, kind, after, limit).Scan(ctx)
	return rows, err
}

// OpenPersons lists our persons who are not blocked, by user name after one.
func OpenPersons(ctx context.Context, db bun.IDB, after string, limit int) ([]*Actor, error) {
	var rows []*Actor
	err := ours(db, &rows, TypePerson, after, limit).Where(notBlocked + "actor.iri)").Scan(ctx)
	return rows, err
}

func ours(db bun.IDB, rows *[]*Actor, kind, after string, limit int) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("local").Where("type = ?", kind).Where("username > ?", after).
		OrderBy("username", bun.OrderAsc).Limit(int64(limit))
}

// InsertActor adds one of ours; a taken name is IsConflict.
func InsertActor(ctx context.Context, db bun.IDB, a *Actor) error {
	_, err := db.NewInsert().Model(a).Exec(ctx)
	return err
}

// UpsertRemoteActor keeps what was last fetched. It never touches one of ours.
func UpsertRemoteActor(ctx context.Context, db bun.IDB, a *Actor) error {
	_, err := db.NewInsert().Model(a).
		On("CONFLICT (iri) DO UPDATE").
		// A minimal document has no name: what the full one told stays.
		Set("type = EXCLUDED.type, username = EXCLUDED.username, name = CASE WHEN EXCLUDED.name = '' THEN actor.name ELSE EXCLUDED.name END, inbox = EXCLUDED.inbox").
		Set("shared_inbox = EXCLUDED.shared_inbox, followers = EXCLUDED.followers, key_history = EXCLUDED.key_history").
		Set("document = EXCLUDED.document, own_software = EXCLUDED.own_software, fetched_at = EXCLUDED.fetched_at, gone_at = EXCLUDED.gone_at").
		Where("NOT actor.local").
		Exec(ctx)
	return err
}

// OwnSoftware tells whether an actor of that host has named our protocol.
func OwnSoftware(ctx context.Context, db bun.IDB, host iri.Host) (bool, error) {
	return db.NewSelect().Model((*Actor)(nil)).Where("host = ?", host).Where("own_software").Exists(ctx)
}

// RemoveInbox forgets an inbox that its server says is gone, and returns the actors of
// whom nothing else is known; a shared one is forgotten for its whole host. Fetching the
// actor again brings back what its document then says.
func RemoveInbox(ctx context.Context, tx bun.Tx, inbox iri.IRI, now Time) ([]iri.IRI, error) {
	if _, err := tx.NewRaw(`UPDATE actors SET shared_inbox = '' WHERE host = ? AND shared_inbox = ? AND NOT local`, inbox.Host(), inbox).Exec(ctx); err != nil {
		return nil, err
	}
	var gone []iri.IRI
	err := tx.NewRaw(`UPDATE actors SET inbox = '', gone_at = ? WHERE host = ? AND inbox = ? AND NOT local RETURNING iri`, now, inbox.Host(), inbox).Scan(ctx, &gone)
	if NotFound(err) {
		err = nil
	}
	return gone, err
}
