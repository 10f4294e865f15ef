// Package directory knows who is who: our offices, persons and mandates, the other
// instances, and which actor a name stands for.
package directory

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"valise/federation/remote"
	"valise/federation/sign"
	"valise/instance/accounts"
	"valise/models"
	"valise/models/iri"
)

// Directory is the service.
type Directory struct {
	Store  *models.Store
	Client *remote.Client
	Actors *remote.Actors
	Own    iri.Host
	Rules  iri.Rules
	Now    func() time.Time

	indexed atomic.Bool // our offices have their words
}

// Most is the longest page of any list here.
const Most = 200

func page(limit int) int { return min(max(limit, 1), Most) }

// Resolve returns the actor that a name stands for: the user name of an office, person
// or community of ours, a handle @name@host, or an actor's id. Handles of other
// instances are asked for there.
func (d *Directory) Resolve(ctx context.Context, name string) (iri.IRI, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", accounts.Invalid("a name is missing: give a user name, a handle @name@host or an actor's id")
	case strings.Contains(name, "://"):
		id, err := d.Rules.Parse(name)
		if err != nil {
			return "", accounts.Invalid("%v", err)
		}
		return id, nil
	case !strings.Contains(name, "@"):
		a, err := models.LocalActorByName(ctx, d.Store.R, name)
		if models.NotFound(err) {
			return "", accounts.Invalid("%q is nobody here; write @name@host for an actor elsewhere", name)
		}
		if err != nil {
			return "", fmt.Errorf("look up %q: %w", name, err)
		}
		return a.IRI, nil
	}
	h, err := d.Rules.ParseHandle(name)
	if err != nil {
		return "", accounts.Invalid("%v", err)
	}
	if h.Host == d.Own {
		return d.Resolve(ctx, h.Name)
	}
	account, err := d.Client.WebFinger(ctx, h)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", h, err)
	}
	return account.Actor, nil
}

// local finds one of ours of the given type; what names the type for people.
func (d *Directory) local(ctx context.Context, name, kind, what string) (iri.IRI, error) {
	if strings.TrimSpace(name) == "" {
		return "", accounts.Invalid("name the %s", what)
	}
	a, err := models.LocalActor(ctx, d.Store.R, kind, name)
	if models.NotFound(err) {
		id, rerr := d.Resolve(ctx, name)
		if rerr != nil {
			return "", rerr
		}
		a, err = models.ActorByIRI(ctx, d.Store.R, id)
	}
	if models.NotFound(err) || err == nil && (!a.Local || a.Type != kind) {
		return "", accounts.Invalid("%q is no %s here", name, what)
	}
	if err != nil {
		return "", fmt.Errorf("look up the %s %q: %w", what, name, err)
	}
	return a.IRI, nil
}

// Person finds a person of ours by user name, handle or id.
func (d *Directory) Person(ctx context.Context, name string) (iri.IRI, error) {
	return d.local(ctx, name, models.TypePerson, "person")
}

// Office finds an office of ours by user name, handle or id.
func (d *Directory) Office(ctx context.Context, name string) (iri.IRI, error) {
	return d.local(ctx, name, models.TypeOrganization, "office")
}

// OfficeEntry is an office with its actor.
type OfficeEntry struct {
	models.Office
	Username string
}

// Offices lists ours by code, after a code.
func (d *Directory) Offices(ctx context.Context, after string, limit int) ([]OfficeEntry, error) {
	rows, err := models.Offices(ctx, d.Store.R, after, page(limit))
	if err != nil {
		return nil, err
	}
	ids := make([]iri.IRI, len(rows))
	for i, o := range rows {
		ids[i] = o.IRI
	}
	actors, err := models.ActorsByIRI(ctx, d.Store.R, ids)
	if err != nil {
		return nil, err
	}
	names := make(map[iri.IRI]string, len(actors))
	for _, a := range actors {
		names[a.IRI] = a.Username
	}
	out := make([]OfficeEntry, len(rows))
	for i, o := range rows {
		out[i] = OfficeEntry{*o, names[o.IRI]}
	}
	return out, nil
}

// OfficeOf returns one of ours with its user name.
func (d *Directory) OfficeOf(ctx context.Context, id iri.IRI) (OfficeEntry, error) {
	o, err := models.OfficeByIRI(ctx, d.Store.R, id)
	if err != nil {
		return OfficeEntry{}, fmt.Errorf("read the office %s: %w", id, err)
	}
	a, err := models.ActorByIRI(ctx, d.Store.R, id)
	if err != nil {
		return OfficeEntry{}, fmt.Errorf("read the office %s: %w", id, err)
	}
	return OfficeEntry{*o, a.Username}, nil
}

// Names returns what actors are called; those that are not known are absent.
func (d *Directory) Names(ctx context.Context, ids []iri.IRI) (map[iri.IRI]string, error) {
	actors, err := models.ActorsByIRI(ctx, d.Store.R, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[iri.IRI]string, len(actors))
	for _, a := range actors {
		out[a.IRI] = a.Name
	}
	return out, nil
}

// OfficeRules returns an office's clearance rules.
func (d *Directory) OfficeRules(ctx context.Context, office iri.IRI) (models.Rules, error) {
	o, err := models.OfficeByIRI(ctx, d.Store.R, office)
	if err != nil {
		return models.Rules{}, fmt.Errorf("read the rules of %s: %w", office, err)
	}
	return o.Rules, nil
}

// Persons lists ours by user name, after a user name.
func (d *Directory) Persons(ctx context.Context, after string, limit int) ([]*models.Actor, error) {
	return models.LocalActors(ctx, d.Store.R, models.TypePerson, after, page(limit))
}

// Open is Persons without those who are blocked: whom one may choose for something.
func (d *Directory) Open(ctx context.Context, after string, limit int) ([]*models.Actor, error) {
	return models.OpenPersons(ctx, d.Store.R, after, page(limit))
}

// mandatesMost bounds a list of mandates, which has no pages: rights in force are few.
const mandatesMost = 5000

// Mandates lists those in force, of an office or a person ("" for any).
func (d *Directory) Mandates(ctx context.Context, office, person iri.IRI) ([]*models.Mandate, error) {
	return models.Mandates(ctx, d.Store.R, office, person, models.At(d.Now()), mandatesMost)
}

// Peer is another instance with its keys as fingerprints.
type Peer struct {
	models.Peer
	PinnedFingerprint  string
	OfferedFingerprint string
	// Host state of the deliveries to it; nil where nothing was ever due.
	Deliveries *models.Host
	// Directory is when its offices were last read, nil where they never were; Offices is
	// how many are known. Both are given where one peer is asked for.
	Directory *models.PeerDirectory
	Offices   int64
}

// Peers lists other instances by host, after a host.
func (d *Directory) Peers(ctx context.Context, after iri.Host, limit int) ([]Peer, error) {
	rows, err := models.Peers(ctx, d.Store.R, after, page(limit))
	if err != nil {
		return nil, err
	}
	out := make([]Peer, len(rows))
	for i, p := range rows {
		if out[i], err = d.peer(ctx, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Peer returns one other instance.
func (d *Directory) Peer(ctx context.Context, hostname string) (Peer, error) {
	p, err := d.find(ctx, hostname)
	if err != nil {
		return Peer{}, err
	}
	out, err := d.peer(ctx, p)
	if err != nil {
		return out, err
	}
	if out.Directory, err = models.PeerDirectoryOf(ctx, d.Store.R, p.Host); models.NotFound(err) {
		out.Directory = nil
	} else if err != nil {
		return out, err
	}
	out.Offices, err = models.CountPeerOffices(ctx, d.Store.R, p.Host)
	return out, err
}

func (d *Directory) find(ctx context.Context, hostname string) (*models.Peer, error) {
	host, err := d.Rules.ParseHost(hostname)
	if err != nil {
		return nil, accounts.Invalid("%v", err)
	}
	p, err := models.PeerByHost(ctx, d.Store.R, host)
	if models.NotFound(err) {
		return nil, accounts.Invalid("%s is no peer", host)
	}
	return p, err
}

func (d *Directory) peer(ctx context.Context, p *models.Peer) (Peer, error) {
	out := Peer{Peer: *p, PinnedFingerprint: Fingerprint(p.PinnedKey), OfferedFingerprint: Fingerprint(p.OfferedKey)}
	h, err := models.HostByName(ctx, d.Store.R, p.Host)
	if err == nil {
		out.Deliveries = h
	} else if !models.NotFound(err) {
		return out, err
	}
	return out, nil
}

// Fingerprint of a Multikey; one that cannot be read has none.
func Fingerprint(multikey string) string {
	if multikey == "" {
		return ""
	}
	key, err := sign.DecodeMultikey(multikey)
	if err != nil {
		return ""
	}
	return sign.Fingerprint(key)
}
