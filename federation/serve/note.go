package serve

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// note serves what stands for a dispatch towards an addressee on other software, to her and
// to her server; 410 with a tombstone once the dispatch was withdrawn.
func (s *Server) note(c *gin.Context) error {
	d, sent, err := s.noteFor(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := s.id(c.Request.URL.Path)
	if err != nil {
		return err
	}
	if d.State != models.DispatchInForce {
		c.Header("Cache-Control", "no-store")
		c.Data(http.StatusGone, "application/activity+json", vocab.Tombstone{ID: id, FormerType: "Note", Deleted: d.WithdrawnAt.Time()}.EncodePlain())
		return nil
	}
	for i := len(sent) - 1; i >= 0; i-- {
		row, err := models.ActivityByIRI(ctx, s.Store.R, sent[i].Activity)
		if err != nil {
			return fmt.Errorf("read %s: %w", sent[i].Activity, err)
		}
		if object, context := embedded(row); object != nil {
			return sendActivity(c, vocab.AppendMember(object.Raw(), "@context", context.Raw()))
		}
	}
	return hide("the text of %s is erased", id)
}

// noteActivity serves an activity of a note to whom it was sent.
func (s *Server) noteActivity(c *gin.Context) error {
	_, sent, err := s.noteFor(c)
	if err != nil {
		return err
	}
	id, err := s.id(c.Request.URL.Path)
	if err != nil {
		return err
	}
	for _, d := range sent {
		if d.Activity != id {
			continue
		}
		row, err := models.ActivityByIRI(c.Request.Context(), s.Store.R, id)
		if err != nil {
			return fmt.Errorf("read %s: %w", id, err)
		}
		if row.Bytes != nil {
			return sendActivity(c, row.Bytes)
		}
	}
	return hide("%s was not sent there, or its text is erased", id)
}

// noteFor returns the dispatch of the note that is asked for, and what was sent of it, if
// the asker is its addressee or her server and the audience still holds her.
func (s *Server) noteFor(c *gin.Context) (*models.Dispatch, []*models.Delivery, error) {
	a, err := s.who(c.Request, false)
	if err != nil {
		return nil, nil, err
	}
	ctx := c.Request.Context()
	id, err := s.id("/d/" + c.Param("id"))
	if err != nil {
		return nil, nil, err
	}
	d, err := models.DispatchByIRI(ctx, s.Store.R, id)
	if err != nil {
		return nil, nil, orHide(err, id)
	}
	sent, err := s.notesTo(ctx, a, d, id+iri.IRI("/n/"+c.Param("note")+"/"))
	if err != nil {
		return nil, nil, err
	}
	her := *a
	her.reader.Actor = sent[0].Recipient
	if d.State == models.DispatchInForce {
		err = s.seesDispatch(ctx, &her, d, 0)
	}
	return d, sent, err
}

// notesTo returns what was sent under a prefix, oldest first, at least one.
func (s *Server) notesTo(ctx context.Context, a *asker, d *models.Dispatch, prefix iri.IRI) ([]*models.Delivery, error) {
	all, err := models.NotesTo(ctx, s.Store.R, d.IRI, a.peer.Host, string(prefix))
	if err != nil {
		return nil, fmt.Errorf("find what was sent of %s: %w", prefix, err)
	}
	if len(all) == 0 || a.reader.Actor != "" && a.reader.Actor != all[0].Recipient {
		return nil, hide("%s: no note of %s was sent there", a.sender.KeyID, d.IRI)
	}
	return all, nil
}
