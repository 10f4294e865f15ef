package page

import (
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"valise/instance/access"
)

// policy lets a page load nothing from elsewhere and run nothing inline.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"

func (s *Site) headers(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Accept-Language")
	if s.secure() {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// CookieName is the name of the session's cookie: the prefix makes browsers refuse one
// that was set without TLS or for another host.
func CookieName(secure bool) string {
	if secure {
		return "__Host-valise"
	}
	return "valise"
}

// inSession loads the session before next and writes it, and its cookie, with the first
// byte of the answer.
func (s *Site) inSession(c *gin.Context, next func()) {
	m := s.Sessions
	token := ""
	if cookie, err := c.Request.Cookie(m.Cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := m.Load(access.Once(c.Request.Context()), token)
	if err != nil {
		s.Log.Error("a session cannot be read", "err", err)
		c.String(http.StatusServiceUnavailable, "The sessions cannot be read. Try again in a minute.\n")
		return
	}
	c.Request = c.Request.WithContext(ctx)
	w := &sessionWriter{ResponseWriter: c.Writer, c: c, site: s}
	c.Writer = w
	next()
	w.commit()
	c.Writer = w.ResponseWriter
}

// sessionWriter commits the session when the answer begins.
type sessionWriter struct {
	gin.ResponseWriter
	c    *gin.Context
	site *Site
	done bool
}

func (w *sessionWriter) commit() {
	if w.done {
		return
	}
	w.done = true
	m, ctx := w.site.Sessions, w.c.Request.Context()
	switch m.Status(ctx) {
	case scs.Modified:
		token, expiry, err := m.Commit(ctx)
		if err != nil {
			w.site.Log.Error("a session cannot be written", "err", err)
			return
		}
		m.WriteSessionCookie(ctx, w.ResponseWriter, token, expiry)
	case scs.Destroyed:
		m.WriteSessionCookie(ctx, w.ResponseWriter, "", time.Time{})
	}
}

func (w *sessionWriter) WriteHeader(code int) {
	// gin writes the status late: WriteHeaderNow is the moment.
	w.ResponseWriter.WriteHeader(code)
}

func (w *sessionWriter) WriteHeaderNow() {
	w.commit()
	w.ResponseWriter.WriteHeaderNow()
}

func (w *sessionWriter) Write(b []byte) (int, error) {
	w.commit()
	return w.ResponseWriter.Write(b)
}

func (w *sessionWriter) WriteString(v string) (int, error) {
	w.commit()
	return w.ResponseWriter.WriteString(v)
}

func (w *sessionWriter) Flush() {
	w.commit()
	w.ResponseWriter.Flush()
}
