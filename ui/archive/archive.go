// Package archive is where printed correspondence that was imported is browsed: by volume,
// by date, one record with all that its editors printed, and the thread that it belongs to.
package archive

import (
	"embed"
	"net/url"
	"strconv"
	"strings"
	"time"

	"valise/instance/archive"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

type area struct{ archive *archive.Archive }

// New builds the area over the service.
func New(s *archive.Archive) page.Area {
	a := &area{s}
	return page.Area{Name: "archive", Files: files, Mount: func(r *page.Routes) {
		r.Signed("GET", "/archive", a.volumes)
		r.Signed("GET", "/archive/records", a.records)
		r.Signed("GET", "/archive/at/:host/*path", a.open)
	}}
}

const (
	volumesPage = 50
	recordsPage = 50
)

type volumeRow struct {
	*models.ArchiveVolumeCount
	Href string
}

// Years is the span of a volume's dated records: "1961–1963", "" where none is dated.
func (v volumeRow) Years() string {
	if v.First == 0 && v.Last == 0 {
		return ""
	}
	first, last := v.First.Time().UTC().Year(), v.Last.Time().UTC().Year()
	if first == last {
		return strconv.Itoa(first)
	}
	return strconv.Itoa(first) + "–" + strconv.Itoa(last)
}

type volumesView struct {
	Volumes     []volumeRow
	First, Next string
}

func (a *area) volumes(r *page.Request) error {
	after := r.Field("after")
	rows, err := a.archive.Volumes(r.Ctx(), a.archive.Reader(r.Person()), "", after, volumesPage+1)
	if err != nil {
		return err
	}
	v := volumesView{}
	if len(rows) > volumesPage {
		rows = rows[:volumesPage]
		v.Next = "/archive?" + url.Values{"after": {rows[volumesPage-1].Volume}}.Encode()
	}
	if after != "" {
		v.First = "/archive"
	}
	for _, row := range rows {
		v.Volumes = append(v.Volumes, volumeRow{row, "/archive/records?" + url.Values{"volume": {row.Volume}}.Encode()})
	}
	return r.Render(page.Page{Name: "archive/volumes", Title: r.T("archive.title"), Nav: "archive", Wide: true, Data: v})
}

type recordRow struct {
	*models.ArchivePlace
	Href    string
	Kind    string
	Undated bool
	// Of a thread: This is the record that it was asked for, Points are what this one
	// refers to within it.
	This   bool
	Points []models.ArchivePlace
}

func row(r *page.Request, p *models.ArchivePlace) recordRow {
	return recordRow{ArchivePlace: p, Href: page.ObjectPath("archive/at", p.IRI), Kind: kind(r, p.Kind), Undated: p.DatedFrom >= models.ArchiveUndated}
}

// kind names a kind of paper in words.
func kind(r *page.Request, k string) string {
	if k == "other" {
		return r.T("correspondence.kind.otherpaper")
	}
	return r.Word("correspondence.kind."+strings.ReplaceAll(k, "-", ""), k)
}

type recordsView struct {
	Volume, VolumeTitle, Licence string
	From, Until                  string
	WhyFrom, WhyUntil            string
	Rows                         []recordRow
	First, Next                  string
}

// address is that of one page of a list.
func (v recordsView) address(at archive.Cursor) string {
	q := url.Values{}
	for name, value := range map[string]string{"volume": v.Volume, "from": v.From, "until": v.Until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if at.Dispatch != "" {
		q.Set("after", strconv.FormatInt(at.At, 10)+" "+string(at.Dispatch))
	}
	return "/archive/records?" + q.Encode()
}

// cursor reads where a list goes on; ok is false for what is none.
func cursor(text string) (at archive.Cursor, ok bool) {
	if text == "" {
		return at, true
	}
	n, id, found := strings.Cut(text, " ")
	place, err := strconv.ParseInt(n, 10, 64)
	return archive.Cursor{At: place, Dispatch: iri.IRI(id)}, found && err == nil && id != ""
}

// day reads the first moment of a day, or of a year that stands alone; next is that of
// the one after.
func day(text string) (first, next time.Time, ok bool) {
	if y, err := time.Parse("2006", text); err == nil {
		return y, y.AddDate(1, 0, 0), true
	}
	d, err := time.Parse(time.DateOnly, text)
	return d, d.AddDate(0, 0, 1), err == nil
}

// records lists a volume in printed order, or all volumes from a day to another.
func (a *area) records(r *page.Request) error {
	v := recordsView{Volume: r.Field("volume"), From: strings.TrimSpace(r.Field("from")), Until: strings.TrimSpace(r.Field("until"))}
	f := archive.Filter{Volume: v.Volume}
	if v.From != "" {
		first, _, ok := day(v.From)
		if f.From = models.At(first); !ok {
			v.WhyFrom = r.T("archive.baddate", "Date", v.From)
		}
	}
	if v.Until != "" {
		_, next, ok := day(v.Until)
		if f.Until = models.At(next); !ok {
			v.WhyUntil = r.T("archive.baddate", "Date", v.Until)
		}
	}
	at, ok := cursor(r.Field("after"))
	if !ok {
		return page.Invalid("%s", r.T("archive.badpage"))
	}
	title := r.T("archive.bydate")
	if v.WhyFrom != "" || v.WhyUntil != "" {
		r.Status(422)
	} else {
		p, err := a.archive.List(r.Ctx(), a.archive.Reader(r.Person()), f, at, recordsPage)
		if err != nil {
			return err
		}
		if v.Volume != "" && len(p.Records) == 0 && f.From == 0 && f.Until == 0 {
			return page.NotFound
		}
		for _, p := range p.Records {
			v.Rows = append(v.Rows, row(r, p))
		}
		v.VolumeTitle, v.Licence = p.VolumeTitle, p.Licence
		if p.Next.Dispatch != "" {
			v.Next = v.address(p.Next)
		}
	}
	if v.Volume != "" {
		if title = v.VolumeTitle; title == "" {
			title = v.Volume
		}
	}
	if at.Dispatch != "" {
		v.First = v.address(archive.Cursor{})
	}
	return r.Render(page.Page{Name: "archive/records", Title: title, Nav: "archive", Wide: true, Data: v})
}
