package communities

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"slices"
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
// inbox (PROTOCOL §4.3). One foreign server is one audience, with one post: where its
// members have different windows or ceilings, no text leaves the host.
func (s *Communities) bulletins(ctx context.Context, tx bun.Tx, c *models.Community, it item, seats []models.Seat, now models.Time) error {
	if len(seats) == 0 || it.kind == "Delete" {
		return nil
	}
	mixed := mixedHosts(seats)
	before, err := models.BulletinsOf(ctx, tx, it.object)
	if err != nil {
		return err
	}
	if it.kind == "Update" {
		if err := models.CancelBulletins(ctx, tx, it.object, c.IRI, fmt.Sprintf("replaced by version %d", it.version), now); err != nil {
			return err
		}
	}
	sent, err := models.BulletinDeliveries(ctx, tx, it.object, c.IRI)
	if err != nil {
		return err
	}
	lane, err := s.lane(ctx, tx, it)
	if err != nil {
		return err
	}
	past := historyOf(sent)
	posts := make(map[iri.Host]*models.Bulletin, len(before))
	for _, b := range before {
		posts[b.Host] = b
	}
	done := map[iri.IRI]bool{}
	for _, seat := range seats {
		r := at(seat)
		if done[r.Inbox] || seat.Ceiling < it.rank || it.comment != nil && seat.Actor == by(it.comment) || it.only != "" && it.only != seat.Actor {
			continue
		}
		done[r.Inbox] = true
		row := posts[seat.Host]
		if row == nil {
			row = &models.Bulletin{IRI: c.IRI + iri.IRI(fmt.Sprintf("/b/%d-%s", it.sequence, shortID(string(seat.Host)))), Community: c.IRI, ObjectID: it.object, Host: seat.Host,
				Inbox: r.Inbox, PublishedAt: models.At(now.Time().Truncate(time.Second)), State: "sent"}
			before, posts[seat.Host] = append(before, row), row
		}
		b, err := s.render(ctx, tx, c, it, row, mixed[seat.Host])
		if err != nil {
			return err
		}
		for _, kind := range past.steps(it.kind, r.Inbox, seat.Host) {
			b.ActivityID, b.Updated = activityID(row.IRI, kind, r.Inbox, 1+past.count[step{kind, r.Inbox}]), time.Time{}
			p := outbox.Publication{ID: b.ActivityID, Actor: c.IRI, Type: kind, ObjectID: it.object, ObjectVersion: it.version, Plain: true, Purpose: it.purpose,
				Community: c.IRI, Lane: string(lane), Precedence: it.precedence, To: []outbox.Recipient{r}}
			if kind == "Update" {
				// Later than the first time even within its second, else no edit is shown.
				b.Updated = max(now, row.PublishedAt.Add(time.Second)).Time().Truncate(time.Second)
				p.Bytes = b.Update()
			} else {
				p.Bytes = b.Create()
				row.CreateID = cmp.Or(row.CreateID, b.ActivityID)
			}
			if _, err := s.Out.Publish(ctx, tx, p); err != nil {
				return err
			}
		}
	}
	return models.InsertBulletins(ctx, tx, before)
}

// lane puts what answers a dispatch behind it: GoToSocial hides an answer that comes
// before what it answers. A conversation has one lane.
func (s *Communities) lane(ctx context.Context, tx bun.Tx, it item) (iri.IRI, error) {
	switch {
	case it.comment != nil && it.comment.Dispatch != "":
		d, err := models.DispatchByIRI(ctx, tx, it.comment.Dispatch)
		if models.NotFound(err) {
			return it.comment.Dispatch, nil
		}
		return cmp.Or(d.Context, d.IRI), err
	case it.received != nil:
		return cmp.Or(it.received.Wire.Context, it.object), nil
	}
	return it.object, nil
}

// activityID names the n-th activity of a kind about a bulletin at one inbox. It is
// distinct for each inbox, since GoToSocial drops an id seen at any of its own.
func activityID(bulletin iri.IRI, kind string, inbox iri.IRI, n int) iri.IRI {
	return bulletin + iri.IRI(fmt.Sprintf("/%s/%s-%d", strings.ToLower(kind), shortID(string(inbox)), n))
}

// history is what was queued about an object before: how many activities of a kind for an
// inbox, the inboxes whose Create was taken or still waits, the hosts that were sent one.
type history struct {
	count map[step]int
	here  map[iri.IRI]bool
	there map[iri.Host]bool
}

type step struct {
	kind  string
	inbox iri.IRI
}

func historyOf(sent []*models.Delivery) history {
	h := history{map[step]int{}, map[iri.IRI]bool{}, map[iri.Host]bool{}}
	for _, d := range sent {
		h.count[step{d.Type, d.Inbox}]++
		if d.Type == "Create" {
			h.there[d.Host] = true
			h.here[d.Inbox] = h.here[d.Inbox] || d.State == models.DeliveryDone || d.State == models.DeliveryPending
		}
	}
	return h
}

// steps are the activities that bring an inbox to the present text: the Create where
// none was taken yet or is queued, the Update where its server may have an older text. A
// Create that was cancelled before it was tried may be on its way at this moment.
func (h history) steps(kind string, inbox iri.IRI, host iri.Host) []string {
	var out []string
	if !h.here[inbox] {
		out = append(out, "Create")
	}
	if kind == "Update" && h.there[host] {
		out = append(out, "Update")
	}
	return out
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

// render writes the item as one server gets it.
func (s *Communities) render(ctx context.Context, tx bun.Tx, c *models.Community, it item, row *models.Bulletin, mixed bool) (*vocab.Bulletin, error) {
	var err error
	b := &vocab.Bulletin{ID: row.IRI, Group: c.IRI, To: []iri.IRI{c.IRI + "/followers"}, Published: row.PublishedAt.Time()}
	inline := c.Rendering == models.RenderInline && it.rank <= s.Guard.Lowest() && !mixed
	if it.comment != nil {
		return b, s.renderComment(ctx, tx, b, it.comment, row.Host, inline)
	}
	w := it.received.Wire
	for _, t := range w.RefTags {
		if t.Answers && b.InReplyTo == "" {
			if b.InReplyTo, err = s.parent(ctx, tx, t.Href, row.Host); err != nil {
				return nil, err
			}
		}
	}
	// GoToSocial flattens tables: who is sent one reads it on the page.
	inline = inline && !strings.Contains(w.Content, "<table")
	head := []string{it.received.Marking, w.ReferenceNumber}
	if inline || c.SubjectInNotice || it.rank <= s.Guard.Lowest() {
		head = append(head, w.Name)
	}
	b.Summary, b.Sensitive, b.URL = strings.Join(head, " · "), true, iri.IRI(s.Own.Base()+"/read/"+LinkName(row.IRI))
	lines := "<p>From: " + html.EscapeString(s.called(ctx, tx, w.AttributedTo)) + "<br>" + html.EscapeString(it.received.Precedence)
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

// LinkName is the last part of the address at which the bulletin's dispatch is read on
// the host: the community's user name, a dot, and the bulletin's own part of its id.
func LinkName(bulletin iri.IRI) string {
	group, own, _ := strings.Cut(strings.TrimPrefix(bulletin.Path(), "/g/"), "/b/")
	return group + "." + own
}

// LinkedBulletin is the id that LinkName was made from; "" for another name.
func (s *Communities) LinkedBulletin(name string) iri.IRI {
	group, own, found := strings.Cut(name, ".")
	if !found || group == "" || own == "" || strings.ContainsAny(name, "/?#%") {
		return ""
	}
	return iri.IRI(s.Own.Base() + "/g/" + group + "/b/" + own)
}

// called is the name of an actor, else its handle: a minimal actor document has no name.
func (s *Communities) called(ctx context.Context, tx bun.Tx, actor iri.IRI) string {
	a, err := models.ActorByIRI(ctx, tx, actor)
	switch {
	case err != nil:
		return string(actor)
	case a.Name != "":
		return a.Name
	}
	return iri.Handle{Name: a.Username, Host: a.Host}.String()
}

// renderComment writes a comment; the parent is named only where it went to that
// server, else GoToSocial would hide it.
func (s *Communities) renderComment(ctx context.Context, tx bun.Tx, b *vocab.Bulletin, comment *models.Comment, host iri.Host, inline bool) (err error) {
	name := html.EscapeString(s.called(ctx, tx, by(comment)))
	b.Content = "<p>" + name + " comments.</p>"
	if inline && !strings.Contains(comment.Content, "<table") {
		b.Content = "<p>" + name + ":</p>" + comment.Content
	}
	if comment.Dispatch == "" {
		return nil
	}
	b.InReplyTo, err = s.parent(ctx, tx, comment.Dispatch, host)
	return err
}

// parent is the post about an object that went to a server, "" where none did.
func (s *Communities) parent(ctx context.Context, tx bun.Tx, object iri.IRI, host iri.Host) (iri.IRI, error) {
	posts, err := models.BulletinsOf(ctx, tx, object)
	for _, p := range posts {
		if p.Host == host && p.State == "sent" {
			return p.IRI, nil
		}
	}
	return "", err
}

// by is who wrote a comment, whoever vouches for it.
func by(c *models.Comment) iri.IRI {
	if c.AttestedFor != "" {
		return c.AttestedFor
	}
	return c.Author
}

// again is how long after the first Delete a second one leaves.
const again = 5 * time.Minute

// deleteBulletins takes the Group's posts about an object back wherever they went or
// may have gone.
func (s *Communities) deleteBulletins(ctx context.Context, tx bun.Tx, c *models.Community, object iri.IRI, version int64, now models.Time) error {
	if err := models.CancelBulletins(ctx, tx, object, c.IRI, "it was withdrawn", now); err != nil {
		return err
	}
	rows, err := models.BulletinsOf(ctx, tx, object)
	if err != nil {
		return err
	}
	sent, err := models.BulletinDeliveries(ctx, tx, object, c.IRI)
	if err != nil {
		return err
	}
	for _, b := range rows {
		if b.State == "deleted" {
			continue
		}
		done := map[iri.IRI]bool{}
		for _, d := range sent {
			if d.Host != b.Host || d.Type != "Create" || done[d.Inbox] {
				continue
			}
			done[d.Inbox] = true
			if err := s.deleteBulletin(ctx, tx, b, d, version, 1, now); err != nil {
				return err
			}
		}
	}
	return models.MarkBulletinsDeleted(ctx, tx, object)
}

// deleteBulletin queues the n-th Delete of a bulletin at one inbox: the first in the
// lane of its Create, another in its own, where it keeps nothing waiting.
func (s *Communities) deleteBulletin(ctx context.Context, tx bun.Tx, b *models.Bulletin, create *models.Delivery, version int64, n int, at models.Time) error {
	v := vocab.Bulletin{ID: b.IRI, ActivityID: activityID(b.IRI, "Delete", create.Inbox, n), Group: b.Community, To: []iri.IRI{b.Community + "/followers"}}
	lane := create.Lane
	if n > 1 {
		lane = string(b.IRI) + " again"
	}
	_, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: v.ActivityID, Actor: b.Community, Type: "Delete", ObjectID: b.ObjectID, ObjectVersion: version, Bytes: v.Delete(at.Time().Truncate(time.Second)), Plain: true,
		Purpose: models.PurposeControl, Community: b.Community, Lane: lane, Precedence: 90, NotBefore: at.Time(), To: []outbox.Recipient{{Inbox: create.Inbox}}})
	return err
}

// deleteAgain follows a Delete that was taken: GoToSocial keeps no tombstone, so that a
// Create whose outcome is unknown could be applied after the Delete and revive the text.
func (s *Communities) deleteAgain(ctx context.Context, tx bun.Tx, d *models.Delivery) error {
	if !strings.HasSuffix(string(d.Activity), "-1") {
		return nil
	}
	rows, err := models.BulletinsOf(ctx, tx, d.ObjectID)
	if err != nil {
		return err
	}
	sent, err := models.BulletinDeliveries(ctx, tx, d.ObjectID, d.Community)
	if err != nil {
		return err
	}
	for _, e := range sent {
		if e.Inbox != d.Inbox || e.Type == "Delete" || e.State == models.DeliveryDone || e.Attempts == 0 {
			continue
		}
		for _, b := range rows {
			if b.Host == d.Host {
				return s.deleteBulletin(ctx, tx, b, d, d.ObjectVersion, 2, s.now().Add(again))
			}
		}
	}
	return nil
}

// catchUp sends a new member's server what was distributed between her Follow and the
// answer to our Accept: no bulletin leaves before that.
func (s *Communities) catchUp(ctx context.Context, tx bun.Tx, m *models.Member) error {
	c, err := models.CommunityByIRI(ctx, tx, m.Community)
	if err != nil {
		return err
	}
	entries, err := models.LogInWindow(ctx, tx, m.Community, m.Since, m.Ceiling, historyMost)
	if err != nil {
		return err
	}
	seats, err := models.Seats(ctx, tx, c.IRI, s.Own, s.now())
	if err != nil {
		return err
	}
	seats = slices.DeleteFunc(seats, func(seat models.Seat) bool { return seat.Host != m.Host })
	done := map[iri.IRI]bool{}
	for _, e := range entries {
		if done[e.ObjectID] {
			continue
		}
		done[e.ObjectID] = true
		it, err := s.itemOf(ctx, tx, e)
		if err != nil {
			return err
		}
		if it == nil {
			continue
		}
		it.only = m.Actor
		if err := s.bulletins(ctx, tx, c, *it, seats, s.now()); err != nil {
			return err
		}
	}
	return nil
}

// itemOf is what an entry of the log distributed, as it stands now; nil where nothing
// of it stands.
func (s *Communities) itemOf(ctx context.Context, tx bun.Tx, e *models.LogEntry) (*item, error) {
	it := &item{kind: "Create", object: e.ObjectID, version: 1, sequence: e.Sequence}
	comment, err := models.CommentByIRI(ctx, tx, e.ObjectID)
	if err == nil {
		it.comment, it.rank, it.purpose = comment, comment.MarkingRank, models.PurposeComment
		if comment.State != "shown" {
			return nil, nil
		}
		return it, nil
	}
	if !models.NotFound(err) {
		return nil, err
	}
	d, err := models.DispatchByIRI(ctx, tx, e.ObjectID)
	if models.NotFound(err) || err == nil && (d.State != models.DispatchInForce || d.Document == nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := vocab.ParseJSON(d.Document)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.IRI, err)
	}
	if it.received, err = s.Dispatches.Read(n); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.IRI, err)
	}
	it.version, it.rank, it.precedence, it.purpose = d.Version, d.MarkingRank, d.PrecedenceRank, models.PurposeDispatch
	return it, nil
}
