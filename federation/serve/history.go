package serve

import (
	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
)

// keyHistory lists the retired and compromised keys of one of our actors, newest first,
// each entry as its successor and the instance actor signed it (PROTOCOL §1.1). It is
// open to everybody: old proofs must stay verifiable.
func (s *Server) keyHistory(c *gin.Context) error {
	a, err := s.localActor(c, "/keys")
	if err != nil {
		return err
	}
	keys, err := s.Keys.Public(c.Request.Context(), s.Store.R, a.IRI)
	if err != nil {
		return err
	}
	var entries [][]byte
	for _, k := range keys {
		if (k.State == models.KeyRetired || k.State == models.KeyCompromised) && len(k.Entry) > 0 {
			entries = append(entries, k.Entry)
		}
	}
	return sendActivity(c, vocab.Collection{ID: a.KeyHistory, AttributedTo: a.IRI, Total: int64(len(entries)), Items: entries}.Encode())
}
