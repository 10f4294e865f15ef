package dispatches

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/outbox"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// An addressee on software that knows no dispatches gets a note to herself, with the Mention
// without which it would be dropped or shown to nobody (PROTOCOL §4.3). Her server sends no
// receipts: the board ends at "handed over".

// noted tells whether an actor gets a note instead of the dispatch.
func noted(a *models.Actor, peer *models.Peer) bool {
	return !a.Local && !a.OwnSoftware && a.Type != models.TypeGroup && peer != nil && peer.Form == models.FormBulletin
}

// again is how long after a Delete a second one leaves: GoToSocial keeps no tombstone, and a
// Create whose outcome is unknown would revive the text.
const again = 5 * time.Minute

// noteID names the note of a dispatch for one actor. Each has its own: GoToSocial drops a
// post that it has seen at another inbox.
func noteID(dispatch, actor iri.IRI) iri.IRI {
	sum := sha256.Sum256([]byte(actor))
	return dispatch + iri.IRI("/n/"+hex.EncodeToString(sum[:8]))
}

// note is a dispatch as such an addressee gets it. The text leaves at the lowest marking
// alone, and the subject too: what her server keeps is read by whoever runs it.
func (s *Dispatches) note(p *prepared, w *vocab.Dispatch, from string, to *models.Actor) vocab.Bulletin {
	handle := iri.Handle{Name: to.Username, Host: to.Host}.String()
	lowest := p.marking <= s.Guard.Lowest()
	head := []string{p.content.Marking, w.ReferenceNumber}
	if lowest {
		head = append(head, w.Name)
	}
	text := "<p>" + html.EscapeString(handle) + "</p><p>From: " + html.EscapeString(from) + "<br>" + html.EscapeString(p.content.Precedence)
	if !w.ValidUntil.IsZero() {
		text += " · until " + w.ValidUntil.Format("2 Jan 2006")
	}
	text += "</p>"
	b := vocab.Bulletin{ID: noteID(w.ID, to.IRI), Group: w.AttributedTo, To: []iri.IRI{to.IRI}, Summary: strings.Join(head, " · "), Sensitive: true, URL: w.URL,
		Mentions: []vocab.Mention{{Href: to.IRI, Name: handle}}, Published: w.Published}
	if lowest && !strings.Contains(w.Content, "<table") { // GoToSocial flattens tables
		text += Sanitise(w.Content)
		b.Language = w.AuthenticLanguage
	} else {
		text += "<p>Its text is not sent to your server. Ask the sender for it by this reference.</p>"
	}
	b.Content = text
	return b
}

// sendNote queues what brings one addressee's server to this version: the Create where none
// was taken, the Update where an older one may be.
func (s *Dispatches) sendNote(ctx context.Context, tx bun.Tx, p *prepared, w *vocab.Dispatch, from string, to *models.Actor) error {
	b := s.note(p, w, from, to)
	sent, err := models.NotesSent(ctx, tx, w.ID, to.IRI, string(b.ID)+"/")
	if err != nil {
		return err
	}
	here, there := false, false
	for _, d := range sent {
		if d.Type == "Create" {
			here, there = here || d.State == models.DeliveryDone, true
		}
	}
	var kinds []string
	if !here {
		kinds = append(kinds, "Create")
	}
	if there && w.Version > 1 {
		kinds = append(kinds, "Update")
	}
	for i, kind := range kinds {
		b.ActivityID = b.ID + iri.IRI(fmt.Sprintf("/%s/%d", strings.ToLower(kind), len(sent)+i+1))
		doc := b.Create()
		if kind == "Update" {
			b.Updated = w.Updated
			doc = b.Update()
		}
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: b.ActivityID, Actor: w.AttributedTo, Type: kind, ObjectID: w.ID, ObjectVersion: int64(w.Version), Bytes: doc, Plain: true,
			Purpose: models.PurposeDispatch, Lane: string(w.ID), Precedence: int64(p.precedence), To: outbox.Direct(to)}); err != nil {
			return err
		}
	}
	return nil
}

// deleteNote takes a note back from an actor's server, twice where an attempt to send it may
// still arrive. It tells whether the actor was sent one.
func (s *Dispatches) deleteNote(ctx context.Context, tx bun.Tx, d *models.Dispatch, to *models.Actor, now time.Time) (bool, error) {
	id := noteID(d.IRI, to.IRI)
	sent, err := models.NotesSent(ctx, tx, d.IRI, to.IRI, string(id)+"/")
	if err != nil || len(sent) == 0 {
		return false, err
	}
	times := 1
	for _, x := range sent {
		if x.State != models.DeliveryDone {
			times = 2
		}
	}
	for n := range times {
		at := now.Add(time.Duration(n) * again)
		b := vocab.Bulletin{ID: id, ActivityID: id + iri.IRI(fmt.Sprintf("/delete/%d", n+1)), Group: d.Author, To: []iri.IRI{to.IRI}}
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: b.ActivityID, Actor: d.Author, Type: "Delete", ObjectID: d.IRI, ObjectVersion: d.Version, Bytes: b.Delete(now), Plain: true,
			Purpose: models.PurposeControl, Lane: strings.Repeat("again ", n) + string(d.IRI), Precedence: 90, NotBefore: at, To: outbox.Direct(to)}); err != nil {
			return true, err
		}
	}
	return true, nil
}
