package serve

import (
	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/audience"
)

// threadMost bounds the dispatches that a conversation lists.
const threadMost = 500

// thread lists a conversation that began here (FEP-7888, FEP-f228): the ids of the
// dispatches in it that the asker may have, oldest first. Where there is none for her,
// nothing ever was.
func (s *Server) thread(c *gin.Context) error {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return err
	}
	id, err := s.id("/t/" + c.Param("id"))
	if err != nil {
		return err
	}
	reader := a.reader
	reader.Ceiling = min(reader.Ceiling, s.Guard.Federates())
	cond, args := audience.Where(reader, audience.Dispatches, models.At(s.Now()))
	rows, err := models.ContextDispatches(c.Request.Context(), s.Store.R, id, cond, args, threadMost)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return hide("%s: nothing of %s is for it", a.sender.KeyID, id)
	}
	list := vocab.Collection{ID: id, Total: int64(len(rows))}
	for _, d := range rows {
		list.Items = append(list.Items, vocab.ItemID(d.IRI))
	}
	if rows[0].AuthorHost == s.Own {
		list.AttributedTo = rows[0].Author
	}
	return sendActivity(c, list.Encode())
}
