package accreditation

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
)

// ReceiveOffer puts a proposal into the waiting room.
func (s *Accreditation) ReceiveOffer(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	own := accounts.InstanceActor(s.Own)
	offer, err := vocab.ParseOffer(a.Activity, s.Rules)
	if err != nil {
		return err
	}
	if offer.Subject != offer.Actor || offer.Object != own {
		return &policy.Refusal{Code: "foreign-offer", Detail: fmt.Sprintf("%s proposes for %s to %s", offer.Actor, offer.Subject, offer.Object)}
	}
	keys, err := models.KeysOf(ctx, tx, offer.Actor)
	if err != nil {
		return err
	}
	var key string
	for _, k := range keys {
		if k.Type == string(sign.Ed25519) && k.State != models.KeyRetired && k.State != models.KeyCompromised {
			key = k.Public
			break
		}
	}
	if key == "" {
		return &inbox.NeedActor{ID: offer.Actor}
	}
	if err := compare(offer.Fingerprint, key); err != nil {
		return &policy.Refusal{Code: "wrong-fingerprint", Detail: err.Error()}
	}
	peer, err := models.PeerByHost(ctx, tx, a.Row.Host)
	switch {
	case models.NotFound(err):
		peer = &models.Peer{Host: a.Row.Host, State: models.PeerProposed, Affiliation: models.OtherGovernment, Form: models.FormAnnounce, CreatedAt: models.At(a.Now)}
		peer.Ceiling = s.Guard.Lowest()
	case err != nil:
		return err
	case peer.State == models.PeerAccredited:
		return nil // nothing changes by asking again
	case peer.State == models.PeerGuest:
		// A guest that asks for more keeps its standing until a person decides.
	case peer.State != models.PeerProposed:
		return &policy.Refusal{Code: "not-open", Detail: fmt.Sprintf("the standing of %s here is %s", peer.Host, peer.State)}
	}
	peer.InstanceActor, peer.OfferedKey, peer.Contact, peer.AskedCeiling = offer.Actor, key, vocab.Clip(offer.Contact, 500), int64(offer.Ceiling.Rank)
	peer.UpdatedAt = models.At(a.Now)
	crossed := peer.State == models.PeerProposed && peer.ProposedByUs
	if crossed && peer.PinnedKey == key {
		// Both have proposed, and a person here has compared the key: both have decided.
		peer.State, peer.OfferedKey = models.PeerAccredited, ""
	}
	if !crossed {
		peer.OfferID = offer.ID // that of a crossing one stays ours, for its answer
	}
	if err := models.SavePeer(ctx, tx, peer); err != nil {
		return err
	}
	s.later()
	if peer.State == models.PeerAccredited {
		if err := audit.Append(ctx, tx, a.Now, string(offer.Actor), "accreditation answered", string(peer.Host), map[string]any{"state": peer.State}); err != nil {
			return err
		}
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "accredited", Subject: string(peer.Host), CreatedAt: models.At(a.Now),
			Detail: fmt.Sprintf("%s proposed while our proposal was under way; its key was compared when we proposed", peer.Host)})
	}
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "accreditation proposed", Subject: string(peer.Host), CreatedAt: models.At(a.Now),
		Detail: fmt.Sprintf("%s (%s) asks for accreditation up to %s; fingerprint %s; contact %s", vocab.Clip(offer.Name, 200), peer.Host, vocab.Clip(offer.Ceiling.Level, 50), offer.Fingerprint, peer.Contact)})
}

// ReceiveAnswer takes the answer to our proposal: Accept or Reject of its id.
func (s *Accreditation) ReceiveAnswer(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (mine bool, err error) {
	peer, err := models.PeerByHost(ctx, tx, a.Row.Host)
	if models.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !peer.ProposedByUs || peer.OfferID == "" || peer.OfferID != a.Activity.ObjectID {
		return false, nil
	}
	if a.Activity.Actor != peer.InstanceActor {
		return true, &policy.Refusal{Code: "foreign-actor", Detail: fmt.Sprintf("%s answers for %s", a.Activity.Actor, peer.InstanceActor)}
	}
	if peer.State != models.PeerProposed {
		return true, nil
	}
	kind, detail := "", ""
	switch {
	case a.Activity.Type == "Reject":
		peer.State, peer.Reason = models.PeerRefused, "they refused"
		kind, detail = "accreditation refused", fmt.Sprintf("%s refused our proposal", peer.Host)
	case peer.PinnedKey != "":
		peer.State, peer.OfferedKey = models.PeerAccredited, ""
		kind, detail = "accredited", fmt.Sprintf("%s accepted; its key was compared when we proposed", peer.Host)
	default:
		kind, detail = "accreditation accepted", fmt.Sprintf("%s accepted our proposal; compare its fingerprint with its operator, then accept it here", peer.Host)
	}
	peer.UpdatedAt = models.At(a.Now)
	if err := models.SavePeer(ctx, tx, peer); err != nil {
		return true, err
	}
	s.later()
	if err := audit.Append(ctx, tx, a.Now, string(a.Activity.Actor), "accreditation answered", string(peer.Host), map[string]any{"state": peer.State}); err != nil {
		return true, err
	}
	return true, models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: kind, Subject: string(peer.Host), Detail: detail, CreatedAt: models.At(a.Now)})
}

// later drops caches soon: the transaction is not committed yet.
func (s *Accreditation) later() {
	if s.Changed != nil {
		s.Changed()
	}
}
