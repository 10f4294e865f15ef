package archive

import (
	"strings"

	"valise/instance/archive"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// open shows a record or the thread that it belongs to.
func (a *area) open(r *page.Request) error {
	path, thread := strings.CutSuffix(r.Param("path"), "/thread")
	for i := range r.Params {
		if r.Params[i].Key == "path" {
			r.Params[i].Value = path
		}
	}
	id, err := r.ObjectID()
	if err != nil {
		return err
	}
	if thread {
		return a.thread(r, id)
	}
	return a.show(r, id)
}

// below is the address of something below a record's page.
func below(id iri.IRI, what string) string {
	path, query, found := strings.Cut(page.ObjectPath("archive/at", id), "?")
	if found {
		return path + "/" + what + "?" + query
	}
	return path + "/" + what
}

// mention is a reference as printed; Href is "" where its target is not here.
type mention struct{ Text, Href string }

type enclosure struct {
	archive.Enclosure
	Href string
}

type recordView struct {
	*archive.View
	Kind       string
	Volume     string // address of its list
	Source     string // title of the volume, else its name
	Thread     string
	Live       string // its page among correspondence
	Mentions   []mention
	Enclosures []enclosure
	EnclosedIn string
	Head       []line
}

// line is one fact at the head: the key of its words, and what is printed.
type line struct{ Key, Text string }

func (a *area) show(r *page.Request, id iri.IRI) error {
	v, err := a.archive.Show(r.Ctx(), a.archive.Reader(r.Person()), id)
	if err != nil {
		return err
	}
	rec := v.Record
	out := recordView{View: v, Kind: kind(r, rec.Kind), Volume: recordsView{Volume: rec.Volume}.address(archive.Cursor{}), Source: v.VolumeTitle, Thread: below(id, "thread"), Live: page.DispatchPath(id)}
	if out.Source == "" {
		out.Source = rec.Volume
	}
	seen := map[mention]bool{}
	for _, m := range rec.Mentions {
		x := mention{Text: m.Text}
		if v.Here[m.Record] {
			x.Href = page.ObjectPath("archive/at", m.Record)
		}
		if x.Text != "" && m.Kind != "footnote" && !seen[x] {
			seen[x] = true
			out.Mentions = append(out.Mentions, x)
		}
	}
	for _, e := range rec.Enclosures {
		x := enclosure{Enclosure: e}
		if v.Here[e.Record] {
			x.Href = page.ObjectPath("archive/at", e.Record)
		}
		out.Enclosures = append(out.Enclosures, x)
	}
	if v.Here[rec.EnclosedIn] {
		out.EnclosedIn = page.ObjectPath("archive/at", rec.EnclosedIn)
	}
	add := func(key string, texts ...string) {
		if text := strings.TrimSpace(strings.Join(texts, "; ")); text != "" {
			out.Head = append(out.Head, line{key, text})
		}
	}
	add("from", rec.From)
	add("to", rec.To)
	add("sender", rec.Sender)
	add("action", rec.Action...)
	add("info", rec.Info...)
	add("date", or(rec.Dateline, rec.Date))
	add("dtg", rec.DTG)
	add("message", rec.Message)
	add("precedence", rec.Precedence)
	add("marking", rec.Marking)
	add("handling", rec.Handling...)
	add("participants", rec.Participants...)
	add("tags", rec.Tags...)
	title := v.Dispatch.Subject
	if title == "" {
		title = or(rec.Title, v.Dispatch.Reference)
	}
	return r.Render(page.Page{Name: "archive/record", Title: title, Nav: "archive", Wide: true, Highest: v.Dispatch.MarkingRank, Data: out})
}

func or(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}

type threadView struct {
	Record string // address of the record
	Rows   []recordRow
}

func (a *area) thread(r *page.Request, id iri.IRI) error {
	t, err := a.archive.Thread(r.Ctx(), a.archive.Reader(r.Person()), id)
	if err != nil {
		return err
	}
	at := map[iri.IRI]*models.ArchivePlace{}
	for _, p := range t.Records {
		at[p.IRI] = p
	}
	points := map[iri.IRI][]models.ArchivePlace{}
	done := map[[2]iri.IRI]bool{}
	for _, l := range t.Links {
		if pair := [2]iri.IRI{l.Source, l.Target}; !done[pair] {
			done[pair] = true
			points[l.Source] = append(points[l.Source], *at[l.Target])
		}
	}
	v := threadView{Record: page.ObjectPath("archive/at", id)}
	for _, p := range t.Records {
		x := row(r, p)
		x.This, x.Points = p.IRI == id, points[p.IRI]
		v.Rows = append(v.Rows, x)
	}
	return r.Render(page.Page{Name: "archive/thread", Title: r.T("archive.thread.title"), Nav: "archive", Wide: true, Data: v})
}
