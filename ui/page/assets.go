package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/go-fonts/stix/stix2textitalic"
	"github.com/go-fonts/stix/stix2textregular"
	"github.com/go-fonts/stix/stix2textsemibold"
)

//go:embed *.html frame locales static
var files embed.FS

// assets are what pages load: each under a name that holds its digest, so that it may
// be kept for ever.
type assets struct {
	names map[string]string // plain name to "/static/…"
	byURL map[string]*asset
}

type asset struct {
	mime string
	body []byte
	once sync.Once
	gz   []byte
}

func openAssets() (*assets, error) {
	a := &assets{names: map[string]string{}, byURL: map[string]*asset{}}
	a.add("text-regular.otf", stix2textregular.TTF)
	a.add("text-italic.otf", stix2textitalic.TTF)
	a.add("text-semibold.otf", stix2textsemibold.TTF)
	sheets, err := fs.Glob(files, "static/*.css")
	if err != nil {
		return nil, err
	}
	// One sheet, in the order of the files' names.
	var sheet bytes.Buffer
	for _, name := range sheets {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sheet.Write(b)
	}
	css := sheet.String()
	for plain, url := range a.names {
		css = strings.ReplaceAll(css, `url("`+plain+`")`, `url("`+url+`")`)
	}
	a.add("valise.css", []byte(css))
	scripts, err := fs.Glob(files, "static/*.js")
	if err != nil {
		return nil, err
	}
	var script bytes.Buffer
	for _, name := range scripts {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		script.Write(b)
	}
	a.add("valise.js", script.Bytes())
	others, err := fs.Glob(files, "static/*.svg")
	if err != nil {
		return nil, err
	}
	for _, name := range others {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		a.add(path.Base(name), b)
	}
	return a, nil
}

func (a *assets) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	url := "/static/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	kind := mime.TypeByExtension(ext)
	switch ext {
	case ".otf":
		kind = "font/otf"
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	a.names[name] = url
	a.byURL[url] = &asset{mime: kind, body: body}
}

func (a *assets) name(plain string) string { return a.names[plain] }

func (a *assets) serve(c *gin.Context) {
	f, ok := a.byURL[c.Request.URL.Path]
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !ok {
		c.String(http.StatusNotFound, "not found\n")
		return
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.mime)
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Vary", "Accept-Encoding")
	body := f.body
	if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	_, _ = c.Writer.Write(body)
}

func (f *asset) small() []byte {
	f.once.Do(func() {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = w.Write(f.body)
		_ = w.Close()
		f.gz = b.Bytes()
	})
	return f.gz
}
