package communities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Invitation is what an organiser decides when she invites.
type Invitation struct {
	Who string // "@name@host" or an actor's id
	// Actor is the account that was shown before; if Who stands for another by now,
	// nobody is invited. Empty: whoever it is.
	Actor       iri.IRI
	Role        string
	Ceiling     string
	Ends        time.Time // end of the membership; zero: without term
	HistoryDays int64     // -1: the community's window
	Words       string    // plain text, at most maxWords bytes
}

// maxWords bounds what an organiser writes with an invitation, in bytes.
const maxWords = 2000

// openFor is how long an invitation waits for its answer.
const openFor = 30 * 24 * time.Hour

// Invite invites one actor. Software that knows Invite gets one; any other gets a
// direct note that says what to follow.
func (s *Communities) Invite(ctx context.Context, person, community iri.IRI, i Invitation) (*models.Invitation, error) {
	if i.Role == "" {
		i.Role = models.RoleGuest
	}
	if i.Role != models.RoleGuest && i.Role != models.RoleMember {
		return nil, invalid("invite a %s or a %s, not %q", models.RoleMember, models.RoleGuest, i.Role)
	}
	if !i.Ends.IsZero() && !i.Ends.After(s.Now()) {
		return nil, invalid("the term %s has ended already", i.Ends.Format(time.DateOnly))
	}
	if why := dispatches.Unfit(i.Words); why != "" || len(i.Words) > maxWords {
		return nil, invalid("write at most %d bytes of plain text with an invitation, not %d %s", maxWords, len(i.Words), why)
	}
	invitee, err := s.invitee(ctx, i.Who)
	if err != nil {
		return nil, err
	}
	if i.Actor != "" && i.Actor != invitee.IRI {
		return nil, invalid("%s stands for another account than the one that was shown: look at it again", i.Who)
	}
	if err := s.inviting(ctx, invitee); err != nil {
		return nil, err
	}
	if !invitee.Local && !invitee.OwnSoftware {
		// The first signature towards other software is RSA; it is made outside the
		// transaction.
		if _, err := s.Keys.Signer(ctx, nil, community, sign.RSA, s.Now()); err != nil {
			return nil, err
		}
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	var row *models.Invitation
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		c, err := s.organise(ctx, tx, person, community)
		if err != nil {
			return err
		}
		ceiling := c.Ceiling
		if i.Ceiling != "" {
			if ceiling, err = s.ceiling(i.Ceiling); err != nil {
				return err
			}
			if ceiling > c.Ceiling {
				return invalid("%s is above the ceiling of the community, %s", i.Ceiling, s.Guard.Name(c.Ceiling))
			}
		}
		if m, err := models.MemberOf(ctx, tx, community, invitee.IRI); err == nil && m.State == models.MemberActive {
			return invalid("%s is a member already", invitee.IRI)
		}
		if _, err := models.LiveInvitation(ctx, tx, community, invitee.IRI); err == nil {
			return invalid("%s has an open invitation; revoke it first", invitee.IRI)
		}
		if err := s.guestPeer(ctx, tx, invitee, &ceiling); err != nil {
			return err
		}
		now := s.Now().UTC().Truncate(time.Second)
		days := c.HistoryDays
		if i.HistoryDays >= 0 {
			days = min(i.HistoryDays, c.HistoryDays)
		}
		row = &models.Invitation{IRI: id, Community: community, Invitee: invitee.IRI, Sponsor: person, Role: i.Role, Ceiling: ceiling, CharterDigest: c.CharterDigest,
			EndsAt: models.At(i.Ends), ExpiresAt: models.At(now.Add(openFor)), State: models.InvitationOpen, CreatedAt: models.At(now)}
		if err := models.InsertInvitation(ctx, tx, row); err != nil {
			return err
		}
		if err := models.SaveMember(ctx, tx, &models.Member{Community: community, Actor: invitee.IRI, Host: invitee.Host, Role: i.Role, Ceiling: ceiling, State: models.MemberReserved,
			Form: s.form(ctx, tx, invitee), HistoryFrom: models.At(now.AddDate(0, 0, -int(days))), EndsAt: models.At(i.Ends)}); err != nil {
			return err
		}
		if err := s.sendInvitation(ctx, tx, c, row, invitee, i, now, now.AddDate(0, 0, -int(days))); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, string(person), "invited", string(community), map[string]any{"invitee": invitee.IRI, "role": i.Role, "ceiling": s.Guard.Name(ceiling)})
	})
	if err == nil && s.Changed != nil {
		s.Changed()
	}
	return row, err
}

func (s *Communities) invitee(ctx context.Context, who string) (*models.Actor, error) {
	id, err := s.Rules.Parse(who)
	if err != nil {
		h, herr := s.Rules.ParseHandle(who)
		if herr != nil {
			return nil, invalid("%q is neither a handle like @name@host nor an actor's id", who)
		}
		if h.Host == s.Own {
			a, err := models.LocalActor(ctx, s.Store.R, models.TypePerson, h.Name)
			if models.NotFound(err) {
				return nil, invalid("%s is nobody here", who)
			}
			return a, err
		}
		account, err := s.Client.WebFinger(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", who, err)
		}
		id = account.Actor
	}
	a, err := s.Actors.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", who, err)
	}
	return a, nil
}

// guestPeer makes the invitee's instance a guest if it has no standing, and holds the
// member's ceiling to that of her instance.
func (s *Communities) guestPeer(ctx context.Context, tx bun.Tx, a *models.Actor, ceiling *int64) error {
	if a.Local {
		return nil
	}
	peer, err := models.PeerByHost(ctx, tx, a.Host)
	switch {
	case models.NotFound(err):
		peer = &models.Peer{Host: a.Host, State: models.PeerGuest, Affiliation: models.Outside, Ceiling: *ceiling, Form: models.FormBulletin, Scheme: keyring.SchemeCavage,
			Reason: "known through an invitation", CreatedAt: s.now(), UpdatedAt: s.now()}
		if a.OwnSoftware {
			peer.Form, peer.Scheme = models.FormAnnounce, keyring.SchemeRFC9421Ed25519
		}
		return models.SavePeer(ctx, tx, peer)
	case err != nil:
		return err
	case peer.State == models.PeerSuspended || peer.State == models.PeerRefused:
		return invalid("%s is %s here; nobody there can be invited", a.Host, peer.State)
	case peer.State == models.PeerProposed:
		peer.State = models.PeerGuest
		if peer.Ceiling < *ceiling {
			peer.Ceiling = *ceiling
		}
		return models.SavePeer(ctx, tx, peer)
	}
	*ceiling = min(*ceiling, peer.Ceiling)
	return nil
}

// inviting refuses what is no person and no office: it would pass on what it gets, or
// answer to nobody.
func (s *Communities) inviting(ctx context.Context, a *models.Actor) error {
	if a.Type == models.TypeGroup || a.Type == models.TypeApplication {
		return invalid("%s is a %s; invite a person or an office", a.IRI, strings.ToLower(a.Type))
	}
	return accounts.NotBlocked(ctx, s.Store.R, a.IRI)
}

func (s *Communities) form(ctx context.Context, tx bun.Tx, a *models.Actor) string {
	if a.Local {
		return models.FormAnnounce
	}
	if peer, err := models.PeerByHost(ctx, tx, a.Host); err == nil {
		return peer.Form
	}
	return models.FormBulletin
}

func (s *Communities) sendInvitation(ctx context.Context, tx bun.Tx, c *models.Community, row *models.Invitation, to *models.Actor, i Invitation, now, window time.Time) error {
	envelope := vocab.Envelope{ID: row.IRI, Actor: c.IRI, To: []iri.IRI{to.IRI}, Published: now}
	p := outbox.Publication{ID: row.IRI, Actor: c.IRI, Type: "Invite", ObjectID: row.IRI, Purpose: models.PurposeControl, Precedence: 80, To: outbox.Direct(to)}
	if to.Local || to.OwnSoftware {
		p.Bytes = vocab.Invite{Envelope: envelope, Invitee: to.IRI, Group: c.IRI, GroupName: c.Name, Sponsor: row.Sponsor, Role: row.Role, EndTime: i.Ends, HistoryFrom: window,
			Ceiling: s.grade(row.Ceiling), Charter: c.Charter, CharterDigest: c.CharterDigest, Summary: i.Words}.Encode()
		if len(p.Bytes) > maxInvite {
			return invalid("the invitation has %d bytes with the charter, more than the %d that an instance takes of another that it does not know: write fewer words with it", len(p.Bytes), maxInvite)
		}
		_, err := s.Out.Publish(ctx, tx, p)
		return err
	}
	group, err := models.ActorByIRI(ctx, tx, c.IRI)
	if err != nil {
		return err
	}
	handle := iri.Handle{Name: group.Username, Host: s.Own}.String()
	words := fmt.Sprintf(`You are invited to the community “%s”. To accept, follow %s from this account, and switch on notifications for it: its bulletins raise none by themselves. When you answer, choose “mentioned people only” and keep the address %s in your reply; otherwise it does not reach us, or others can read it.`, c.Name, handle, handle)
	if i.Words != "" {
		words = i.Words + "\n\n" + words
	}
	// She reads the charter before she answers; her server shows nothing else of ours.
	charter, err := RenderCharter(c.Charter)
	if err != nil {
		return err
	}
	return s.noteHTML(ctx, tx, c, to, words, charter, row.IRI)
}

// Revoke takes an unused invitation back.
func (s *Communities) Revoke(ctx context.Context, person, invitation iri.IRI) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := models.InvitationByIRI(ctx, tx, invitation)
		if models.NotFound(err) {
			return invalid("there is no such invitation")
		}
		if err != nil {
			return err
		}
		c, err := s.organise(ctx, tx, person, row.Community)
		if err != nil {
			return err
		}
		ok, err := models.MoveInvitation(ctx, tx, invitation, []string{models.InvitationOpen, models.InvitationAccepted}, models.InvitationRevoked, "", s.now())
		if err != nil {
			return err
		}
		if !ok {
			return invalid("the invitation is %s; a member is removed, not uninvited", row.State)
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "invitation revoked", string(c.IRI), map[string]any{"invitee": row.Invitee})
	})
}

// ReceiveInvite keeps an invitation for a person of ours, who alone answers it.
func (s *Communities) ReceiveInvite(ctx context.Context, tx bun.Tx, actor iri.IRI, in vocab.Invite, raw []byte, now models.Time) error {
	if in.Group != actor || in.Actor != actor {
		return &policy.Refusal{Code: "foreign-actor", Detail: fmt.Sprintf("%s invites to %s", actor, in.Group)}
	}
	invitee, err := models.ActorByIRI(ctx, tx, in.Invitee)
	if models.NotFound(err) || err == nil && (!invitee.Local || invitee.Type != models.TypePerson && invitee.Type != models.TypeOrganization) {
		return &policy.Refusal{Code: "unknown-invitee", Detail: fmt.Sprintf("%s is nobody here", in.Invitee)}
	}
	if err != nil {
		return err
	}
	_, rank, err := s.Guard.Read(in.Ceiling.Scheme, in.Ceiling.Level, int64(in.Ceiling.Rank))
	if err != nil {
		return err
	}
	if err := fits(in); err != nil {
		return err
	}
	if in.Role != models.RoleMember {
		in.Role = models.RoleGuest
	}
	row := &models.Invitation{IRI: in.ID, Community: in.Group, Invitee: in.Invitee, Sponsor: in.Sponsor, Role: in.Role, Ceiling: min(rank, s.Guard.Federates()), CharterDigest: in.CharterDigest,
		EndsAt: models.At(in.EndTime), ExpiresAt: now.Add(openFor), State: models.InvitationOpen, Incoming: in.Group.Host() != s.Own, Document: raw, CreatedAt: now}
	if !row.Incoming {
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: in.Invitee, Kind: "invitation", Subject: string(in.ID), Detail: vocab.Clip(in.GroupName, 200), CreatedAt: now})
	}
	if err := models.InsertInvitation(ctx, tx, row); models.IsConflict(err) {
		return nil
	} else if err != nil {
		return err
	}
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: in.Invitee, Kind: "invitation", Subject: string(in.ID), CreatedAt: now,
		Detail: fmt.Sprintf("%s (%s) invites you as %s", vocab.Clip(in.GroupName, 200), in.Group, in.Role)})
}

// Invitations lists a person's invitations and those of her offices, newest first.
func (s *Communities) Invitations(ctx context.Context, person iri.IRI) ([]*models.Invitation, error) {
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	return models.InvitationsTo(ctx, s.Store.R, append([]iri.IRI{person}, r.Offices...), 200)
}

// answering reads an invitation that the person may answer: her own, or one to an
// office that she releases for.
func (s *Communities) answering(ctx context.Context, db bun.IDB, person, invitation iri.IRI) (*models.Invitation, *models.Actor, error) {
	row, err := models.InvitationByIRI(ctx, db, invitation)
	if models.NotFound(err) {
		return nil, nil, invalid("you have no such invitation")
	}
	if err != nil {
		return nil, nil, err
	}
	if row.Invitee != person {
		ok, err := models.HasMandate(ctx, db, person, row.Invitee, models.ActRelease, s.now())
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			return nil, nil, invalid("you have no such invitation")
		}
	}
	if row.State != models.InvitationOpen {
		return nil, nil, invalid("the invitation is %s", row.State)
	}
	if row.ExpiresAt < s.now() {
		return nil, nil, invalid("the invitation expired on %s; ask for a new one", row.ExpiresAt)
	}
	group, err := s.Actors.Get(ctx, row.Community)
	if err != nil {
		return nil, nil, fmt.Errorf("find the community: %w", err)
	}
	return row, group, nil
}

// Accept consents to an invitation and follows the community, in one transaction. The
// community's instance becomes a guest here if it has no standing: good for that
// community alone.
func (s *Communities) Accept(ctx context.Context, person, invitation iri.IRI) error {
	row, group, err := s.answering(ctx, s.Store.R, person, invitation)
	if err != nil {
		return err
	}
	accept, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	follow, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if row, _, err = s.answering(ctx, tx, person, invitation); err != nil {
			return err
		}
		now := s.Now().UTC().Truncate(time.Second)
		if row.Incoming {
			if ok, err := models.MoveInvitation(ctx, tx, invitation, []string{models.InvitationOpen}, models.InvitationAccepted, follow, models.At(now)); err != nil || !ok {
				return invalid("the invitation was answered already")
			}
			if err := s.join(ctx, tx, row, group, follow, now); err != nil {
				return err
			}
		}
		to := outbox.Direct(group)
		doc := vocab.Answer{Envelope: vocab.Envelope{ID: accept, Actor: row.Invitee, To: []iri.IRI{group.IRI}, Published: now}, Subject: vocab.Subject{ID: invitation}}.Accept()
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: accept, Actor: row.Invitee, Type: "Accept", ObjectID: invitation, Bytes: doc, Purpose: models.PurposeControl, Lane: string(group.IRI), Precedence: 80, To: to}); err != nil {
			return err
		}
		doc = vocab.Follow{Envelope: vocab.Envelope{ID: follow, Actor: row.Invitee, To: []iri.IRI{group.IRI}, Published: now}, Object: group.IRI, Invitation: invitation}.Encode()
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: follow, Actor: row.Invitee, Type: "Follow", ObjectID: group.IRI, Bytes: doc, Purpose: models.PurposeControl, Lane: string(group.IRI), Precedence: 80, To: to}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, string(person), "invitation accepted", string(group.IRI), map[string]any{"member": row.Invitee})
	})
	if err == nil && s.Changed != nil {
		s.Changed()
	}
	return err
}

// join makes the rows of a community that runs elsewhere.
func (s *Communities) join(ctx context.Context, tx bun.Tx, row *models.Invitation, group *models.Actor, follow iri.IRI, now time.Time) error {
	if err := s.guestPeer(ctx, tx, group, &row.Ceiling); err != nil {
		return err
	}
	name, charter := group.Name, ""
	window := models.At(now)
	if in, err := s.read(row.IRI, row.Document); err == nil {
		if in.GroupName != "" {
			name = vocab.Clip(in.GroupName, 500)
		}
		window, charter = models.At(in.HistoryFrom), in.Charter
	}
	c, err := models.CommunityByIRI(ctx, tx, group.IRI)
	if models.NotFound(err) {
		c = &models.Community{IRI: group.IRI, Kind: "transverse", Posting: models.ByMembers, Commenting: models.ByEveryone, Rendering: models.RenderNotice, CreatedAt: models.At(now)}
	} else if err != nil {
		return err
	}
	c.Name, c.Charter, c.CharterDigest, c.Organiser, c.Ceiling = name, charter, row.CharterDigest, row.Sponsor, max(c.Ceiling, row.Ceiling)
	if err := models.SaveCommunity(ctx, tx, c); err != nil {
		return err
	}
	return models.SaveMember(ctx, tx, &models.Member{Community: group.IRI, Actor: row.Invitee, Host: s.Own, Role: row.Role, Ceiling: row.Ceiling, State: models.MemberReserved,
		Form: models.FormAnnounce, HistoryFrom: window, EndsAt: row.EndsAt, FollowID: follow})
}

// Decline answers an invitation with no.
func (s *Communities) Decline(ctx context.Context, person, invitation iri.IRI) error {
	_, group, err := s.answering(ctx, s.Store.R, person, invitation)
	if err != nil {
		return err
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, _, err := s.answering(ctx, tx, person, invitation)
		if err != nil {
			return err
		}
		if row.Incoming {
			if _, err := models.MoveInvitation(ctx, tx, invitation, []string{models.InvitationOpen}, models.InvitationDeclined, "", s.now()); err != nil {
				return err
			}
		}
		doc := vocab.Answer{Envelope: vocab.Envelope{ID: id, Actor: row.Invitee, To: []iri.IRI{group.IRI}, Published: s.Now()}, Subject: vocab.Subject{ID: invitation}}.Reject()
		_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: row.Invitee, Type: "Reject", ObjectID: invitation, Bytes: doc, Purpose: models.PurposeControl, Lane: string(group.IRI), To: outbox.Direct(group)})
		return err
	})
}
