package communities

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// ReceivePost applies Create, Update or Delete of a dispatch at a Group's inbox: it is
// distributed, or refused with a reason that the author gets.
func (s *Communities) ReceivePost(ctx context.Context, tx bun.Tx, a *inbox.Arrival, group iri.IRI) error {
	c, err := models.LockCommunity(ctx, tx, group)
	if err != nil {
		return fmt.Errorf("find the community %s: %w", group, err)
	}
	err = s.post(ctx, tx, a, c)
	var refusal *policy.Refusal
	if asRefusal(err, &refusal) {
		return s.refuse(ctx, tx, a, c, refusal)
	}
	return err
}

func (s *Communities) post(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community) error {
	act := a.Activity
	now := models.At(a.Now)
	if act.Type == "Delete" {
		return s.withdrawn(ctx, tx, a, c)
	}
	m, err := s.poster(ctx, tx, c, act.Actor, now)
	if err != nil {
		return err
	}
	if !policy.Admits(c.Posting, m.Role) {
		return &policy.Refusal{Code: "may-not-post", Status: 403, Detail: fmt.Sprintf("%s is %s of %s; posting is for %s", act.Actor, m.Role, c.Name, c.Posting)}
	}
	r, err := s.Dispatches.ReadArrival(a)
	if err != nil {
		return err
	}
	if r.Wire.Audience != c.IRI {
		return &policy.Refusal{Code: "not-addressed", Status: 422, Detail: "the dispatch names another audience than " + string(c.IRI)}
	}
	if err := s.Guard.Leave(r.Rank, policy.Ceiling{Whose: c.Name, Rank: c.Ceiling}, policy.Ceiling{Whose: string(act.Actor), Rank: m.Ceiling}); err != nil {
		return err
	}
	if !a.Local {
		fresh, err := s.Dispatches.Keep(ctx, tx, a, r, act.ID, c.IRI, now)
		if errors.Is(err, dispatches.ErrWithdrawn) {
			return nil
		}
		if err != nil {
			return err
		}
		if !fresh {
			if sent, err := models.LogEntriesOf(ctx, tx, r.Wire.ID); err != nil || announced(sent, r.Wire.Version) {
				return err // another copy of what was distributed
			}
		}
	}
	if err := s.Dispatches.Receipt(ctx, tx, dispatches.ReceiptFor{Kind: vocab.ReceiptDelivered, Station: models.Delivered, By: c.IRI, To: act.Actor,
		Dispatch: r.Wire.ID, Version: r.Wire.Version, Activity: act.ID, Digest: r.Digest}); err != nil {
		return err
	}
	item := item{inner: act.Raw, kind: act.Type, object: r.Wire.ID, version: r.Wire.Version, rank: r.Rank, precedence: int64(r.Level.Rank), purpose: models.PurposeDispatch, received: r}
	return s.announce(ctx, tx, c, item, now)
}

func announced(entries []*models.LogEntry, version int64) bool {
	return slices.ContainsFunc(entries, func(e *models.LogEntry) bool { return e.ObjectVersion == version })
}

// poster is the author's membership, in force.
func (s *Communities) poster(ctx context.Context, tx bun.Tx, c *models.Community, who iri.IRI, now models.Time) (*models.Member, error) {
	m, err := models.MemberOf(ctx, tx, c.IRI, who)
	if models.NotFound(err) || err == nil && (m.State != models.MemberActive || m.EndsAt != 0 && m.EndsAt <= now) {
		return nil, &policy.Refusal{Code: "not-member", Status: 403, Detail: fmt.Sprintf("%s is not a member of %s", who, c.Name)}
	}
	return m, err
}

// withdrawn passes a withdrawal on to everybody who ever got the dispatch here.
func (s *Communities) withdrawn(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community) error {
	var d *models.Dispatch
	var err error
	for _, id := range []iri.IRI{a.Activity.ObjectID, s.attestedID(a.Activity.Actor, a.Activity.ObjectID)} {
		comment, err := models.CommentByIRI(ctx, tx, id)
		if err == nil {
			return s.commentErased(ctx, tx, a, c, comment)
		}
		if !models.NotFound(err) {
			return err
		}
	}
	if !a.Local && !a.Activity.HasProof {
		return nil // other software deletes something that was never distributed here
	}
	if a.Local {
		d, err = models.DispatchByIRI(ctx, tx, a.Activity.ObjectID)
	} else {
		d, err = s.Dispatches.Erase(ctx, tx, a, a.Activity)
	}
	if err != nil {
		return err
	}
	if !a.Local {
		if err := s.Dispatches.ErasedReceipt(ctx, tx, d, d.Author, ""); err != nil {
			return err
		}
	}
	if d.Community != c.IRI {
		return nil
	}
	if err := s.deleteBulletins(ctx, tx, c, d.IRI, d.Version, models.At(a.Now)); err != nil {
		return err
	}
	return s.announce(ctx, tx, c, item{inner: a.Activity.Raw, kind: "Delete", object: d.IRI, version: d.Version, rank: s.Guard.Lowest(), precedence: 90, purpose: models.PurposeControl}, models.At(a.Now))
}

// refuse tells the author, signed, what was refused and why; nothing was distributed.
func (s *Communities) refuse(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, r *policy.Refusal) error {
	s.Log.Info("refused in a community", "community", c.IRI, "activity", a.Activity.ID, "by", a.Activity.Actor, "rule", r.Code, "why", r.Detail)
	to, err := models.ActorByIRI(ctx, tx, a.Activity.Actor)
	if models.NotFound(err) {
		return &inbox.NeedActor{ID: a.Activity.Actor}
	}
	if err != nil {
		return err
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	if r.AboveCeiling() {
		if err := models.EraseArrivalBody(ctx, tx, a.Row.ID); err != nil {
			return err
		}
	}
	if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.Organiser, Kind: "refused in the community", Subject: string(a.Activity.ID), Detail: fmt.Sprintf("what %s sent was refused: %s", a.Activity.Actor, r.Error()), CreatedAt: models.At(a.Now)}); err != nil {
		return err
	}
	if !to.Local && !to.OwnSoftware {
		// A Reject of a foreign object makes GoToSocial erase the guest's own text.
		return s.note(ctx, tx, c, to, "What you wrote was not accepted: "+r.Detail, "")
	}
	doc := vocab.Answer{Envelope: vocab.Envelope{ID: id, Actor: c.IRI, To: []iri.IRI{to.IRI}, Published: a.Now}, Subject: vocab.Subject{ID: a.Activity.ID}, Reason: r.Code, Summary: r.Detail}.Reject()
	_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: c.IRI, Type: "Reject", ObjectID: a.Activity.ID, Bytes: doc, Purpose: models.PurposeControl, Lane: string(a.Activity.ObjectID), Precedence: 70, To: outbox.Direct(to)})
	return err
}

// item is what a Group distributes.
type item struct {
	inner      []byte // the author's activity, byte for byte
	kind       string // Create, Update, Delete
	object     iri.IRI
	version    int64
	sequence   int64 // its place among the Group's announcements
	rank       int64
	precedence int64
	purpose    string
	received   *dispatches.Received // for bulletins; nil for comments and deletions
	comment    *models.Comment
	only       iri.IRI // the one member whom its bulletins are for; "" for all
}

// announce gives the item its place in the sequence, under the community's row lock,
// and sends it: Form A to instances that understand it, Form B to all others. Nothing
// goes to members whose ceiling is below it.
func (s *Communities) announce(ctx context.Context, tx bun.Tx, c *models.Community, it item, now models.Time) error {
	// Times rise along the chain, whatever the clocks of our processes say.
	last, err := models.LogBefore(ctx, tx, c.IRI, c.Sequence+1)
	if err != nil {
		return err
	}
	if last != nil {
		now = max(now, last.At)
	}
	c.Sequence++
	it.sequence = c.Sequence
	id := c.IRI + iri.IRI(fmt.Sprintf("/a/%d", c.Sequence))
	salt := make([]byte, 12)
	if _, err := io.ReadFull(s.Rand, salt); err != nil {
		return err
	}
	doc := vocab.Announce{Envelope: vocab.Envelope{ID: id, Actor: c.IRI, To: []iri.IRI{c.IRI, c.IRI + "/followers"}, Published: now.Time().Truncate(time.Second)},
		Sequence: c.Sequence, PreviousDigest: c.Chain, Salt: base64.RawURLEncoding.EncodeToString(salt), Object: it.inner}.Encode()
	if doc, err = s.Keys.Prove(ctx, tx, c.IRI, doc, s.Now()); err != nil {
		return err
	}
	digest, err := sign.ObjectDigest(doc)
	if err != nil {
		return err
	}
	if err := models.InsertLogEntry(ctx, tx, &models.LogEntry{Community: c.IRI, Sequence: c.Sequence, Activity: id, Digest: digest, Previous: c.Chain, ObjectID: it.object,
		ObjectVersion: it.version, MarkingRank: it.rank, At: now}); err != nil {
		return fmt.Errorf("number the announcement: %w", err)
	}
	c.Chain = digest
	if err := models.SaveCommunity(ctx, tx, c); err != nil {
		return err
	}
	if it.kind == "Update" {
		if err := models.CancelDeliveries(ctx, tx, []iri.IRI{it.object}, []string{"Announce"}, fmt.Sprintf("replaced by version %d", it.version), now); err != nil {
			return err
		}
	}
	seats, err := models.Seats(ctx, tx, c.IRI, s.Own, now)
	if err != nil {
		return err
	}
	p := outbox.Publication{ID: id, Actor: c.IRI, Type: "Announce", ObjectID: it.object, ObjectVersion: it.version, Bytes: doc, Signed: true, Purpose: it.purpose, Community: c.IRI, Precedence: it.precedence}
	var bulletins []models.Seat
	var to inboxes
	for _, seat := range seats {
		switch {
		case seat.Form != models.FormAnnounce:
			// Those below it too: what a server holds together decides how it is rendered.
			bulletins = append(bulletins, seat)
		case seat.Ceiling >= it.rank:
			to.add(at(seat))
		}
	}
	if it.kind == "Delete" {
		reached, err := models.ReachedInboxes(ctx, tx, it.object, c.IRI)
		if err != nil {
			return err
		}
		for _, r := range reached {
			to.add(outbox.Recipient{Inbox: r.Inbox, Actor: r.Recipient})
		}
	}
	p.To = to.list
	if _, err := s.Out.Publish(ctx, tx, p); err != nil {
		return err
	}
	return s.bulletins(ctx, tx, c, it, bulletins, now)
}

// at is the seat's shared inbox, or its own where the server offers none.
func at(seat models.Seat) outbox.Recipient {
	if seat.SharedInbox != "" {
		return outbox.Recipient{Inbox: seat.SharedInbox}
	}
	return outbox.Recipient{Inbox: seat.Inbox, Actor: seat.Actor}
}

// inboxes are recipients, each inbox once: the first that was added stays.
type inboxes struct {
	list []outbox.Recipient
	has  map[iri.IRI]bool
}

func (l *inboxes) add(r outbox.Recipient) {
	if l.has[r.Inbox] {
		return
	}
	if l.has == nil {
		l.has = map[iri.IRI]bool{}
	}
	l.has[r.Inbox] = true
	l.list = append(l.list, r)
}

// historyMost bounds how much of its past a community sends to a new member.
const historyMost = 1000

// history sends a new member's instance what was distributed in her window and still
// stands. It begins once her Accept was answered.
func (s *Communities) history(ctx context.Context, tx bun.Tx, m *models.Member) error {
	if m.Form != models.FormAnnounce || m.Host == s.Own {
		return nil
	}
	to, err := models.ActorByIRI(ctx, tx, m.Actor)
	if err != nil {
		return err
	}
	entries, err := models.LogInWindow(ctx, tx, m.Community, m.HistoryFrom, m.Ceiling, historyMost)
	if err != nil {
		return err
	}
	for _, e := range entries {
		act, err := models.ActivityByIRI(ctx, tx, e.Activity)
		if err != nil {
			return err
		}
		if act.Bytes == nil {
			continue
		}
		purpose := models.PurposeDispatch
		if _, err := models.CommentByIRI(ctx, tx, e.ObjectID); err == nil {
			purpose = models.PurposeComment
		}
		p := outbox.Publication{ID: e.Activity, Actor: m.Community, Type: "Announce", ObjectID: e.ObjectID, ObjectVersion: e.ObjectVersion, Purpose: purpose, Community: m.Community,
			To: []outbox.Recipient{at(models.Seat{Actor: m.Actor, Inbox: to.Inbox, SharedInbox: to.SharedInbox})}}
		if err := s.Out.Send(ctx, tx, p, act.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// PassReceipt hands a member's receipt on to the author of a dispatch that was
// distributed here, unchanged, in an announcement without a number.
func (s *Communities) PassReceipt(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	r, is, err := vocab.ParseReceipt(a.Activity)
	if err != nil || !is || a.Local {
		return err
	}
	d, err := models.DispatchByActivity(ctx, tx, r.Object)
	if models.NotFound(err) || err == nil && (d.Community == "" || d.Community.Host() != s.Own || d.AuthorHost == s.Own || d.Author == r.Actor) {
		return nil
	}
	if err != nil {
		return err
	}
	to, err := models.ActorByIRI(ctx, tx, d.Author)
	if models.NotFound(err) {
		return &inbox.NeedActor{ID: d.Author}
	}
	if err != nil {
		return err
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	doc := vocab.Announce{Envelope: vocab.Envelope{ID: id, Actor: d.Community, To: []iri.IRI{to.IRI}, Published: a.Now}, Object: a.Activity.Raw}.Encode()
	_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: d.Community, Type: "Announce", ObjectID: d.IRI + "/receipts", Bytes: doc, Purpose: models.PurposeControl, Lane: string(d.IRI) + " receipts", Precedence: 1, To: outbox.Direct(to)})
	return err
}
