package serve

import (
	"context"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// activity serves an activity of ours: one that carries a dispatch or a comment to its
// audience, one that carries a bulletin like the bulletin, any other to those it was
// sent to.
func (s *Server) activity(c *gin.Context) error {
	a, err := s.who(c.Request, false)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := s.id(c.Request.URL.Path)
	if err != nil {
		return err
	}
	row, err := models.ActivityByIRI(ctx, s.Store.R, id)
	if err != nil {
		return orHide(err, id)
	}
	if err := s.seesActivity(ctx, a, row); err != nil {
		return err
	}
	if row.Bytes == nil {
		return hide("the text of %s is erased", id)
	}
	return sendActivity(c, row.Bytes)
}

func (s *Server) seesActivity(ctx context.Context, a *asker, row *models.Activity) error {
	if row.Type != "Create" && row.Type != "Update" {
		if err := a.correspondence(); err != nil {
			return err
		}
		return s.sentTo(ctx, a, row.IRI)
	}
	b, err := s.bulletinOf(ctx, row)
	if err != nil {
		return err
	}
	if b != nil {
		return s.seesBulletin(ctx, a, b)
	}
	if err := a.correspondence(); err != nil {
		return err
	}
	rank, err := s.carriedRank(ctx, row)
	if err != nil {
		return err
	}
	known, err := s.sees(ctx, a, row.ObjectID, rank)
	if !known && isUnseen(err) {
		return s.sentTo(ctx, a, row.IRI)
	}
	return err
}

// carriedRank is the marking of the version that the activity carries: a later one may
// be marked lower.
func (s *Server) carriedRank(ctx context.Context, row *models.Activity) (int64, error) {
	versions, err := models.Versions(ctx, s.Store.R, row.ObjectID)
	for _, v := range versions {
		if v.Activity == row.IRI {
			return v.MarkingRank, err
		}
	}
	return 0, err
}

// sentTo shows an activity to whom it was sent: to the addressee's own key, or to the
// instance actor of a host that a delivery goes to. What was cancelled never went.
func (s *Server) sentTo(ctx context.Context, a *asker, activity iri.IRI) error {
	q := s.Store.R.NewSelect().Model((*models.Delivery)(nil)).Where("activity = ?", activity).Where("host = ?", a.peer.Host).
		Where("state <> ?", models.DeliveryCancelled)
	if a.reader.Actor != "" {
		q = q.Where("recipient = ?", a.reader.Actor)
	}
	sent, err := q.Exists(ctx)
	if err == nil && !sent {
		return hide("%s: %s was not sent there", a.sender.KeyID, activity)
	}
	return err
}

// announcement serves one entry of a community's sequence (Form A).
func (s *Server) announcement(c *gin.Context) error {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	group, err := s.group(ctx, c.Param("name"))
	if err != nil {
		return err
	}
	n, err := number(c.Param("seq"))
	if err != nil {
		return err
	}
	entry, err := models.LogEntryAt(ctx, s.Store.R, group.IRI, n)
	if err != nil {
		return orHide(err, group.IRI)
	}
	doc, err := s.entry(ctx, a, entry)
	if err != nil {
		return err
	}
	return sendActivity(c, doc)
}

// entry returns the bytes of an announcement, or why they are withheld from the asker.
// The marking of what was announced then counts as well as that of its latest version.
func (s *Server) entry(ctx context.Context, a *asker, e *models.LogEntry) ([]byte, error) {
	if e.Withheld {
		return nil, hide("%s is withheld here", e.Activity)
	}
	row, err := models.ActivityByIRI(ctx, s.Store.R, e.Activity)
	if err != nil {
		return nil, orHide(err, e.Activity)
	}
	known, err := s.sees(ctx, a, e.ObjectID, e.MarkingRank)
	if !known && isUnseen(err) {
		err = s.sentTo(ctx, a, e.Activity)
	}
	if err != nil {
		return nil, err
	}
	if row.Bytes == nil {
		return nil, hide("the text of %s is erased", e.Activity)
	}
	return row.Bytes, nil
}

// bulletin serves one rendering (Form B) to the host that it was sent to.
func (s *Server) bulletin(c *gin.Context) error {
	a, err := s.who(c.Request, false)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := s.id(c.Request.URL.Path)
	if err != nil {
		return err
	}
	b, err := models.BulletinByIRI(ctx, s.Store.R, id)
	if err != nil {
		return orHide(err, id)
	}
	if err := s.seesBulletin(ctx, a, b); err != nil {
		return err
	}
	doc, err := s.rendered(ctx, b)
	if err != nil {
		return err
	}
	return sendActivity(c, doc)
}

// seesBulletin asks, beside the host, the audience of what was rendered: a server whose
// last member was removed reads nothing more.
func (s *Server) seesBulletin(ctx context.Context, a *asker, b *models.Bulletin) error {
	if b.Host != a.peer.Host {
		return hide("%s: %s was sent to %s", a.sender.KeyID, b.IRI, b.Host)
	}
	_, err := s.sees(ctx, a, b.ObjectID, 0)
	return err
}

// rendered is the bulletin as last sent, with the context of its activity. One that was
// deleted is a tombstone.
func (s *Server) rendered(ctx context.Context, b *models.Bulletin) ([]byte, error) {
	tomb := vocab.Tombstone{ID: b.IRI, FormerType: "Note"}
	if d, err := models.DispatchByIRI(ctx, s.Store.R, b.ObjectID); err == nil {
		tomb.Deleted = d.WithdrawnAt.Time()
	} else if !models.NotFound(err) {
		return nil, err
	}
	var sent []*models.Activity
	err := s.Store.R.NewSelect().Model(&sent).Join("JOIN deliveries AS d ON d.activity = activity.iri").
		Where("d.object_id IN (?, ?)", b.ObjectID, b.IRI).Where("d.host = ?", b.Host).Where("d.type IN ('Create', 'Update')").
		Where("d.actor = ?", b.Community).OrderExpr("d.id DESC").Limit(20).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("find what was sent of %s: %w", b.IRI, err)
	}
	for _, row := range sent {
		object, context := embedded(row)
		if id, _ := object.Get("id").Str(); iri.IRI(id) != b.IRI {
			continue
		}
		if kind := vocab.TypeOf(object); kind != "" {
			tomb.FormerType = kind
		}
		if b.State != "deleted" {
			return vocab.AppendMember(object.Raw(), "@context", context.Raw()), nil
		}
	}
	if b.State == "deleted" {
		return tomb.EncodePlain(), nil
	}
	return nil, hide("the text of %s is erased", b.IRI)
}

// bulletinOf returns the bulletin that an activity carries, or nil. A bulletin's activity
// may be filed under the dispatch that it renders, so that its own bytes decide.
func (s *Server) bulletinOf(ctx context.Context, row *models.Activity) (*models.Bulletin, error) {
	if !strings.HasPrefix(row.Actor.Path(), "/g/") {
		return nil, nil // bulletins are the communities'
	}
	object, _ := embedded(row)
	id, ok := object.Get("id").Str()
	if !ok {
		id = string(row.ObjectID)
	}
	b, err := models.BulletinByIRI(ctx, s.Store.R, iri.IRI(id))
	if models.NotFound(err) {
		return nil, nil
	}
	return b, err
}

// embedded returns the object of a stored activity and the activity's context; both are
// nil where the bytes are erased.
func embedded(row *models.Activity) (object, context *vocab.Node) {
	n, err := vocab.ParseJSON(row.Bytes)
	if err != nil {
		return nil, nil
	}
	return n.Get("object"), n.Get("@context")
}
