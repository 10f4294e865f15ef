package remote

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// learnKeys keeps the keys of an actor document and retires those that it no longer
// lists. For an actor of an accredited peer, a key that was not known counts only
// with the endorsement of the pinned instance key (PROTOCOL §1.1); without it the key
// is held and the operator is told.
func (a *Actors) learnKeys(ctx context.Context, tx bun.Tx, doc *vocab.Actor, history []retired, now models.Time) error {
	host := doc.ID.Host()
	peer, err := models.PeerByHost(ctx, tx, host)
	if err != nil && !models.NotFound(err) {
		return err
	}
	pinned := err == nil && peer.PinnedKey != ""
	endorsed := !pinned || a.endorsed(doc, peer.PinnedKey)
	known, err := models.KeysOf(ctx, tx, doc.ID)
	if err != nil {
		return err
	}
	listed, added := map[string]bool{}, false
	for _, k := range keysOf(doc) {
		listed[string(k.KeyID)+" "+k.Public] = true
		var have *models.Key
		for _, r := range known {
			if r.KeyID == k.KeyID && r.Public == k.Public {
				have = r
			}
		}
		self := pinned && doc.ID == peer.InstanceActor && k.Public == peer.PinnedKey
		if have != nil {
			if have.State == models.KeyHeld && (endorsed || self) {
				have.State, added = models.KeyActive, true
				if err := models.SetKeyState(ctx, tx, have); err != nil {
					return err
				}
			}
			continue
		}
		k.State = models.KeyActive
		if !endorsed && !self {
			k.State = models.KeyHeld
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "key not endorsed", Subject: string(k.KeyID), CreatedAt: now,
				Detail: fmt.Sprintf("%s shows a new key that the pinned key of %s does not endorse; arrivals signed with it are set aside. Compare fingerprints with its operator, then pin the new key or suspend the peer", doc.ID, host)}); err != nil {
				return err
			}
		}
		k.CreatedAt, added = now, true
		if err := models.InsertKey(ctx, tx, k); err != nil {
			return err
		}
		if pinned && endorsed && doc.ID == peer.InstanceActor && k.Type == string(sign.Ed25519) {
			if err := a.repin(ctx, tx, peer, k, now); err != nil {
				return err
			}
		}
	}
	changed, err := a.retire(ctx, tx, doc, known, listed, history, now)
	if err == nil && len(known) > 0 && (changed || added) {
		err = models.BumpEpoch(ctx, tx) // other processes know the actor too
	}
	return err
}

// repin follows a change of the instance key that its predecessor has endorsed.
func (a *Actors) repin(ctx context.Context, tx bun.Tx, peer *models.Peer, k *models.Key, now models.Time) error {
	was := peer.PinnedKey
	peer.PinnedKey, peer.OfferedKey, peer.UpdatedAt = k.Public, "", now
	if err := models.SavePeer(ctx, tx, peer); err != nil {
		return err
	}
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "key changed", Subject: string(peer.Host), CreatedAt: now,
		Detail: fmt.Sprintf("the instance key of %s changed from %s to %s, endorsed by the old one", peer.Host, was, k.Public)})
}

// retire ends the keys that the document no longer lists. The lifetime comes from the
// verified key history; an RSA value replaced in place, or a key without an entry, ends
// with the moment at which we saw it gone. It tells whether anything has changed.
func (a *Actors) retire(ctx context.Context, tx bun.Tx, doc *vocab.Actor, known []*models.Key, listed map[string]bool, history []retired, now models.Time) (changed bool, err error) {
	full := len(doc.Multikeys) > 0 || doc.Inbox != ""
	for _, h := range history {
		found := false
		for _, r := range known {
			if r.KeyID != h.ID || r.Public != h.PublicKeyMultibase {
				continue
			}
			found = true
			r.Entry = h.raw
			r.State, r.CreatedAt, r.RevokedAt, r.RevocationReason = models.KeyRetired, models.At(h.Created), models.At(h.Revoked), h.Reason
			if h.Reason == vocab.RevokedCompromise {
				r.State = models.KeyCompromised
			}
			if err := models.SetKeyState(ctx, tx, r); err != nil {
				return false, err
			}
			changed = true
			listed[string(r.KeyID)+" "+r.Public] = true
		}
		if !found {
			k := &models.Key{Actor: doc.ID, KeyID: h.ID, Type: string(sign.Ed25519), Public: h.PublicKeyMultibase, State: models.KeyRetired,
				CreatedAt: models.At(h.Created), RevokedAt: models.At(h.Revoked), RevocationReason: h.Reason, Entry: h.raw}
			if h.Reason == vocab.RevokedCompromise {
				k.State = models.KeyCompromised
			}
			if err := models.InsertKey(ctx, tx, k); err != nil {
				return false, err
			}
			changed = true
		}
	}
	if !full {
		return changed, nil
	}
	for _, r := range known {
		if r.State != models.KeyActive || listed[string(r.KeyID)+" "+r.Public] {
			continue
		}
		if r.Type == string(sign.RSA) && len(doc.RSA) == 0 {
			continue // a minimal document may leave it out
		}
		r.State, r.RevokedAt, r.RevocationReason = models.KeyRetired, now, unlisted
		if err := models.SetKeyState(ctx, tx, r); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

// unlisted is why a key ended that its owner's document dropped without an entry in a
// verified key history.
const unlisted = "no longer listed"

// endorsed tells whether the document carries a proof by the pinned instance key.
func (a *Actors) endorsed(doc *vocab.Actor, pinned string) bool {
	if !doc.HasProof {
		return false
	}
	key, err := sign.DecodeMultikey(pinned)
	if err != nil {
		return false
	}
	return sign.VerifyProof(doc.Raw, key) == nil
}

// keysOf lists the usable keys of a document. A key that names another owner or
// origin does not count.
func keysOf(doc *vocab.Actor) []*models.Key {
	var out []*models.Key
	for _, k := range doc.Multikeys {
		if k.Controller != doc.ID || k.ID.WithoutFragment() != doc.ID {
			continue
		}
		if _, err := sign.DecodeMultikey(k.PublicKeyMultibase); err == nil {
			out = append(out, &models.Key{Actor: doc.ID, KeyID: k.ID, Type: string(sign.Ed25519), Public: k.PublicKeyMultibase})
		}
	}
	for _, k := range doc.RSA {
		if k.Owner != doc.ID || !k.ID.SameOrigin(doc.ID) {
			continue
		}
		if _, err := sign.DecodeRSA(k.PEM); err == nil {
			out = append(out, &models.Key{Actor: doc.ID, KeyID: k.ID, Type: string(sign.RSA), Public: k.PEM})
		}
	}
	return out
}

// retired is a verified entry of a key history, with its bytes: they verify what the
// key has signed, years later.
type retired struct {
	vocab.RetiredKey
	raw []byte
}

// maxHistory bounds how many retired keys of one actor are read.
const maxHistory = 100

// history fetches and verifies the key history of an actor some of whose known keys
// are no longer listed, or whose history we never read. Each entry must be signed by
// its successor, and that by a key of the instance actor.
func (a *Actors) history(ctx context.Context, doc *vocab.Actor) ([]retired, error) {
	if doc.KeyHistory == "" || len(doc.Multikeys) == 0 {
		return nil, nil
	}
	known, err := models.KeysOf(ctx, a.store.R, doc.ID)
	if err != nil {
		return nil, err
	}
	listed := map[iri.IRI]bool{}
	for _, k := range doc.Multikeys {
		listed[k.ID] = true
	}
	need := len(known) == 0
	for _, k := range known {
		need = need || k.Type == string(sign.Ed25519) && !listed[k.KeyID] && (k.State == models.KeyActive || k.RevocationReason == unlisted)
	}
	if !need {
		return nil, nil
	}
	fetched, err := a.get(ctx, doc.KeyHistory)
	if err != nil {
		if KindOf(err) == KindNotFound {
			return nil, nil
		}
		return nil, err
	}
	node, err := vocab.ParseJSON(fetched.Body)
	if err != nil {
		return nil, &Error{Kind: KindMalformed, Op: "read key history", URL: doc.KeyHistory, Detail: err.Error()}
	}
	items, _, err := vocab.ParsePage(node, a.rules)
	if err != nil {
		return nil, &Error{Kind: KindMalformed, Op: "read key history", URL: doc.KeyHistory, Detail: err.Error()}
	}
	if len(items) > maxHistory {
		items = items[:maxHistory]
	}
	trusted := map[string]string{}
	for _, k := range doc.Multikeys {
		trusted[string(k.ID)] = k.PublicKeyMultibase
	}
	vouchers, err := a.instanceKeys(ctx, doc)
	if err != nil {
		return nil, err
	}
	var out []retired
	for _, item := range items { // newest first: each entry is signed by the one before it
		entry := item.Get("object")
		if entry == nil {
			continue
		}
		k, err := vocab.ParseRetiredKey(entry, a.rules)
		if err != nil || k.Controller != doc.ID || !k.ID.SameOrigin(doc.ID) {
			continue
		}
		if doc.ID == doc.InstanceActor {
			// Its own last word, or, for a compromised key, its successor's alone.
			vouchers = maps.Clone(trusted)
			vouchers[string(k.ID)] = k.PublicKeyMultibase
		}
		if !provenBy(entry.Raw(), trusted) || !provenBy(item.Raw(), vouchers) {
			continue
		}
		trusted[string(k.ID)] = k.PublicKeyMultibase
		out = append(out, retired{k, slices.Clone(item.Raw())})
	}
	return out, nil
}

// instanceKeys returns the multikeys of the actor's instance actor, by key id.
func (a *Actors) instanceKeys(ctx context.Context, doc *vocab.Actor) (map[string]string, error) {
	out := map[string]string{}
	if doc.InstanceActor == "" || doc.InstanceActor == doc.ID || !doc.InstanceActor.SameOrigin(doc.ID) {
		return out, nil
	}
	if _, err := a.Get(ctx, doc.InstanceActor); err != nil {
		return nil, err
	}
	rows, err := models.KeysOf(ctx, a.store.R, doc.InstanceActor)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.Type == string(sign.Ed25519) && r.State != models.KeyHeld {
			out[string(r.KeyID)] = r.Public
		}
	}
	return out, nil
}

func provenBy(doc []byte, keys map[string]string) bool {
	p, err := sign.ReadProof(doc)
	if err != nil || p == nil {
		return false
	}
	key, err := sign.DecodeMultikey(keys[p.VerificationMethod])
	return err == nil && sign.VerifyProof(doc, key) == nil
}
