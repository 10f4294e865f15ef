package serve

import (
	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
)

// dispatch serves the signed bytes of one of our dispatches: its latest version, or one
// by its number. The text of a withdrawn one is a tombstone at each of its addresses;
// of a superseded one the versions stay (PROTOCOL §5).
func (s *Server) dispatch(c *gin.Context) error {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := s.id("/d/" + c.Param("id"))
	if err != nil {
		return err
	}
	latest, err := models.DispatchByIRI(ctx, s.Store.R, id)
	if err != nil {
		return orHide(err, id)
	}
	if latest.Origin != models.OriginIssued {
		return hide("%s was not issued here", id)
	}
	asked := latest
	byNumber := c.Param("n") != ""
	if byNumber {
		n, err := number(c.Param("n"))
		if err != nil {
			return err
		}
		if asked, err = models.DispatchVersion(ctx, s.Store.R, id, n); err != nil {
			return orHide(err, id)
		}
	}
	if err := s.seesDispatch(ctx, a, latest, asked.MarkingRank); err != nil {
		return err
	}
	doc := asked.Document
	if latest.State == models.DispatchWithdrawn || latest.State == models.DispatchSuperseded && !byNumber {
		doc = latest.Tombstone
	}
	if doc == nil {
		return hide("the text of %s is erased", id)
	}
	return sendActivity(c, doc)
}

// comment serves a note of ours, or what stands where an erased one was.
func (s *Server) comment(c *gin.Context) error {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := s.id("/c/" + c.Param("id"))
	if err != nil {
		return err
	}
	row, err := models.CommentByIRI(ctx, s.Store.R, id)
	if err != nil {
		return orHide(err, id)
	}
	if err := s.seesComment(ctx, a, row, 0); err != nil {
		return err
	}
	if len(row.Document) == 0 {
		return sendActivity(c, vocab.Tombstone{ID: id, FormerType: "Note", Disposition: vocab.Withdrawn}.Encode())
	}
	return sendActivity(c, row.Document)
}
