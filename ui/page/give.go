package page

import (
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"strings"

	"valise/models/iri"
)

// Attach makes the answer a file that is kept and never opened here.
func (r *Request) Attach(name string) {
	h := r.Writer.Header()
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": shown(name)})
	if disposition == "" {
		disposition = "attachment"
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
}

// File hands out an attachment of the given media type, under its name.
func (r *Request) File(name, kind string, content io.ReadSeeker) error {
	size, err := content.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("read the attachment %s: %w", name, err)
	}
	r.Attach(name)
	if _, _, err := mime.ParseMediaType(kind); err != nil || !strings.Contains(kind, "/") {
		kind = "application/octet-stream"
	}
	r.DataFromReader(http.StatusOK, size, kind, content, nil)
	return nil
}

// QRMargin is the light edge of a QR picture, in modules.
const QRMargin = 4

// QRPath draws the dark modules of a QR picture, by row and column, as the path of an SVG
// whose side is that of the rows and twice QRMargin.
func QRPath(rows [][]bool) template.HTMLAttr {
	var path strings.Builder
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+QRMargin, y+QRMargin)
			}
		}
	}
	return template.HTMLAttr(`d="` + path.String() + `"`)
}

// Who is how an actor is named: by its name, where that is not known by its address.
func Who(name string, id iri.IRI) string {
	if name != "" {
		return name
	}
	return Handle(id)
}

// Shown is a name or a subject of foreign origin as a script may show it: on one line,
// without controls.
func Shown(text string) string { return shown(text) }

// Handle is the address of an actor, as far as its id tells it.
func Handle(id iri.IRI) string {
	path := strings.Split(strings.TrimRight(string(id), "/"), "/")
	return "@" + strings.TrimPrefix(path[len(path)-1], "@") + "@" + string(id.Host())
}
