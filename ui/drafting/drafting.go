// Package drafting is the pages of those who write, clear and release: the drafts of an
// office, the editor of one, who will be able to read it, and the queue of releases.
package drafting

import (
	"embed"
	"net/http"
	"net/url"

	"valise/config"
	"valise/instance/drafting"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the pages stand on.
type Services struct {
	Drafting *drafting.Drafting
	Limits   config.Attachments
}

type area struct {
	Services
	streams streams
}

// uploadMore is what a form around a file may add to it, in bytes.
const uploadMore = 64 << 10

// New builds the area.
func New(s Services) page.Area {
	a := &area{Services: s}
	return page.Area{Name: "drafting", Files: files, Mount: func(r *page.Routes) {
		r.Signed("GET", "/drafts", a.list)
		r.Signed("GET", "/drafts/new", a.new)
		r.Signed("POST", "/drafts/new", a.begin)
		r.Signed("GET", "/drafts/find", a.find)
		r.Signed("GET", "/drafts/addresses", a.addresses)
		r.Signed("POST", "/drafts/addresses", a.define)
		r.Signed("GET", "/drafts/:id", a.open)
		for verb, h := range map[string]page.Handler{"paragraph": a.paragraph, "settle": a.settle, "head": a.head, "comment": a.comment, "address": a.address, "refer": a.refer, "file": a.file, "presence": a.presence,
			"ask": a.ask, "clear": a.clear, "discard": a.discard} {
			r.Signed("POST", "/drafts/:id/"+verb, h)
		}
		r.Upload("/drafts/:id/files", int64(s.Limits.MaxFile)+uploadMore, a.upload)
		for verb, h := range map[string]page.Handler{"preview": a.preview, "history": a.history, "compare": a.compare, "clear": a.decide, "check": a.check, "discard": a.askDiscard, "events": a.events, "pulse": a.pulse, "files/:digest": a.download} {
			r.Signed("GET", "/drafts/:id/"+verb, h)
		}
		r.Signed("GET", "/release", a.queue)
		r.Signed("GET", "/release/:id", a.before)
		r.Signed("POST", "/release/:id", a.release)
	}}
}

func draftPath(id, anchor string) string {
	if anchor != "" {
		anchor = "#" + anchor
	}
	return "/drafts/" + url.PathEscape(id) + anchor
}

// done answers what has been done: a script with JSON, a form with the draft.
func done(r *page.Request, answer any, anchor string) error {
	if r.Scripted() {
		r.Context.JSON(http.StatusOK, answer)
		return nil
	}
	return r.See(draftPath(r.Param("id"), anchor))
}

// refused shows the draft again with what was typed and why it was refused; a fault, and
// what scripts ask for, goes its usual way.
func (a *area) refused(r *page.Request, err error, f form) error {
	why, mine := r.Refusal(err)
	if !mine || r.Scripted() {
		return err
	}
	f.Why = why
	status := http.StatusUnprocessableEntity
	if c := drafting.Code(err); c == drafting.CodeStale || c == drafting.CodeClosed || c == "unsettled" {
		status = http.StatusConflict
	}
	return a.show(r, status, f)
}
