package drafting

import (
	"io"
	"net/http"

	"valise/ui/page"
)

// upload attaches a file.
func (a *area) upload(r *page.Request) error {
	f := form{Of: "file", Marking: r.Field("marking")}
	header, err := r.Context.FormFile("file")
	if err != nil {
		return a.refused(r, page.Invalid("%s", r.T("drafting.file.missing")), f)
	}
	body, err := header.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	out, err := a.Drafting.Attach(r.Ctx(), r.Person(), r.Param("id"), header.Filename, f.Marking, body)
	if err != nil {
		return a.refused(r, err, f)
	}
	return done(r, out, "files")
}

// file changes the marking of an attachment or takes it out.
func (a *area) file(r *page.Request) error {
	var err error
	if r.Field("do") == "remove" {
		err = a.Drafting.Detach(r.Ctx(), r.Person(), r.Param("id"), r.Field("digest"))
	} else {
		err = a.Drafting.MarkFile(r.Ctx(), r.Person(), r.Param("id"), r.Field("digest"), r.Field("marking"))
	}
	if err != nil {
		return a.refused(r, err, form{Of: "file"})
	}
	return done(r, map[string]bool{"done": true}, "files")
}

// download hands an attachment of a draft out, never to be shown in the page's place.
func (a *area) download(r *page.Request) error {
	f, body, err := a.Drafting.OpenFile(r.Ctx(), r.Person(), r.Param("id"), r.Param("digest"))
	if err != nil {
		return err
	}
	defer body.Close()
	r.Attach(f.Name)
	r.Writer.Header().Set("Content-Type", f.MediaType)
	r.Status(http.StatusOK)
	_, err = io.Copy(r.Writer, body)
	return err
}
