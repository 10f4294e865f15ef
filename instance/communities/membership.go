package communities

import (
	"context"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// ReceiveInvitationAnswer takes Accept or Reject of an invitation of ours. It tells
// whether the activity is one.
func (s *Communities) ReceiveInvitationAnswer(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (bool, error) {
	row, err := models.InvitationByIRI(ctx, tx, a.Activity.ObjectID)
	if models.NotFound(err) {
		return false, nil
	}
	if err != nil || row.Incoming {
		return err == nil && !row.Incoming, err
	}
	if a.Activity.Actor != row.Invitee {
		return true, &policy.Refusal{Code: "foreign-invitation", Detail: fmt.Sprintf("%s answers the invitation of %s", a.Activity.Actor, row.Invitee)}
	}
	to, kind := models.InvitationAccepted, "invitation accepted"
	if a.Activity.Type == "Reject" {
		to, kind = models.InvitationDeclined, "invitation declined"
	}
	moved, err := models.MoveInvitation(ctx, tx, row.IRI, []string{models.InvitationOpen}, to, "", models.At(a.Now))
	if err != nil || !moved {
		return true, err // answered before, or used already by a Follow that overtook this
	}
	return true, models.InsertNotice(ctx, tx, &models.Notice{Recipient: row.Sponsor, Kind: kind, Subject: string(row.Community), Detail: string(row.Invitee), CreatedAt: models.At(a.Now)})
}

// ReceiveFollow begins a membership if the actor holds a live invitation, which it
// uses up; a member that follows again is accepted again; anybody else is refused.
func (s *Communities) ReceiveFollow(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	c, err := models.LockCommunity(ctx, tx, a.Activity.ObjectID)
	if models.NotFound(err) || err == nil && !c.Local {
		return s.answerFollow(ctx, tx, a, a.Activity.ObjectID, false, "nobody can be followed here but communities, by invitation")
	}
	if err != nil {
		return err
	}
	who := a.Activity.Actor
	m, err := models.MemberOf(ctx, tx, c.IRI, who)
	if err != nil && !models.NotFound(err) {
		return err
	}
	now := models.At(a.Now)
	if err == nil && m.State == models.MemberActive && (m.EndsAt == 0 || m.EndsAt > now) {
		m.FollowID = a.Activity.ID
		if err := models.SaveMember(ctx, tx, m); err != nil {
			return err
		}
		return s.answerFollow(ctx, tx, a, c.IRI, true, "")
	}
	invitation, ierr := models.LiveInvitation(ctx, tx, c.IRI, who)
	if ierr != nil && !models.NotFound(ierr) {
		return ierr
	}
	if ierr != nil || invitation.ExpiresAt < now || models.NotFound(err) {
		return s.answerFollow(ctx, tx, a, c.IRI, false, "this community is joined by invitation")
	}
	if a.Activity.Instrument != "" && a.Activity.Instrument != invitation.IRI {
		return s.answerFollow(ctx, tx, a, c.IRI, false, "the follow names another invitation")
	}
	used, err := models.MoveInvitation(ctx, tx, invitation.IRI, []string{models.InvitationOpen, models.InvitationAccepted}, models.InvitationConsumed, a.Activity.ID, now)
	if err != nil {
		return err
	}
	if !used {
		return s.answerFollow(ctx, tx, a, c.IRI, false, "the invitation was used already")
	}
	m.State, m.Since, m.FollowID, m.LeftAt, m.AcceptedAt = models.MemberActive, now, a.Activity.ID, 0, 0
	if a.Local {
		m.AcceptedAt = now
	}
	if err := models.SaveMember(ctx, tx, m); err != nil {
		return err
	}
	if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.Organiser, Kind: "member joined", Subject: string(c.IRI), Detail: string(who), CreatedAt: now}); err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, a.Now, string(who), "joined", string(c.IRI), map[string]any{"role": m.Role, "invitation": invitation.IRI}); err != nil {
		return err
	}
	return s.answerFollow(ctx, tx, a, c.IRI, true, "")
}

// answerFollow sends Accept or Reject with the Follow embedded, as every server
// understands it.
func (s *Communities) answerFollow(ctx context.Context, tx bun.Tx, a *inbox.Arrival, group iri.IRI, accept bool, reason string) error {
	who, err := models.ActorByIRI(ctx, tx, a.Activity.Actor)
	if models.NotFound(err) || err == nil && who.Inbox == "" { // unknown, or gone once and back
		return &inbox.NeedActor{ID: a.Activity.Actor}
	}
	if err != nil {
		return err
	}
	us, err := models.ActorByIRI(ctx, tx, group)
	if models.NotFound(err) || err == nil && !us.Local {
		return &policy.Refusal{Code: "not-addressed", Detail: fmt.Sprintf("%s, which is to be followed, is nobody here", group)}
	}
	if err != nil {
		return fmt.Errorf("answer the follow of %s: %w", group, err)
	}
	if !accept && us.Type == models.TypeGroup {
		s.Log.Info("follow refused", "community", group, "by", who.IRI, "why", reason)
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	subject := vocab.Subject{Raw: a.Activity.Raw}
	plain := !who.OwnSoftware && !who.Local
	if plain {
		subject.Raw = followDoc(a.Activity.ID, who.IRI, group)
	}
	ans := vocab.Answer{Envelope: vocab.Envelope{Plain: plain, ID: id, Actor: group, To: []iri.IRI{who.IRI}, Published: s.Now()}, Subject: subject}
	kind, doc := "Reject", ans.Reject()
	if accept {
		kind, doc = "Accept", ans.Accept()
	}
	_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: group, Type: kind, ObjectID: a.Activity.ID, Bytes: doc, Plain: plain, Purpose: models.PurposeControl, Community: group,
		Lane: string(group) + " " + string(who.IRI), Precedence: 80, To: outbox.Direct(who)})
	return err
}

func followDoc(id, actor, object iri.IRI) []byte {
	return vocab.New().IRI("id", id).Str("type", "Follow").IRI("actor", actor).IRI("object", object).Bytes()
}

// ReceiveFollowAnswer is for our members: the Group accepted, refused or removed one.
// It tells whether the activity is about a Follow of ours.
func (s *Communities) ReceiveFollowAnswer(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (bool, error) {
	if a.Activity.ObjectType != "Follow" {
		return false, nil
	}
	who, ok := a.Activity.Object.Get("actor").Str()
	if !ok {
		return true, &policy.Refusal{Code: "malformed", Detail: "the Follow names no actor"}
	}
	group := a.Activity.Actor
	m, err := models.MemberOf(ctx, tx, group, iri.IRI(who))
	if models.NotFound(err) {
		return true, nil // a Follow of nobody here: nothing depends on it
	}
	if err != nil || m.Host != s.Own {
		return true, err
	}
	now := models.At(a.Now)
	kind := ""
	switch {
	case a.Local:
		return true, nil // ours on both sides: one row
	case a.Activity.Type == "Accept" && m.State == models.MemberReserved:
		if m.FollowID != a.Activity.ObjectID {
			return true, nil
		}
		m.State, m.Since, m.AcceptedAt, kind = models.MemberActive, now, now, "membership begun"
		if i, err := models.LiveInvitation(ctx, tx, group, m.Actor); err == nil {
			if _, err := models.MoveInvitation(ctx, tx, i.IRI, []string{models.InvitationAccepted}, models.InvitationConsumed, "", now); err != nil {
				return true, err
			}
		}
	case a.Activity.Type == "Reject" && (m.State == models.MemberActive || m.State == models.MemberReserved):
		m.State, m.LeftAt, kind = models.MemberRemoved, now, "membership ended"
	default:
		return true, nil
	}
	if err := models.SaveMember(ctx, tx, m); err != nil {
		return true, err
	}
	return true, models.InsertNotice(ctx, tx, &models.Notice{Recipient: m.Actor, Kind: kind, Subject: string(group), CreatedAt: now})
}

// ReceiveUndo takes Undo of a Follow: a member leaves.
func (s *Communities) ReceiveUndo(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	if a.Activity.ObjectType != "Follow" && a.Activity.ObjectType != "" {
		return nil // Undo of what we never acted on changes nothing
	}
	m, err := models.MemberByFollow(ctx, tx, a.Activity.Actor, a.Activity.ObjectID, s.groupOf(a))
	if models.NotFound(err) {
		return nil
	}
	if err != nil || m.State != models.MemberActive {
		return err
	}
	m.State, m.LeftAt = models.MemberLeft, models.At(a.Now)
	if err := models.SaveMember(ctx, tx, m); err != nil {
		return err
	}
	if err := models.CancelMemberDeliveries(ctx, tx, m.Community, m.Actor, "the member left", models.At(a.Now)); err != nil {
		return err
	}
	return audit.Append(ctx, tx, a.Now, string(m.Actor), "left", string(m.Community), nil)
}

func (s *Communities) groupOf(a *inbox.Arrival) iri.IRI {
	if g, ok := a.Activity.Object.Get("object").Str(); ok {
		return iri.IRI(g)
	}
	return ""
}

// Leave ends a membership from the member's side. For who was never in it there is no such
// community.
func (s *Communities) Leave(ctx context.Context, person, community iri.IRI) error {
	if _, err := models.MemberOf(ctx, s.Store.R, community, person); models.NotFound(err) {
		return dispatches.NotFound("community")
	} else if err != nil {
		return fmt.Errorf("read the membership of %s: %w", person, err)
	}
	group, err := s.Actors.Get(ctx, community)
	if err != nil {
		return fmt.Errorf("find the community: %w", err)
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := models.MemberOf(ctx, tx, community, person)
		if models.NotFound(err) || err == nil && m.State != models.MemberActive {
			return invalid("you are not a member of %s", community)
		}
		if err != nil {
			return err
		}
		if !group.Local {
			m.State, m.LeftAt = models.MemberLeft, s.now()
			if err := models.SaveMember(ctx, tx, m); err != nil {
				return err
			}
		}
		doc := vocab.Undo{Envelope: vocab.Envelope{ID: id, Actor: person, To: []iri.IRI{community}, Published: s.Now()}, Subject: vocab.Subject{Raw: followDoc(m.FollowID, person, community)}}.Encode()
		_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: person, Type: "Undo", ObjectID: m.FollowID, Bytes: doc, Purpose: models.PurposeControl, Lane: string(community), Precedence: 80, To: outbox.Direct(group)})
		return err
	})
}

// Remove ends a membership from the organiser's side. What has not left yet for her is
// cancelled; her instance is told in the way that its software understands.
func (s *Communities) Remove(ctx context.Context, person, community, member iri.IRI, reason string) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		c, m, err := s.governed(ctx, tx, person, community, member, "the office and the organiser cannot be removed from their own community")
		if err != nil {
			return err
		}
		if err := s.end(ctx, tx, c, m, models.MemberRemoved, reason); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "removed", string(community), map[string]any{"member": member, "reason": reason})
	})
}

func (s *Communities) end(ctx context.Context, tx bun.Tx, c *models.Community, m *models.Member, state, reason string) error {
	m.State, m.LeftAt = state, s.now()
	if err := models.SaveMember(ctx, tx, m); err != nil {
		return err
	}
	if err := models.CancelMemberDeliveries(ctx, tx, c.IRI, m.Actor, "the membership ended: "+state, s.now()); err != nil {
		return err
	}
	if m.Host == s.Own {
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: m.Actor, Kind: "membership ended", Subject: string(c.IRI), Detail: reason, CreatedAt: s.now()})
	}
	to, err := models.ActorByIRI(ctx, tx, m.Actor)
	if err != nil {
		return err
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	plain := !to.OwnSoftware
	doc := vocab.Answer{Envelope: vocab.Envelope{Plain: plain, ID: id, Actor: c.IRI, To: []iri.IRI{to.IRI}, Published: s.Now()}, Subject: vocab.Subject{Raw: followDoc(m.FollowID, m.Actor, c.IRI)}}
	if !plain {
		doc.Reason = reason
	}
	if plain {
		// The note tells her, and nothing else does. It comes first: Mastodon may
		// filter private mentions by whom she does not follow.
		if err := s.note(ctx, tx, c, to, fmt.Sprintf("Your membership of “%s” has ended. Copies of what you received stay on your server until you delete them.", c.Name), ""); err != nil {
			return err
		}
	}
	p := outbox.Publication{ID: id, Actor: c.IRI, Type: "Reject", ObjectID: m.FollowID, Bytes: doc.Reject(), Plain: plain, Purpose: models.PurposeControl, Lane: string(c.IRI) + " " + string(to.IRI), Precedence: 80, To: outbox.Direct(to)}
	if _, err := s.Out.Publish(ctx, tx, p); err != nil || !plain {
		return err
	}
	// GoToSocial ignores Reject for an accepted follow: a Block ends it, and its Undo
	// follows once the Block was answered 2xx.
	block, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	p.ID, p.Type, p.ObjectID = block, "Block", to.IRI
	p.Bytes = vocab.Block{Envelope: vocab.Envelope{Plain: true, ID: block, Actor: c.IRI, To: []iri.IRI{to.IRI}, Published: s.Now()}, Object: to.IRI}.Encode()
	_, err = s.Out.Publish(ctx, tx, p)
	return err
}

// note sends a direct note from the Group, with the Mention without which it would be
// dropped.
func (s *Communities) note(ctx context.Context, tx bun.Tx, c *models.Community, to *models.Actor, words string, id iri.IRI) error {
	return s.noteHTML(ctx, tx, c, to, words, "", id)
}

// noteHTML is note with HTML, already sanitised, after the words.
func (s *Communities) noteHTML(ctx context.Context, tx bun.Tx, c *models.Community, to *models.Actor, words, more string, id iri.IRI) error {
	var err error
	if id == "" {
		if id, err = s.Out.NewID("a"); err != nil {
			return err
		}
	}
	now := s.Now().UTC().Truncate(time.Second)
	handle := iri.Handle{Name: to.Username, Host: to.Host}.String()
	body := "<p>" + strings.ReplaceAll(html.EscapeString(handle+" "+words), "\n\n", "</p><p>") + "</p>" + more
	n := vocab.Note{ID: id + "/note", AttributedTo: c.IRI, To: []iri.IRI{to.IRI}, Content: body, Published: now, Mentions: []vocab.Mention{{Href: to.IRI, Name: handle}}}
	doc := vocab.Create{Envelope: vocab.Envelope{Plain: true, ID: id, Actor: c.IRI, To: []iri.IRI{to.IRI}, Published: now}, Object: n.EncodePlain()}.Encode()
	_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: c.IRI, Type: "Create", ObjectID: n.ID, Bytes: doc, Plain: true, Purpose: models.PurposeControl, Lane: string(c.IRI) + " " + string(to.IRI), Precedence: 80, To: outbox.Direct(to)})
	return err
}

// Delivered follows up on a delivery that was answered 2xx, in the transaction that
// records it: a membership begins to receive once its Accept has arrived, and a Block
// is undone.
func (s *Communities) Delivered(ctx context.Context, tx bun.Tx, d *models.Delivery) error {
	switch {
	case d.Type == "Accept" && d.Community != "":
		// Under the row lock of announce, so that nothing falls between the two.
		if _, err := models.LockCommunity(ctx, tx, d.Community); err != nil && !models.NotFound(err) {
			return err
		}
		m, err := models.MemberOf(ctx, tx, d.Community, d.Recipient)
		if models.NotFound(err) || err == nil && (m.State != models.MemberActive || m.FollowID != d.ObjectID) {
			return nil
		}
		if err != nil {
			return err
		}
		first := m.AcceptedAt == 0
		m.AcceptedAt = s.now()
		if err := models.SaveMember(ctx, tx, m); err != nil {
			return err
		}
		if !first {
			return nil
		}
		if m.Form != models.FormAnnounce {
			return s.catchUp(ctx, tx, m)
		}
		return s.history(ctx, tx, m)
	case d.Type == "Delete" && d.Community != "" && d.Actor == d.Community:
		return s.deleteAgain(ctx, tx, d)
	case d.Type == "Block":
		to, err := models.ActorByIRI(ctx, tx, d.Recipient)
		if err != nil {
			return err
		}
		block, err := models.ActivityByIRI(ctx, tx, d.Activity)
		if err != nil {
			return err
		}
		id, err := s.Out.NewID("a")
		if err != nil {
			return err
		}
		doc := vocab.Undo{Envelope: vocab.Envelope{Plain: true, ID: id, Actor: d.Actor, To: []iri.IRI{to.IRI}, Published: s.Now()}, Subject: vocab.Subject{Raw: block.Bytes}}.Encode()
		_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: d.Actor, Type: "Undo", ObjectID: d.Activity, Bytes: doc, Plain: true, Purpose: models.PurposeControl, Lane: d.Lane, Precedence: 80, To: outbox.Direct(to)})
		return err
	}
	return nil
}

// Gone follows up on a delivery that was answered 410, in the transaction that records
// it: the inbox is removed (PROTOCOL §8). Only people end a membership, so the organisers
// of the communities are told of a member who cannot be reached any more.
func (s *Communities) Gone(ctx context.Context, tx bun.Tx, d *models.Delivery) error {
	gone, err := models.RemoveInbox(ctx, tx, d.Inbox, s.now())
	if err != nil || len(gone) == 0 {
		return err
	}
	rows, err := models.CommunitiesOf(ctx, tx, gone, "", 500)
	if err != nil {
		return err
	}
	for _, c := range rows {
		for _, who := range gone {
			m, err := models.MemberOf(ctx, tx, c.IRI, who)
			if models.NotFound(err) || err == nil && (!c.Local || m.State != models.MemberActive) {
				continue
			}
			if err != nil {
				return err
			}
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.Organiser, Kind: "member gone", Subject: string(c.IRI), CreatedAt: s.now(),
				Detail: fmt.Sprintf("%s: her server says that her account is gone; nothing is sent there any more. Remove her, or wait for her term to end", who)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Expire ends memberships whose term is over. It returns how many.
func (s *Communities) Expire(ctx context.Context) (int, error) {
	rows, err := models.ExpiredMembers(ctx, s.Store.R, s.now(), 100)
	if err != nil {
		return 0, err
	}
	for _, m := range rows {
		err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			c, err := models.LockCommunity(ctx, tx, m.Community)
			if err != nil {
				return err
			}
			if !c.Local {
				m.State, m.LeftAt = models.MemberExpired, m.EndsAt
				return models.SaveMember(ctx, tx, m)
			}
			if err := s.end(ctx, tx, c, m, models.MemberExpired, "the term has ended"); err != nil {
				return err
			}
			return audit.Append(ctx, tx, s.Now(), "the calendar", "membership expired", string(c.IRI), map[string]any{"member": m.Actor})
		})
		if err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
