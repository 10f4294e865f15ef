package dispatches

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/inbox"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Received is a dispatch as read from the wire and placed among our own markings.
type Received struct {
	Wire       *vocab.Dispatch
	Document   []byte
	Digest     string
	Marking    string
	Rank       int64
	Precedence string
	Level      config.PrecedenceLevel

	excerpt string
}

// Excerpt returns its first words.
func (r *Received) Excerpt() string {
	if r.excerpt == "" {
		r.excerpt = Excerpt(r.Wire.Content)
	}
	return r.excerpt
}

// ahead is what was read of an arrival's object before its transaction.
type ahead struct {
	object   *vocab.Node
	received *Received
	err      error
}

// ReadAhead does outside the transaction, for an arrival of a dispatch, what needs no
// database (inbox.Worker.Ahead).
func (s *Dispatches) ReadAhead(a *inbox.Arrival) any {
	r, err := s.Read(a.Activity.Object)
	if err == nil {
		r.Excerpt()
	}
	return &ahead{a.Activity.Object, r, err}
}

// ReadArrival is Read of the arrival's own object.
func (s *Dispatches) ReadArrival(a *inbox.Arrival) (*Received, error) {
	if h, ok := a.Ahead.(*ahead); ok && h.object == a.Activity.Object {
		return h.received, h.err
	}
	return s.Read(a.Activity.Object)
}

// Read reads and checks an Article whose proofs are verified: addressing, markings,
// portions. Its refusals are the sender's faults.
func (s *Dispatches) Read(n *vocab.Node) (*Received, error) {
	w, err := vocab.ParseDispatch(n, s.Rules)
	if err != nil {
		return nil, err
	}
	if w.Public {
		return nil, &policy.Refusal{Code: "public", Detail: "correspondence is never addressed to the public collection"}
	}
	if w.Version == 0 {
		w.Version = 1
	}
	r := &Received{Wire: w, Document: slices.Clone(n.Raw())}
	if r.Marking, r.Rank, err = s.Guard.Read(w.Marking.Scheme, w.Marking.Level, int64(w.Marking.Rank)); err != nil {
		return nil, err
	}
	if r.Rank > s.Guard.Federates() {
		return nil, &policy.Refusal{Code: "above-ceiling", Status: 403, Detail: fmt.Sprintf("%s is more than this instance may receive", w.Marking.Level)}
	}
	for _, p := range w.Paragraphs {
		if w.Marking.Scheme != s.Guard.Scheme() && p.Marking == w.Marking.Level {
			continue
		}
		if err := s.Guard.Portion(p.Marking, r.Rank); err != nil {
			return nil, err
		}
	}
	if len(w.Attachments) > s.Limits.MaxFiles {
		return nil, &policy.Refusal{Code: "too-many-attachments", Detail: fmt.Sprintf("%d attachments; at most %d are taken", len(w.Attachments), s.Limits.MaxFiles)}
	}
	r.Precedence, r.Level = s.readPrecedence(w.Precedence)
	r.Digest, err = sign.ObjectDigest(r.Document)
	return r, err
}

// Keep stores a received version with what belongs to it, once; another address that
// it reached changes nothing. It tells whether the version is new here. The same
// version with other bytes is an alarm and changes nothing either.
func (s *Dispatches) Keep(ctx context.Context, tx bun.Tx, a *inbox.Arrival, r *Received, activity, community iri.IRI, distributed models.Time) (bool, error) {
	now := models.At(a.Now)
	w := r.Wire
	d := &models.Dispatch{IRI: w.ID, Version: w.Version, Latest: true, Origin: models.OriginReceived, Author: w.AttributedTo, AuthorHost: w.AttributedTo.Host(), Community: community,
		Reference: w.ReferenceNumber, Kind: w.DispatchType, Subject: w.Name, Precedence: r.Precedence, PrecedenceRank: int64(r.Level.Rank), Marking: r.Marking, MarkingRank: r.Rank,
		Language: w.AuthenticLanguage, Context: w.Context, Activity: activity, Document: r.Document, Digest: r.Digest, Signatory: w.Signatory, ChangeNote: w.ChangeNote,
		State: models.DispatchInForce, PublishedAt: models.At(w.Published), DistributedAt: distributed, UpdatedAt: models.At(w.Updated), Excerpt: r.Excerpt(), CreatedAt: a.Row.ReceivedAt}
	if r.Level.AcknowledgeWithin > 0 {
		d.DueAt = now.Add(r.Level.AcknowledgeWithin)
	}
	stands, err := s.standing(ctx, tx, a, w)
	if err != nil {
		return false, err
	}
	if w.Version > 1 {
		if err := s.follows(ctx, tx, r); err != nil {
			return false, err
		}
	}
	to := s.addressees(w)
	var fresh bool
	if stands {
		if fresh, err = models.InsertDispatch(ctx, tx, d); err == nil && fresh {
			err = models.InsertAddressees(ctx, tx, to)
		}
	} else {
		fresh, err = models.InsertNewDispatch(ctx, tx, d, to)
	}
	if err != nil {
		return false, fmt.Errorf("keep %s: %w", w.ID, err)
	}
	if !fresh {
		have, err := models.DispatchVersion(ctx, tx, w.ID, w.Version)
		if err != nil {
			return false, err
		}
		if have.State == models.DispatchInForce && have.Digest != r.Digest {
			return false, &policy.Refusal{Code: "id-reused", Detail: fmt.Sprintf("%s version %d came with other content than before; the first one stays", w.ID, w.Version)}
		}
		if community != "" && have.Community == "" {
			return false, models.SetCommunity(ctx, tx, w.ID, community, distributed)
		}
		return false, nil
	}
	if !d.Latest {
		if err := s.precedes(ctx, tx, d); err != nil {
			return false, err
		}
		// It may name addressees of its own, who find the latest version by the index.
		if err := models.RequeueSearch(ctx, tx, w.ID); err != nil {
			return false, err
		}
	}
	if tags := readableTags(w.Hashtags); d.Latest && (stands || len(tags) > 0) {
		if err := models.SetTags(ctx, tx, w.ID, tags); err != nil {
			return false, fmt.Errorf("keep the tags of %s: %w", w.ID, err)
		}
	}
	return true, s.keepParts(ctx, tx, w)
}

// precedes holds a version that comes after its correction to what that replaced.
func (s *Dispatches) precedes(ctx context.Context, tx bun.Tx, d *models.Dispatch) error {
	next, err := models.DispatchVersion(ctx, tx, d.IRI, d.Version+1)
	if models.NotFound(err) || err == nil && next.Document == nil {
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := vocab.ParseJSON(next.Document)
	if err != nil {
		return err
	}
	if was, _ := doc.Get("previousVersion").Str(); was != d.Digest || next.Author != d.Author {
		return &policy.Refusal{Code: "wrong-previous", Detail: fmt.Sprintf("version %d of %s replaced other content than this", next.Version, d.IRI)}
	}
	return nil
}

// ErrWithdrawn says that a dispatch was withdrawn before this version of it came: its
// bytes do not stay either, and nobody is told.
var ErrWithdrawn = errors.New("the dispatch was withdrawn before it came")

// standing looks for what stands in the place of the dispatch, whatever its version:
// one of another author, or a tombstone, and tells whether anything does. One that was laid before anything came counts only if the author laid it.
func (s *Dispatches) standing(ctx context.Context, tx bun.Tx, a *inbox.Arrival, w *vocab.Dispatch) (bool, error) {
	have, err := models.DispatchByIRI(ctx, tx, w.ID)
	gone := err == nil && have.State == models.DispatchWithdrawn
	switch {
	case models.NotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case have.Author == w.AttributedTo && !gone:
		return true, nil
	case have.Author == w.AttributedTo:
		return true, errors.Join(models.EraseArrivalBody(ctx, tx, a.Row.ID), ErrWithdrawn)
	case gone && have.Digest == "":
		s.Log.Warn("a withdrawal by another than the author is void", "dispatch", w.ID, "by", have.Author, "author", w.AttributedTo)
		return true, models.LiftTombstone(ctx, tx, w.ID)
	}
	return true, &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s is not the author of %s", w.AttributedTo, w.ID)}
}

// follows holds a correction to the version before it: same author and id, the digest
// of what it replaces, a later time.
func (s *Dispatches) follows(ctx context.Context, tx bun.Tx, r *Received) error {
	w := r.Wire
	if w.Updated.IsZero() {
		return &policy.Refusal{Code: "no-updated", Detail: "a correction carries the time of its change"}
	}
	before, err := models.DispatchVersion(ctx, tx, w.ID, w.Version-1)
	if models.NotFound(err) {
		return nil // replaced while we were away, or before a member's window: it stands for itself
	}
	if err != nil {
		return err
	}
	switch {
	case before.State != models.DispatchInForce:
		return nil
	case before.Author != w.AttributedTo:
		return &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s is not the author of %s", w.AttributedTo, w.ID)}
	case before.Digest != w.PreviousVersion:
		return &policy.Refusal{Code: "wrong-previous", Detail: "the correction names another previous version than the one that is here"}
	case models.At(w.Updated) <= before.UpdatedAt || models.At(w.Updated) <= before.PublishedAt:
		return &policy.Refusal{Code: "not-later", Detail: "the correction is not later than what it replaces"}
	}
	return nil
}

// addressees are those whom it names, each once.
func (s *Dispatches) addressees(w *vocab.Dispatch) []models.Addressee {
	var to []models.Addressee
	add := func(id iri.IRI, role string) {
		if !slices.ContainsFunc(to, func(a models.Addressee) bool { return a.Actor == id }) && id != w.Audience+"/followers" {
			to = append(to, models.Addressee{Dispatch: w.ID, Actor: id, Host: id.Host(), Role: role, Local: id.Host() == s.Own})
		}
	}
	for _, id := range w.ActionAddressee {
		if slices.Contains(w.To, id) || slices.Contains(w.Cc, id) {
			add(id, models.RoleAction)
		}
	}
	for _, id := range w.To {
		role := models.RoleAction
		if slices.Contains(w.InfoAddressee, id) {
			role = models.RoleInfo
		}
		add(id, role)
	}
	for _, id := range w.Cc {
		add(id, models.RoleInfo)
	}
	return to
}

func (s *Dispatches) keepParts(ctx context.Context, tx bun.Tx, w *vocab.Dispatch) error {
	var refs []models.DispatchReference
	for i, target := range w.References {
		if i >= maxReferences {
			break
		}
		ref := models.DispatchReference{Dispatch: w.ID, Target: target}
		for _, t := range w.RefTags {
			if t.Href == target {
				ref.Label, ref.Digest, ref.Answers = t.Name, t.DigestMultibase, t.Answers
			}
		}
		refs = append(refs, ref)
	}
	if err := models.InsertReferences(ctx, tx, refs); err != nil {
		return err
	}
	var attached []models.Attachment
	for i, a := range w.Attachments {
		row := models.Attachment{Dispatch: w.ID, Digest: a.DigestMultibase, Position: int64(i), Name: a.Name, MediaType: a.MediaType, Size: a.Size, URL: a.URL, State: models.AttachmentMissing, NextAt: s.now()}
		switch _, err := sign.ParseDigest(a.DigestMultibase); {
		case err != nil:
			row.State, row.Reason = models.AttachmentRefused, "its digest cannot be read"
		case a.Size > int64(s.Limits.MaxFile):
			row.State, row.Reason = models.AttachmentRefused, "larger than allowed"
		case !slices.Contains(s.Limits.Types, a.MediaType):
			row.State, row.Reason = models.AttachmentRefused, "its type is not allowed"
		case s.Files.Has(a.DigestMultibase):
			row.State = models.AttachmentHere
		}
		attached = append(attached, row)
	}
	return models.InsertAttachments(ctx, tx, attached)
}

// ReceiveDirect applies Create or Update of a dispatch at the inbox of one of our
// offices or persons.
func (s *Dispatches) ReceiveDirect(ctx context.Context, tx bun.Tx, a *inbox.Arrival, owner iri.IRI) error {
	r, err := s.ReadArrival(a)
	if err != nil {
		return err
	}
	now := models.At(a.Now)
	if err := s.guestAuthor(ctx, tx, a, r, owner); err != nil {
		return err
	}
	if !a.Local {
		if _, err := s.Keep(ctx, tx, a, r, a.Activity.ID, "", models.At(r.Wire.Published)); errors.Is(err, ErrWithdrawn) {
			return nil
		} else if err != nil {
			return err
		}
	}
	if !slices.Contains(r.Wire.To, owner) && !slices.Contains(r.Wire.Cc, owner) {
		return &policy.Refusal{Code: "not-addressed", Detail: fmt.Sprintf("%s is no addressee of the dispatch", owner)}
	}
	kind := "dispatch received"
	if r.Wire.Version > 1 {
		kind = "dispatch corrected"
	}
	if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: owner, Kind: kind, Subject: string(r.Wire.ID), Detail: r.Wire.ReferenceNumber, CreatedAt: now}); err != nil {
		return err
	}
	return s.Receipt(ctx, tx, ReceiptFor{Kind: vocab.ReceiptDelivered, Station: models.Delivered, By: owner, To: r.Wire.AttributedTo, Community: "",
		Dispatch: r.Wire.ID, Version: r.Wire.Version, Activity: a.Activity.ID, Digest: r.Digest})
}

// ReceiptFor is one receipt that we owe.
type ReceiptFor struct {
	Kind, Station string
	By            iri.IRI // who received: office, person, Group or instance actor
	To            iri.IRI // the author, or the Group that passes it on
	Community     iri.IRI
	Dispatch      iri.IRI
	Version       int64
	Activity      iri.IRI // the Create or Update that is acknowledged
	Digest        string
	Number        string
	Retained      []string
}

// Receipt signs a receipt in the transaction that did what it says, records it on our
// own board, and sends it. Receipts are never receipted.
func (s *Dispatches) Receipt(ctx context.Context, tx bun.Tx, f ReceiptFor) error {
	now := s.Now().UTC().Truncate(time.Second)
	id, err := s.Out.NewID("a")
	if err != nil {
		return err
	}
	to, err := models.ActorAddress(ctx, tx, f.To)
	if models.NotFound(err) {
		return &inbox.NeedActor{ID: f.To}
	}
	if err != nil {
		return err
	}
	object := f.Activity
	if object == "" {
		object = f.Dispatch
	}
	doc := vocab.Receipt{Envelope: vocab.Envelope{ID: id, Actor: f.By, To: []iri.IRI{f.To}, Audience: f.Community, Published: now}, Kind: f.Kind, Object: object,
		ObjectDigest: f.Digest, RegistryNumber: f.Number, Retained: f.Retained}.Encode()
	kind := "Accept"
	if f.Kind == vocab.ReceiptRead {
		kind = "Read"
	}
	if doc, err = s.Keys.Prove(ctx, tx, f.By, doc, now); err != nil {
		return err
	}
	if err := models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: f.Dispatch, Version: f.Version, Addressee: f.By, Station: f.Station, ByActor: f.By, At: models.At(now), Detail: f.Number, Document: doc}); err != nil {
		return err
	}
	if to.Local {
		return nil // the same board
	}
	_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: f.By, Type: kind, ObjectID: f.Dispatch, ObjectVersion: f.Version, Bytes: doc, Signed: true,
		Purpose: models.PurposeControl, Lane: string(f.Dispatch) + " receipts", Precedence: 1, To: outbox.Direct(to)})
	return err
}

// ReceiveReceipt takes a signed receipt for a dispatch of ours, or, as the Group's
// host, one that is to be passed on to the author. It tells whether the activity is a
// receipt at all.
func (s *Dispatches) ReceiveReceipt(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (bool, error) {
	r, is, err := vocab.ParseReceipt(a.Activity)
	if err != nil || !is {
		return is, err
	}
	d, err := models.DispatchByActivity(ctx, tx, r.Object)
	if models.NotFound(err) {
		return true, &policy.Refusal{Code: "unknown-object", Detail: fmt.Sprintf("a receipt for %s, which is not known here", r.Object)}
	}
	if err != nil {
		return true, err
	}
	if r.Kind != vocab.ReceiptErased && r.ObjectDigest != d.Digest {
		return true, &policy.Refusal{Code: "wrong-digest", Detail: fmt.Sprintf("the receipt is for other content than version %d of %s", d.Version, d.IRI)}
	}
	if ok, err := s.mayReceipt(ctx, tx, d, r.Actor, a.Row.Actor); err != nil || !ok {
		if err == nil {
			err = &policy.Refusal{Code: "not-addressed", Detail: fmt.Sprintf("%s is no addressee of %s", r.Actor, d.IRI)}
		}
		return true, err
	}
	stations := map[string]string{vocab.ReceiptDelivered: models.Delivered, vocab.ReceiptRegistered: models.Registered, vocab.ReceiptTaken: models.Taken,
		vocab.ReceiptRead: models.ReadByThem, vocab.ReceiptErased: models.Erased}
	detail := r.RegistryNumber
	if len(r.Retained) > 0 {
		detail = "still kept: " + fmt.Sprint(r.Retained)
	}
	at := models.At(r.Published)
	if at == 0 || at > models.At(a.Now) {
		at = models.At(a.Now)
	}
	return true, models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: d.IRI, Version: d.Version, Addressee: r.Actor, Station: stations[r.Kind], ByActor: r.Actor, At: at, Detail: detail, Document: slices.Clone(a.Activity.Raw)})
}

// mayReceipt tells whether the actor may acknowledge the dispatch: an addressee, a
// member of its community, or the instance actor of a host that has one of those. via is
// who brought the receipt: for a community elsewhere, its Group alone knows the members.
func (s *Dispatches) mayReceipt(ctx context.Context, tx bun.Tx, d *models.Dispatch, actor, via iri.IRI) (bool, error) {
	to, err := models.AddresseesOf(ctx, tx, d.IRI)
	if err != nil {
		return false, err
	}
	instance := string(actor) == actor.Host().Base()+"/actor"
	for _, t := range to {
		if t.Actor == actor || instance && t.Host == actor.Host() {
			return true, nil
		}
	}
	if d.Community == "" {
		return false, nil
	}
	if d.Community.Host() != s.Own {
		return via == d.Community, nil
	}
	return models.EverMember(ctx, tx, d.Community, actor, actor.Host())
}

// ReceiveRefusal takes a Group's Reject of a dispatch of ours, with its reason. It tells
// whether the activity is one.
func (s *Dispatches) ReceiveRefusal(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (bool, error) {
	if a.Activity.Type != "Reject" {
		return false, nil
	}
	d, err := models.DispatchByActivity(ctx, tx, a.Activity.ObjectID)
	if models.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	to, err := models.AddresseesOf(ctx, tx, d.IRI)
	if err != nil {
		return true, err
	}
	if !slices.ContainsFunc(to, func(t models.Addressee) bool { return t.Actor == a.Activity.Actor }) || d.Origin != models.OriginIssued {
		return true, &policy.Refusal{Code: "not-addressed", Detail: fmt.Sprintf("%s refuses %s, which was not sent to it", a.Activity.Actor, d.IRI)}
	}
	code, _ := a.Activity.Node.Get("reason").Str()
	words, _ := a.Activity.Node.Get("summary").Str()
	why := code + ": " + Plain(words)
	if len(why) > 500 {
		why = why[:500]
	}
	if err := models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: d.IRI, Version: d.Version, Addressee: a.Activity.Actor, Station: models.Failed, ByActor: a.Activity.Actor, At: models.At(a.Now), Detail: why, Document: slices.Clone(a.Activity.Raw)}); err != nil {
		return true, err
	}
	return true, models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Author, Kind: "dispatch refused", Subject: string(d.IRI), Detail: fmt.Sprintf("%s refused %s: %s", a.Activity.Actor, d.Reference, why), CreatedAt: models.At(a.Now)})
}
