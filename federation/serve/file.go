package serve

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"valise/federation/sign"
	"valise/models"
)

// ownFile serves an attachment of our own dispatches.
func (s *Server) ownFile(c *gin.Context) error {
	return s.file(c, func(d *models.Dispatch) bool { return d.Origin == models.OriginIssued })
}

// communityFile serves an attachment of what was posted in a community that we run, by
// whomever: the author's proof makes the source irrelevant (PROTOCOL §6).
func (s *Server) communityFile(c *gin.Context) error {
	group, err := s.id("/g/" + c.Param("name"))
	if err != nil {
		return err
	}
	return s.file(c, func(d *models.Dispatch) bool { return d.Community == group })
}

// file serves the file with the digest of the path where a dispatch that fits, is in
// force and may be read by the asker has it attached.
func (s *Server) file(c *gin.Context, fits func(*models.Dispatch) bool) error {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return err
	}
	digest := c.Param("digest")
	if _, err := sign.ParseDigest(digest); err != nil {
		return hide("%v", err)
	}
	row, err := s.attachment(c, a, digest, fits)
	if err != nil {
		return err
	}
	f, err := s.Files.Open(digest)
	if err != nil {
		return fmt.Errorf("open attachment %s of %s: %w", digest, row.Dispatch, err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("open attachment %s of %s: %w", digest, row.Dispatch, err)
	}
	if size != row.Size {
		return fmt.Errorf("attachment %s of %s has %d bytes here, not %d", digest, row.Dispatch, size, row.Size)
	}
	h := c.Writer.Header()
	h.Set("Content-Type", mediaType(row.MediaType))
	h.Set("Content-Disposition", disposition(row.Name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("ETag", `"`+digest+`"`)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, f)
	return nil
}

// attachment returns the first row that lets the asker have the file, or why none does.
func (s *Server) attachment(c *gin.Context, a *asker, digest string, fits func(*models.Dispatch) bool) (*models.Attachment, error) {
	ctx := c.Request.Context()
	rows, err := models.AttachmentsByDigest(ctx, s.Store.R, digest)
	if err != nil {
		return nil, err
	}
	why := hide("%s is attached to nothing", digest)
	for i, row := range rows {
		if row.State != models.AttachmentHere {
			continue
		}
		d, err := models.DispatchByIRI(ctx, s.Store.R, row.Dispatch)
		if models.NotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !fits(d) || d.State != models.DispatchInForce {
			continue
		}
		if err = s.seesDispatch(ctx, a, d, 0); err == nil {
			return &rows[i], nil
		}
		if !isUnseen(err) {
			return nil, err
		}
		why = errors.Join(why, err)
	}
	return nil, why
}

func mediaType(stored string) string {
	kind, params, err := mime.ParseMediaType(stored)
	if err != nil || !strings.Contains(kind, "/") {
		return "application/octet-stream"
	}
	return mime.FormatMediaType(kind, params)
}

// disposition names the file to be saved, whatever its author called it.
func disposition(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if name != "" {
		if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
			return d
		}
	}
	return "attachment"
}
