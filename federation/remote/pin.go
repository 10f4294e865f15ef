package remote

import (
	"context"

	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
)

// followPin follows the pinned instance key of an accredited peer to its successor. In
// the key history of the instance actor each retired key has signed the entry that its
// successor made: a chain from the pinned key to the current one is believed, and the
// operator is told. A compromised key endorses nothing: only a person pins anew.
func (a *Actors) followPin(ctx context.Context, peer *models.Peer) error {
	doc, err := a.get(ctx, peer.InstanceActor)
	if err != nil {
		return err
	}
	actor, err := vocab.ParseActor(doc.Body, a.rules)
	if err != nil || actor.ID != peer.InstanceActor || actor.KeyHistory == "" || len(actor.Multikeys) == 0 {
		return err
	}
	fetched, err := a.get(ctx, actor.KeyHistory)
	if err != nil {
		return err
	}
	node, err := vocab.ParseJSON(fetched.Body)
	if err != nil {
		return err
	}
	items, _, err := vocab.ParsePage(node, a.rules)
	if err != nil {
		return err
	}
	current := map[string]string{}
	for _, k := range actor.Multikeys {
		if k.Controller == actor.ID && k.ID.SameOrigin(actor.ID) {
			current[string(k.ID)] = k.PublicKeyMultibase
		}
	}
	key := endOfChain(items, actor, current, peer.PinnedKey, a)
	if key == "" || key == peer.PinnedKey {
		return nil
	}
	if err := a.store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		fresh, err := models.PeerByHost(ctx, tx, peer.Host)
		if err != nil || fresh.PinnedKey != peer.PinnedKey {
			return err
		}
		return a.repin(ctx, tx, fresh, &models.Key{Public: key}, models.At(a.now()))
	}); err != nil {
		return err
	}
	return a.learn(ctx, actor)
}

// endOfChain walks from the pinned key to the current one, oldest entry first, and
// returns the current key if every step holds.
func endOfChain(items []*vocab.Node, actor *vocab.Actor, current map[string]string, pinned string, a *Actors) string {
	if len(items) > maxHistory {
		return ""
	}
	publics := map[string]string{}
	for id, k := range current {
		publics[id] = k
	}
	entries := make([]vocab.RetiredKey, len(items))
	for i, item := range items {
		k, err := vocab.ParseRetiredKey(item.Get("object"), a.rules)
		if err != nil || k.Controller != actor.ID {
			return ""
		}
		entries[i] = k
		publics[string(k.ID)] = k.PublicKeyMultibase
	}
	at := pinned
	for i := len(items) - 1; i >= 0; i-- {
		if entries[i].PublicKeyMultibase != at {
			continue
		}
		if entries[i].Reason == vocab.RevokedCompromise {
			return ""
		}
		inner := items[i].Get("object").Raw()
		proof, err := sign.ReadProof(inner)
		if err != nil || proof == nil {
			return ""
		}
		self := map[string]string{string(entries[i].ID): at}
		next := publics[proof.VerificationMethod]
		if next == "" || !provenBy(items[i].Raw(), self) || !provenBy(inner, publics) {
			return ""
		}
		at = next
	}
	for _, k := range current {
		if k == at {
			return at
		}
	}
	return ""
}
