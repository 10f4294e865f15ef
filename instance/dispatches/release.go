package dispatches

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/outbox"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// prepared is everything about a release that needs no transaction.
type prepared struct {
	content    *Content
	uses       []models.CollectiveUse // what its collective addresses stand for
	office     *models.Office
	addressees []models.Addressee
	recipients []*models.Actor
	noted      []*models.Actor // of them, those who get a note; settled by guard
	paragraphs []vocab.Paragraph
	text       string
	marking    int64
	precedence int
	due        models.Time
	id, act    iri.IRI
	thread     iri.IRI          // the conversation (context)
	previous   *models.Dispatch // of a correction
}

// Release issues a dispatch, or the next version of the one that the draft corrects:
// one transaction from the check of mandate and clearances to the last delivery row
// (DESIGN §5). After its commit it is sent, whatever crashes.
func (s *Dispatches) Release(ctx context.Context, person iri.IRI, draftID string, revision int64) (*models.Dispatch, error) {
	draft, err := s.draft(ctx, s.Store.R, person, draftID, models.ActRelease)
	if err != nil {
		return nil, err
	}
	if err := sameRevision(draft, revision); err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, draft)
	if err != nil {
		return nil, err
	}
	s.fault("release-prepared")
	var d *models.Dispatch
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		draft, err := s.mayRelease(ctx, tx, person, draftID, revision)
		if err != nil {
			return err
		}
		if err := s.guard(ctx, tx, p); err != nil {
			return err
		}
		now := s.Now().UTC().Truncate(time.Second)
		reference := ""
		if p.previous != nil {
			reference = p.previous.Reference
		} else {
			n, err := models.NextReference(ctx, tx, draft.Office, now.Year())
			if err != nil {
				return fmt.Errorf("draw a reference number: %w", err)
			}
			reference = fmt.Sprintf("%s %d/%06d", p.office.Code, now.Year(), n)
		}
		if d, err = s.issue(ctx, tx, p, person, reference, now); err != nil {
			return err
		}
		s.fault("release-issued")
		if ok, err := models.SetDraftState(ctx, tx, draftID, revision, models.DraftReleased, d.IRI, models.At(now)); err != nil || !ok {
			return fmt.Errorf("close the draft %s: %w", draftID, err)
		}
		act := "released"
		if p.previous != nil {
			act = "corrected"
		}
		return audit.Append(ctx, tx, now, string(person), act, string(d.IRI), map[string]any{"reference": d.Reference, "version": d.Version, "marking": d.Marking, "draft": draftID, "revision": revision})
	})
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	s.fault("release-committed")
	return d, nil
}

// prepare does what needs the network or time: finding addressees, rendering.
func (s *Dispatches) prepare(ctx context.Context, draft *models.Draft) (*prepared, error) {
	c, err := ParseContent(draft.Content)
	if err != nil {
		return nil, err
	}
	uses, err := s.expand(ctx, draft.Office, c)
	if err != nil {
		return nil, err
	}
	if len(c.Action)+len(c.Info) == 0 && c.Community == "" {
		return nil, invalid("name at least one addressee or a community")
	}
	if err := s.checkContent(ctx, draft.Office, c, draft.Corrects); err != nil {
		return nil, err
	}
	if err := c.filled(); err != nil {
		return nil, err
	}
	level, err := s.Guard.Draft(c.Marking)
	if err != nil {
		return nil, err
	}
	precedence, err := s.precedence(c.Precedence)
	if err != nil {
		return nil, err
	}
	p := &prepared{content: c, uses: uses, marking: int64(level.Rank), precedence: precedence.Rank}
	if precedence.AcknowledgeWithin > 0 {
		p.due = s.now().Add(precedence.AcknowledgeWithin)
	}
	if p.office, err = models.OfficeByIRI(ctx, s.Store.R, draft.Office); err != nil {
		return nil, err
	}
	if p.paragraphs, p.text, err = c.render(level.Name); err != nil {
		return nil, err
	}
	ids := slices.Concat(c.Action, c.Info)
	if c.Community != "" && !slices.Contains(ids, c.Community) {
		ids = append(ids, c.Community)
	}
	rows, err := s.actors(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		a := rows[id]
		role := models.RoleInfo
		if slices.Contains(c.Action, id) {
			role = models.RoleAction
		}
		p.addressees = append(p.addressees, models.Addressee{Actor: id, Host: a.Host, Role: role, Local: a.Local})
		p.recipients = append(p.recipients, a)
	}
	if p.act, err = s.Out.NewID("a"); err != nil {
		return nil, err
	}
	if draft.Corrects == "" {
		if p.thread, err = s.conversation(ctx, c); err != nil {
			return nil, err
		}
		p.id, err = s.Out.NewID("d")
		return p, err
	}
	if p.previous, err = models.DispatchByIRI(ctx, s.Store.R, draft.Corrects); err != nil {
		return nil, err
	}
	p.id, p.thread = p.previous.IRI, p.previous.Context
	return p, nil
}

// issue writes the signed bytes and everything that follows from them.
func (s *Dispatches) issue(ctx context.Context, tx bun.Tx, p *prepared, person iri.IRI, reference string, now time.Time) (*models.Dispatch, error) {
	c := p.content
	wire := s.wire(p, person, reference, now)
	document, err := s.Keys.Prove(ctx, tx, p.office.IRI, wire.Encode(), now)
	if err != nil {
		return nil, err
	}
	digest, err := sign.ObjectDigest(document)
	if err != nil {
		return nil, err
	}
	d := &models.Dispatch{IRI: p.id, Version: wire.Version, Latest: true, Origin: models.OriginIssued, Author: p.office.IRI, AuthorHost: s.Own, Community: c.Community,
		Reference: reference, Kind: c.Kind, Subject: c.Subject, Precedence: c.Precedence, PrecedenceRank: int64(p.precedence), Marking: c.Marking, MarkingRank: p.marking,
		Language: c.Language, Context: wire.Context, Activity: p.act, Document: document, Digest: digest, Signatory: person, ChangeNote: c.ChangeNote,
		State: models.DispatchInForce, PublishedAt: models.At(wire.Published), DistributedAt: models.At(wire.Published), UpdatedAt: models.At(wire.Updated), Excerpt: Excerpt(p.text), CreatedAt: models.At(now)}
	for i := range p.addressees {
		p.addressees[i].Dispatch = p.id
	}
	if d.Version == 1 {
		_, err = models.InsertNewDispatch(ctx, tx, d, p.addressees)
	} else if _, err = models.InsertDispatch(ctx, tx, d); err == nil {
		err = models.InsertAddressees(ctx, tx, p.addressees)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the dispatch: %w", err)
	}
	if d.Version > 1 || len(c.Tags) > 0 {
		if err := models.SetTags(ctx, tx, p.id, c.Tags); err != nil {
			return nil, fmt.Errorf("keep the tags: %w", err)
		}
	}
	for i := range p.uses {
		p.uses[i].Dispatch, p.uses[i].Version = p.id, d.Version
	}
	if err := models.InsertCollectiveUses(ctx, tx, p.uses); err != nil {
		return nil, err
	}
	if err := models.InsertReferences(ctx, tx, s.references(p.id, c)); err != nil {
		return nil, err
	}
	var attached []models.Attachment
	for i, a := range wire.Attachments {
		attached = append(attached, models.Attachment{Dispatch: p.id, Digest: a.DigestMultibase, Position: int64(i), Name: a.Name, MediaType: a.MediaType, Size: a.Size, URL: a.URL, State: models.AttachmentHere})
	}
	if err := models.InsertAttachments(ctx, tx, attached); err != nil {
		return nil, err
	}
	envelope := vocab.Envelope{ID: p.act, Actor: p.office.IRI, To: wire.To, Cc: wire.Cc, Audience: wire.Audience, Published: now}
	kind, activity := "Create", vocab.Create{Envelope: envelope, Object: document}.Encode()
	if p.previous != nil {
		kind, activity = "Update", vocab.Update{Envelope: envelope, Object: document}.Encode()
		if err := models.CancelDeliveries(ctx, tx, []iri.IRI{p.id}, []string{"Create", "Update"}, fmt.Sprintf("replaced by version %d", d.Version), models.At(now)); err != nil {
			return nil, err
		}
	}
	if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: p.act, Actor: p.office.IRI, Type: kind, ObjectID: p.id, ObjectVersion: d.Version, Bytes: activity,
		Purpose: models.PurposeDispatch, Precedence: int64(p.precedence), To: outbox.Direct(slices.DeleteFunc(slices.Clone(p.recipients), func(a *models.Actor) bool { return slices.Contains(p.noted, a) })...)}); err != nil {
		return nil, err
	}
	for _, to := range p.noted {
		if err := s.sendNote(ctx, tx, p, wire, p.office.Title, to); err != nil {
			return nil, err
		}
	}
	var evidence []*models.Evidence
	for _, a := range p.addressees {
		evidence = append(evidence, &models.Evidence{Dispatch: p.id, Version: d.Version, Addressee: a.Actor, Station: models.Submitted, ByActor: p.office.IRI, At: models.At(now)})
	}
	return d, models.InsertEvidence(ctx, tx, evidence...)
}

// wire is the Article as it is signed.
func (s *Dispatches) wire(p *prepared, person iri.IRI, reference string, now time.Time) *vocab.Dispatch {
	c := p.content
	w := &vocab.Dispatch{ID: p.id, AttributedTo: p.office.IRI, Audience: c.Community, Name: c.Subject, Summary: Sanitise(c.Summary), Content: p.text,
		URL: iri.IRI(s.Own.Base() + "/read/" + last(p.id)), Published: now, Context: p.thread, ReferenceNumber: reference, DispatchType: c.Kind,
		Precedence: vocab.Grade{Scheme: s.Profile.Scheme, Level: c.Precedence, Rank: p.precedence},
		Marking:    vocab.Grade{Scheme: s.Guard.Scheme(), Level: c.Marking, Rank: int(p.marking)},
		Paragraphs: p.paragraphs, ActionAddressee: c.Action, InfoAddressee: c.Info, Signatory: person,
		ReceiptRequested: []string{"delivered", "registered", "read", "taken"}, Version: 1, ChangeNote: c.ChangeNote, AuthenticLanguage: c.Language, Hashtags: c.Tags}
	for _, a := range p.addressees {
		if a.Role == models.RoleAction || a.Actor == c.Community {
			w.To = append(w.To, a.Actor)
		} else {
			w.Cc = append(w.Cc, a.Actor)
		}
	}
	if c.Community != "" {
		w.To = append(w.To, c.Community+"/followers")
		if !slices.Contains(w.ActionAddressee, c.Community) && !slices.Contains(w.InfoAddressee, c.Community) {
			w.InfoAddressee = append(slices.Clone(w.InfoAddressee), c.Community)
		}
	}
	for _, r := range c.References {
		w.References = append(w.References, r.Target)
		w.RefTags = append(w.RefTags, vocab.RefTag{Name: r.Label, Href: r.Target, DigestMultibase: r.Digest, Answers: r.Answers})
	}
	for _, a := range c.Attachments {
		w.Attachments = append(w.Attachments, vocab.Attachment{Name: a.Name, MediaType: a.MediaType, Size: a.Size, DigestMultibase: a.Digest, URL: iri.IRI(s.Own.Base() + "/f/" + a.Digest)})
	}
	if c.ValidUntil != nil {
		w.ValidUntil = c.ValidUntil.UTC()
	}
	if p.previous != nil {
		w.Version, w.PreviousVersion = p.previous.Version+1, p.previous.Digest
		w.Published, w.Updated = p.previous.PublishedAt.Time(), now
		if !now.After(p.previous.PublishedAt.Time()) || !now.After(p.previous.UpdatedAt.Time()) {
			w.Updated = max(p.previous.PublishedAt, p.previous.UpdatedAt).Time().Add(time.Second).Truncate(time.Second)
		}
	}
	return w
}

func (s *Dispatches) references(id iri.IRI, c *Content) []models.DispatchReference {
	var out []models.DispatchReference
	for _, r := range c.References {
		out = append(out, models.DispatchReference{Dispatch: id, Target: r.Target, Label: r.Label, Digest: r.Digest, Answers: r.Answers})
	}
	return out
}

// last is the last segment of an id's path.
func last(id iri.IRI) string {
	s := string(id)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return s[i+1:]
		}
	}
	return s
}
