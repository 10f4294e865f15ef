package communities

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

const (
	// departMost bounds the memberships and invitations of one account.
	departMost = 1000
	// closed is why something does not leave.
	closed = "the account is closed, its server says"
)

// Depart follows up on a remote account that is closed: by its own Delete, or by its
// server's 410 for it. Its memberships and open invitations end, and nothing more is sent to
// it; the organisers and the offices that wrote to it are told. What it signed, and the
// evidence of what it got, stays.
func (s *Communities) Depart(ctx context.Context, tx bun.Tx, who iri.IRI) error {
	now := s.now()
	known, err := models.DepartActor(ctx, tx, who, now)
	if err != nil || !known {
		return err
	}
	s.Log.Info("an account is closed", "actor", who)
	waiting, err := models.CancelDeliveriesTo(ctx, tx, who, closed, now)
	if err != nil {
		return err
	}
	for _, d := range waiting {
		if d.Purpose != models.PurposeDispatch {
			continue
		}
		if err := models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: d.ObjectID, Version: d.ObjectVersion, Addressee: who, Station: models.Cancelled, ByActor: d.Actor, At: now, Detail: closed}); err != nil {
			return err
		}
		if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery failed", Subject: string(d.ObjectID), CreatedAt: now, Detail: fmt.Sprintf("%s did not reach %s: %s", d.Type, who, closed)}); err != nil {
			return err
		}
	}
	rows, err := models.Memberships(ctx, tx, who, departMost)
	if err != nil {
		return err
	}
	for _, m := range rows {
		if err := s.departs(ctx, tx, m.Community, who); err != nil {
			return err
		}
	}
	invitations, err := models.InvitationsTo(ctx, tx, []iri.IRI{who}, departMost)
	if err != nil {
		return err
	}
	for _, i := range invitations {
		if _, err := models.MoveInvitation(ctx, tx, i.IRI, []string{models.InvitationOpen, models.InvitationAccepted}, models.InvitationRevoked, "", now); err != nil {
			return err
		}
	}
	return s.dissolved(ctx, tx, who)
}

// departs ends one membership in a community of ours, under its row lock.
func (s *Communities) departs(ctx context.Context, tx bun.Tx, community, who iri.IRI) error {
	c, err := models.LockCommunity(ctx, tx, community)
	if models.NotFound(err) || err == nil && !c.Local {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := models.MemberOf(ctx, tx, community, who)
	if err != nil {
		return err
	}
	m.State, m.LeftAt = models.MemberLeft, s.now()
	if err := models.SaveMember(ctx, tx, m); err != nil {
		return err
	}
	if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.Organiser, Kind: "member gone", Subject: string(c.IRI), CreatedAt: s.now(),
		Detail: fmt.Sprintf("%s: her account is closed, her server says; her membership has ended", who)}); err != nil {
		return err
	}
	return audit.Append(ctx, tx, s.Now(), string(who), "left", string(community), map[string]any{"why": "account closed"})
}

// dissolved ends what our people have in a community whose Group was the account.
func (s *Communities) dissolved(ctx context.Context, tx bun.Tx, group iri.IRI) error {
	if _, err := models.CommunityByIRI(ctx, tx, group); models.NotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	members, err := models.LocalMembers(ctx, tx, group, s.Own, s.now())
	if err != nil {
		return err
	}
	for _, m := range members {
		m.State, m.LeftAt = models.MemberRemoved, s.now()
		if err := models.SaveMember(ctx, tx, m); err != nil {
			return err
		}
		if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: m.Actor, Kind: "membership ended", Subject: string(group), CreatedAt: s.now()}); err != nil {
			return err
		}
	}
	return nil
}
