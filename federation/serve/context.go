package serve

import (
	"time"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
)

// context serves our terms. The document never changes: its digest is its tag.
func (s *Server) context(c *gin.Context) error {
	cacheable(c, 7*24*time.Hour)
	c.Header("ETag", `"`+vocab.ContextDigest+`"`)
	return send(c, "application/ld+json", vocab.ContextDocument)
}
