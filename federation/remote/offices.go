package remote

import (
	"context"
	"fmt"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

const (
	// officesMost and officePages bound the directory that is read of one instance.
	officesMost = 20000
	officePages = 500
)

// Offices reads the directory of an accredited instance, signed by our instance actor.
// An instance that names none has none: nil. Items of another origin are an error.
func (a *Actors) Offices(ctx context.Context, instance iri.IRI) ([]vocab.OfficeItem, error) {
	row, err := a.Refresh(ctx, instance)
	if err != nil {
		return nil, err
	}
	actor, err := vocab.ParseActor(row.Document, a.rules)
	if err != nil {
		return nil, fmt.Errorf("read the instance actor %s: %w", instance, err)
	}
	if actor.Offices == "" {
		return nil, nil
	}
	at, seen := actor.Offices, map[iri.IRI]bool{}
	var out []vocab.OfficeItem
	for page := 0; at != ""; page++ {
		if !at.SameOrigin(instance) || seen[at] || page > officePages {
			return nil, &Error{Kind: KindWrongID, Op: "read offices", URL: at, Detail: "the directory of " + string(instance) + " leads elsewhere, back, or on without end"}
		}
		seen[at] = true
		items, next, err := a.officePage(ctx, at)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			o, err := vocab.ParseOfficeItem(item, a.rules)
			if err != nil {
				return nil, &Error{Kind: KindMalformed, Op: "read offices", URL: at, Detail: err.Error()}
			}
			if !o.ID.SameOrigin(instance) {
				return nil, &Error{Kind: KindWrongID, Op: "read offices", URL: at, Detail: string(o.ID) + " is of another origin"}
			}
			if out = append(out, o); len(out) > officesMost {
				return nil, &Error{Kind: KindTooLarge, Op: "read offices", URL: at, Detail: fmt.Sprintf("more than %d offices", officesMost)}
			}
		}
		at = next
	}
	return out, nil
}

func (a *Actors) officePage(ctx context.Context, at iri.IRI) ([]*vocab.Node, iri.IRI, error) {
	doc, err := a.client.Get(ctx, at, activityJSON, a.sign(ctx, at.Host()))
	if err != nil {
		return nil, "", err
	}
	n, err := vocab.ParseJSON(doc.Body)
	if err != nil {
		return nil, "", &Error{Kind: KindMalformed, Op: "read offices", URL: at, Detail: err.Error()}
	}
	items, next, err := vocab.ParsePage(n, a.rules)
	if err != nil {
		return nil, "", &Error{Kind: KindMalformed, Op: "read offices", URL: at, Detail: err.Error()}
	}
	return items, next, nil
}

// nameless tells whether what is known of an actor is its minimal document, while its
// host may show us the full one. It says so once in refetchEvery for each actor.
func (a *Actors) nameless(ctx context.Context, row *models.Actor) bool {
	if row.Local || row.Name != "" || !row.OwnSoftware || !a.shows(ctx, row.Host) {
		return false
	}
	_, first := a.tries.SetIfAbsent("profile "+string(row.IRI), a.now())
	return first
}

// shows tells whether a host runs our software and has a standing here, so that it may
// show us full documents where we sign.
func (a *Actors) shows(ctx context.Context, host iri.Host) bool {
	peer, err := models.PeerByHost(ctx, a.store.R, host)
	if err != nil || peer.State != models.PeerAccredited && peer.State != models.PeerGuest {
		return false
	}
	own, err := models.OwnSoftware(ctx, a.store.R, host)
	return err == nil && own
}

// profile fetches an actor document, signed where that shows more. What a host that does
// not believe our signature refuses is asked for without it.
func (a *Actors) profile(ctx context.Context, id iri.IRI) (*Document, error) {
	if a.shows(ctx, id.Host()) {
		doc, err := a.client.Get(ctx, id, activityJSON, a.sign(ctx, id.Host()))
		if kind := KindOf(err); err == nil || kind != KindStatus && kind != KindNotFound {
			return doc, err
		}
	}
	return a.get(ctx, id)
}
