package remote

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/uptrace/bun"
	"golang.org/x/sync/singleflight"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

const (
	// actorStale is how old a fetched actor may be before it is fetched again.
	actorStale = 24 * time.Hour
	// refetchEvery bounds refetches after a failed verification, for each key id
	// and source address (PROTOCOL §2).
	refetchEvery = 5 * time.Minute
	// keyCacheFor bounds how long another process's change of a key goes unseen.
	keyCacheFor = time.Minute
	keyCacheMax = 20000
)

// Candidate is one public key that stands, or stood, behind a key id.
type Candidate struct {
	sign.PublicKey
	State            string
	Created, Revoked time.Time
	// Unexplained says that no verified key history tells the lifetime of a retired
	// key: it vouches for what was recorded while it was listed.
	Unexplained bool
}

// Known is what we know of a key id and of the actor behind it.
type Known struct {
	Actor       iri.IRI
	Candidates  []Candidate
	Document    string // digest of its document in key_documents
	OwnSoftware bool
}

// Actors caches remote actors and their keys. It is safe for concurrent use.
type Actors struct {
	store  *models.Store
	client *Client
	rules  iri.Rules
	own    iri.Host
	now    func() time.Time
	sign   func(ctx context.Context, host iri.Host) SignFunc

	// Gone is called when a fetch finds that an account is closed; nil: nobody asks.
	Gone func(ctx context.Context, id iri.IRI) error

	standings standings
	keys      *otter.Cache[iri.IRI, *Known]
	tries     *otter.Cache[string, time.Time]
	flights   singleflight.Group
}

// NewActors returns a cache over the store. sign makes the instance actor's signature
// towards a host, for servers that show actors to signed requests alone.
func NewActors(store *models.Store, client *Client, rules iri.Rules, own iri.Host, now func() time.Time, sign func(context.Context, iri.Host) SignFunc) *Actors {
	return &Actors{store: store, client: client, rules: rules, own: own, now: now, sign: sign,
		keys:  otter.Must(&otter.Options[iri.IRI, *Known]{MaximumSize: keyCacheMax, ExpiryCalculator: otter.ExpiryWriting[iri.IRI, *Known](keyCacheFor)}),
		tries: otter.Must(&otter.Options[string, time.Time]{MaximumSize: keyCacheMax, ExpiryCalculator: otter.ExpiryWriting[string, time.Time](refetchEvery)}),
	}
}

// Forget drops what is cached of keys and standings, after a change of policy or of a
// key.
func (a *Actors) Forget() {
	a.keys.InvalidateAll()
	a.standings.forget()
}

// Seen returns what is known of a key id without asking the network, or nil.
func (a *Actors) Seen(ctx context.Context, keyID iri.IRI) (*Known, error) {
	if k, ok := a.keys.GetIfPresent(keyID); ok {
		return k, nil
	}
	rows, err := models.KeyByID(ctx, a.store.R, keyID)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	k := &Known{Actor: rows[0].Actor}
	for _, r := range rows {
		if r.Actor != k.Actor {
			continue // a key id has one owner
		}
		c, err := candidate(r)
		if err != nil {
			return nil, err
		}
		k.Candidates = append(k.Candidates, c)
	}
	if actor, err := models.ActorByIRI(ctx, a.store.R, k.Actor); err == nil {
		k.OwnSoftware = actor.OwnSoftware
		if len(actor.Document) > 0 {
			k.Document = sign.BytesDigest(actor.Document)
		}
	}
	a.keys.Set(keyID, k)
	return k, nil
}

// Key returns what is known of a key id, fetching its owner if it was never seen.
func (a *Actors) Key(ctx context.Context, keyID iri.IRI) (*Known, error) {
	k, err := a.Seen(ctx, keyID)
	if k != nil || err != nil {
		return k, err
	}
	if keyID.Host() == a.own {
		return nil, &Error{Kind: KindNotFound, Op: "find key", URL: keyID, Detail: "no actor of ours has this key"}
	}
	if err := a.fetchKey(ctx, keyID); err != nil {
		return nil, err
	}
	if k, err = a.Seen(ctx, keyID); k == nil && err == nil {
		err = &Error{Kind: KindNotFound, Op: "find key", URL: keyID, Detail: "its owner does not list it"}
	}
	return k, err
}

// Refetch fetches the owner of a key again after a failed verification, at most once
// per 5 minutes for each key id and source. It tells whether it did.
func (a *Actors) Refetch(ctx context.Context, keyID iri.IRI, source string) (bool, error) {
	if keyID.Host() == a.own {
		return false, nil
	}
	if _, tried := a.tries.SetIfAbsent(string(keyID)+" "+source, a.now()); !tried {
		return false, nil
	}
	return true, a.fetchKey(ctx, keyID)
}

func (a *Actors) fetchKey(ctx context.Context, keyID iri.IRI) error {
	_, err, _ := a.flights.Do("key "+string(keyID), func() (any, error) {
		id := keyID.WithoutFragment()
		doc, err := a.get(ctx, id)
		if err != nil {
			return nil, err
		}
		actor, err := vocab.ParseActor(doc.Body, a.rules)
		if err != nil {
			return nil, &Error{Kind: KindMalformed, Op: "read key", URL: keyID, Detail: err.Error()}
		}
		if !actor.ID.SameOrigin(keyID) {
			return nil, &Error{Kind: KindWrongID, Op: "read key", URL: keyID, Detail: "its owner " + string(actor.ID) + " is of another origin"}
		}
		if actor.ID != id {
			// A path key id (GoToSocial) answers with a stub of its owner.
			if keyID.Fragment() != "" || len(actor.RSA) != 1 || actor.RSA[0].ID != keyID || actor.RSA[0].Owner != actor.ID {
				return nil, &Error{Kind: KindWrongID, Op: "read key", URL: keyID, Detail: "the document is of " + string(actor.ID)}
			}
		}
		return nil, a.learn(ctx, actor)
	})
	return err
}

// get fetches an actor document, unsigned first: what verifies our own signature
// must not wait for a signature of ours to be verified.
func (a *Actors) get(ctx context.Context, id iri.IRI) (*Document, error) {
	doc, err := a.client.Get(ctx, id, activityJSON, nil)
	var e *Error
	if errors.As(err, &e) && e.Kind == KindStatus && (e.Status == 401 || e.Status == 403) {
		return a.client.Get(ctx, id, activityJSON, a.sign(ctx, id.Host()))
	}
	return doc, err
}

// Get returns an actor, ours or remote, fetching a remote one that is unknown or stale,
// or whose name is unknown while its host may tell it.
func (a *Actors) Get(ctx context.Context, id iri.IRI) (*models.Actor, error) {
	row, err := models.ActorByIRI(ctx, a.store.R, id)
	if err != nil && !models.NotFound(err) {
		return nil, err
	}
	if err == nil && (row.Local || row.Inbox != "" && a.now().Sub(row.FetchedAt.Time()) < actorStale && !a.nameless(ctx, row)) {
		return row, nil
	}
	if id.Host() == a.own {
		return nil, &Error{Kind: KindNotFound, Op: "find actor", URL: id, Detail: "no actor of ours has this id"}
	}
	fresh, ferr := a.Refresh(ctx, id)
	if ferr != nil && err == nil && row.Inbox != "" && KindOf(ferr) != KindGone {
		return row, nil // stale is better than none while the host is away
	}
	return fresh, ferr
}

// Refresh fetches an actor now.
func (a *Actors) Refresh(ctx context.Context, id iri.IRI) (*models.Actor, error) {
	_, err, _ := a.flights.Do("actor "+string(id), func() (any, error) {
		doc, err := a.profile(ctx, id)
		if err != nil {
			if KindOf(err) == KindGone && a.Gone != nil {
				return nil, errors.Join(err, a.Gone(ctx, id))
			}
			return nil, err
		}
		if err := a.client.CheckID(doc, id); err != nil {
			return nil, err
		}
		actor, err := vocab.ParseActor(doc.Body, a.rules)
		if err != nil {
			return nil, &Error{Kind: KindMalformed, Op: "read actor", URL: id, Detail: err.Error()}
		}
		return nil, a.learn(ctx, actor)
	})
	if err != nil {
		return nil, err
	}
	return models.ActorByIRI(ctx, a.store.R, id)
}

// Departed asks an actor's server whether the account is there no more (404 or 410), at most
// once per 5 minutes for each actor and source. An error says that nobody knows.
func (a *Actors) Departed(ctx context.Context, id iri.IRI, source string) (bool, error) {
	if _, tried := a.tries.SetIfAbsent("departed "+string(id)+" "+source, a.now()); !tried {
		return false, nil
	}
	_, err := a.get(ctx, id)
	if kind := KindOf(err); kind == KindGone || kind == KindNotFound {
		return true, nil
	}
	return false, err
}

// Learn keeps an actor document that arrived in an Update over a verified hop.
func (a *Actors) Learn(ctx context.Context, actor *vocab.Actor) error { return a.learn(ctx, actor) }

func (a *Actors) learn(ctx context.Context, doc *vocab.Actor) error {
	if doc.ID.Host() == a.own {
		return fmt.Errorf("learn actor %s: it is ours", doc.ID)
	}
	for _, owned := range []iri.IRI{doc.Inbox, doc.SharedInbox, doc.Followers, doc.KeyHistory} {
		if owned != "" && !owned.SameOrigin(doc.ID) {
			return &Error{Kind: KindWrongID, Op: "read actor", URL: doc.ID, Detail: string(owned) + " is of another origin"}
		}
	}
	if peer, err := models.PeerByHost(ctx, a.store.R, doc.ID.Host()); err == nil && peer.PinnedKey != "" && !a.endorsed(doc, peer.PinnedKey) {
		if err := a.followPin(ctx, peer); err != nil {
			return err
		}
	}
	history, err := a.history(ctx, doc)
	if err != nil {
		return err
	}
	now := models.At(a.now())
	row := &models.Actor{IRI: doc.ID, Host: doc.ID.Host(), Type: doc.Type, Username: doc.PreferredUsername, Name: doc.Name, Inbox: doc.Inbox,
		SharedInbox: doc.SharedInbox, Followers: doc.Followers, KeyHistory: doc.KeyHistory, Document: doc.Raw,
		OwnSoftware: doc.HasImplements(vocab.CapabilityValise), FetchedAt: now, CreatedAt: now}
	err = a.store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if doc.Inbox != "" {
			if err := models.UpsertRemoteActor(ctx, tx, row); err != nil {
				return err
			}
			if err := models.KeepKeyDocument(ctx, tx, sign.BytesDigest(doc.Raw), doc.Raw, now); err != nil {
				return err
			}
		}
		return a.learnKeys(ctx, tx, doc, history, now)
	})
	if err != nil {
		return fmt.Errorf("keep actor %s: %w", doc.ID, err)
	}
	known, err := models.KeysOf(ctx, a.store.R, doc.ID)
	for _, k := range known {
		a.keys.Invalidate(k.KeyID)
	}
	return err
}

func candidate(r *models.Key) (Candidate, error) {
	c := Candidate{PublicKey: sign.PublicKey{ID: string(r.KeyID), Owner: string(r.Actor), Type: sign.KeyType(r.Type)},
		State: r.State, Created: r.CreatedAt.Time(), Revoked: r.RevokedAt.Time(), Unexplained: r.RevocationReason == unlisted}
	if c.Type == sign.RSA {
		key, err := sign.DecodeRSA(r.Public)
		c.Key = key
		return c, err
	}
	key, err := sign.DecodeMultikey(r.Public)
	c.Key = key
	return c, err
}

func edKey(c Candidate) ed25519.PublicKey {
	key, _ := c.Key.(ed25519.PublicKey)
	return key
}
