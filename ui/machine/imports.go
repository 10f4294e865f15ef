package machine

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/archive"
	"valise/models/iri"
)

// maxImport bounds one imported file, in bytes. It is read as it comes; memory has no
// part in it.
const maxImport = 16 << 30

// imports serves the archive.
func (a *api) imports(r *gin.Engine) {
	r.POST("/imports/tei", a.do(a.importTEI))
}

// importTEI keeps the documents of one TEI file, which is the body. Parameters: office,
// community, file (its name, for the report), dry ("true" writes nothing). What is wrong
// with the file is in the answer; a problem means that it was not looked at, or that the
// instance failed.
func (a *api) importTEI(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	body := http.MaxBytesReader(c.Writer, c.Request.Body, maxImport)
	// Who is still sending cannot hear a refusal: take what is left.
	defer io.Copy(io.Discard, body)
	office, err := a.Directory.Office(ctx, c.Query("office"))
	if err != nil {
		return nil, err
	}
	var community iri.IRI
	if name := c.Query("community"); name != "" {
		if community, err = a.Directory.Resolve(ctx, name); err != nil {
			return nil, err
		}
	}
	file := c.Query("file")
	if file == "" || len(file) > 1000 {
		return nil, accounts.Invalid("file names the file, in 1 to 1000 bytes")
	}
	report, err := a.Archive.ImportFile(ctx, archive.Target{By: operator, Office: office, Community: community}, file, c.Query("dry") == "true", body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, &problem{Title: "too-large", Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("%s has over %d bytes; what was read before is kept. Split it", file, large.Limit)}
	}
	return report, err
}
