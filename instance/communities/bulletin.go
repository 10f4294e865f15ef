package communities

import (
	"context"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/outbox"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// bulletins sends Form B: the Group's own post to its followers, one activity for each
// inbox (PROTOCOL §4.3). One foreign server is one audience: where its members have
// different windows or ceilings, no text leaves the host.
func (s *Communities) bulletins(ctx context.Context, tx bun.Tx, c *models.Community, it item, seats []models.Seat, now models.Time) error {
	if len(seats) == 0 || it.kind == "Delete" {
		return nil
	}
	mixed := mixedHosts(seats)
	done := map[iri.IRI]bool{}
	var rows []*models.Bulletin
	for _, seat := range seats {
		r := addInbox(nil, seat)[0]
		if done[r.Inbox] {
			continue
		}
		done[r.Inbox] = true
		b, err := s.bulletin(ctx, tx, c, it, seat, mixed[seat.Host], now)
		if err != nil {
			return err
		}
		id := b.ActivityID
		doc, kind := b.Create(), "Create"
		if it.kind == "Update" {
			doc, kind = b.Update(), "Update"
		} else {
			rows = append(rows, &models.Bulletin{IRI: b.ID, Community: c.IRI, ObjectID: it.object, Host: seat.Host, Inbox: r.Inbox, CreateID: id, PublishedAt: models.At(b.Published), State: "sent"})
		}
		// The recipient stays named, so that the audience function asks about a person
		// and not about her whole server.
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: c.IRI, Type: kind, ObjectID: it.object, ObjectVersion: it.version, Bytes: doc, Plain: true, Purpose: it.purpose,
			Community: c.IRI, Precedence: it.precedence, To: []outbox.Recipient{{Inbox: r.Inbox, Actor: seat.Actor}}}); err != nil {
			return err
		}
	}
	return models.InsertBulletins(ctx, tx, rows)
}

func mixedHosts(seats []models.Seat) map[iri.Host]bool {
	first := map[iri.Host]models.Seat{}
	mixed := map[iri.Host]bool{}
	for _, seat := range seats {
		f, ok := first[seat.Host]
		if !ok {
			first[seat.Host] = seat
		} else if f.Ceiling != seat.Ceiling || f.HistoryFrom != seat.HistoryFrom {
			mixed[seat.Host] = true
		}
	}
	return mixed
}

// bulletin renders the item for one inbox.
func (s *Communities) bulletin(ctx context.Context, tx bun.Tx, c *models.Community, it item, seat models.Seat, mixed bool, now models.Time) (*vocab.Bulletin, error) {
	published := now.Time().Truncate(time.Second)
	b := &vocab.Bulletin{Group: c.IRI, To: []iri.IRI{c.IRI + "/followers"}, Published: published}
	inbox := addInbox(nil, seat)[0].Inbox
	key := fmt.Sprintf("%d-%s", c.Sequence, shortID(inbox))
	b.ID = c.IRI + iri.IRI("/b/"+key)
	b.ActivityID = b.ID + iri.IRI("/"+strings.ToLower(it.kind)+"/1")
	if it.kind == "Update" {
		before, err := models.BulletinsOf(ctx, tx, it.object)
		if err != nil {
			return nil, err
		}
		for _, old := range before {
			if old.Inbox == inbox {
				// GoToSocial ignores an update that does not repeat the first time.
				b.ID, b.Published, b.Updated = old.IRI, old.PublishedAt.Time(), published
				b.ActivityID = old.IRI + iri.IRI(fmt.Sprintf("/update/%d", it.version))
			}
		}
	}
	if it.comment != nil {
		return b, s.commentBulletin(ctx, tx, b, it, inbox)
	}
	w := it.received.Wire
	inline := c.Rendering == models.RenderInline && it.rank <= s.Guard.Lowest() && !mixed
	head := []string{it.received.Marking, w.ReferenceNumber}
	if inline || c.SubjectInNotice || it.rank <= s.Guard.Lowest() {
		head = append(head, w.Name)
	}
	b.Summary, b.Sensitive, b.URL = strings.Join(head, " · "), true, iri.IRI(s.Own.Base()+"/read/"+key)
	from, err := models.ActorByIRI(ctx, tx, w.AttributedTo)
	name := string(w.AttributedTo)
	if err == nil && from.Name != "" {
		name = from.Name
	}
	lines := "<p>From: " + html.EscapeString(name) + "<br>" + html.EscapeString(it.received.Precedence)
	if !w.ValidUntil.IsZero() {
		lines += " · until " + w.ValidUntil.Format("2 Jan 2006")
	}
	lines += "</p>"
	if inline {
		lines += dispatches.Sanitise(w.Content)
		b.Language = w.AuthenticLanguage
	}
	b.Content = lines + `<p><a href="` + html.EscapeString(string(b.URL)) + `">Read the dispatch</a></p>`
	return b, nil
}

// commentBulletin renders a comment; the parent is named only where it went to that
// inbox, else GoToSocial would hide it.
func (s *Communities) commentBulletin(ctx context.Context, tx bun.Tx, b *vocab.Bulletin, it item, inbox iri.IRI) error {
	author := it.comment.Author
	if it.comment.AttestedFor != "" {
		author = it.comment.AttestedFor
	}
	name := string(author)
	if a, err := models.ActorByIRI(ctx, tx, author); err == nil && a.Name != "" {
		name = a.Name
	}
	text := "<p>" + html.EscapeString(name) + " comments.</p>"
	if it.rank <= s.Guard.Lowest() {
		text = "<p>" + html.EscapeString(name) + ":</p>" + it.comment.Content
	}
	b.Content = text
	if it.comment.Dispatch == "" {
		return nil
	}
	parents, err := models.BulletinsOf(ctx, tx, it.comment.Dispatch)
	for _, p := range parents {
		if p.Inbox == inbox {
			b.InReplyTo = p.IRI
		}
	}
	return err
}

// deleteBulletins takes the Group's posts back wherever they went.
func (s *Communities) deleteBulletins(ctx context.Context, tx bun.Tx, c *models.Community, d *models.Dispatch, now models.Time) error {
	rows, err := models.BulletinsOf(ctx, tx, d.IRI)
	if err != nil {
		return err
	}
	for _, old := range rows {
		if old.State == "deleted" {
			continue
		}
		b := vocab.Bulletin{ID: old.IRI, ActivityID: old.IRI + "/delete/1", Group: c.IRI, To: []iri.IRI{c.IRI + "/followers"}, Published: old.PublishedAt.Time()}
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: b.ActivityID, Actor: c.IRI, Type: "Delete", ObjectID: d.IRI, ObjectVersion: d.Version, Bytes: b.Delete(now.Time().Truncate(time.Second)), Plain: true,
			Purpose: models.PurposeControl, Community: c.IRI, Precedence: 90, To: []outbox.Recipient{{Inbox: old.Inbox}}}); err != nil {
			return err
		}
	}
	return models.MarkBulletinsDeleted(ctx, tx, d.IRI)
}
