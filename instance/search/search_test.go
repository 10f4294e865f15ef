package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/archive"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const own = iri.Host("ministry.example")

var now = time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)

const (
	anna   = iri.IRI("https://ministry.example/u/anna")
	bert   = iri.IRI("https://ministry.example/u/bert")
	europe = iri.IRI("https://ministry.example/o/europe")
	legal  = iri.IRI("https://ministry.example/o/legal")
	paris  = iri.IRI("https://embassy.example/o/paris")
	arctic = iri.IRI("https://ministry.example/g/arctic")
)

// desk is a store with two offices of ours, a person in each, and an embassy elsewhere.
type desk struct {
	*Search
	t testing.TB
}

func newSearch(s *models.Store) *Search {
	return &Search{Store: s, Guard: policy.NewGuard(config.Defaults()), Rules: iri.RulesFor(own), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
}

func newDesk(t testing.TB, s *models.Store) *desk {
	d := &desk{newSearch(s), t}
	d.tx(func(ctx context.Context, tx bun.Tx) error {
		var all []error
		for id, name := range map[iri.IRI]string{anna: "Anna Desk", bert: "Bert Legal", europe: "Europe Desk", legal: "Legal Adviser", paris: "Embassy in Paris"} {
			at := strings.LastIndexByte(string(id), '/')
			kind := models.TypeOrganization
			if id == anna || id == bert {
				kind = models.TypePerson
			}
			all = append(all, models.InsertActor(ctx, tx, &models.Actor{IRI: id, Host: id.Host(), Local: id.Host() == own, Type: kind, Username: string(id[at+1:]), Name: name, CreatedAt: 1}))
		}
		all = append(all, models.InsertOffice(ctx, tx, &models.Office{IRI: europe, Code: "EUR", Title: "Europe Desk", CreatedAt: 1}))
		for person, office := range map[iri.IRI]iri.IRI{anna: europe, bert: legal} {
			all = append(all, models.GrantMandate(ctx, tx, &models.Mandate{Office: office, Person: person, Act: models.ActRead, GrantedAt: 1, GrantedBy: "operator"}))
		}
		return errors.Join(all...)
	})
	return d
}

func (d *desk) tx(fn func(ctx context.Context, tx bun.Tx) error) {
	d.t.Helper()
	if err := d.Store.InTx(d.t.Context(), fn); err != nil {
		d.t.Fatal(err)
	}
}

// letter is a dispatch in short.
type letter struct {
	id         string
	version    int64
	from       iri.IRI
	to         []iri.IRI
	community  iri.IRI
	reference  string
	subject    string
	paragraphs []string
	language   string
	kind       string
	marking    string
	rank       int64
	tags       []string
	at         time.Time
}

func (l letter) iri() iri.IRI { return iri.IRI("https://ministry.example/d/" + l.id) }

func (l letter) row() *models.Dispatch {
	w := &vocab.Dispatch{ID: l.iri(), AttributedTo: l.from, Name: l.subject, Published: l.at, AuthenticLanguage: l.language}
	for i, p := range l.paragraphs {
		p = "<p>" + html.EscapeString(p) + "</p>"
		w.Paragraphs = append(w.Paragraphs, vocab.Paragraph{ID: fmt.Sprint(i + 1), Content: p})
		w.Content += p
	}
	if len(l.paragraphs) == 0 {
		w.Content = "<p></p>"
	}
	return &models.Dispatch{IRI: l.iri(), Version: max(l.version, 1), Origin: models.OriginIssued, Author: l.from, AuthorHost: l.from.Host(), Community: l.community, Reference: l.reference, Kind: l.kind,
		Subject: l.subject, Precedence: "ROUTINE", Marking: l.marking, MarkingRank: l.rank, Language: l.language, Activity: l.iri() + "/create", Document: w.Encode(), Digest: "d" + fmt.Sprint(l.version),
		State: models.DispatchInForce, PublishedAt: models.At(l.at), DistributedAt: models.At(l.at), CreatedAt: models.At(now)}
}

// keep stores letters as a release or an arrival does, and indexes them.
func (d *desk) keep(letters ...letter) {
	d.t.Helper()
	for i, l := range letters {
		if l.at.IsZero() {
			l.at = now.Add(-time.Hour).Add(time.Duration(i) * time.Minute)
		}
		if l.kind == "" {
			l.kind = "cable"
		}
		if l.marking == "" {
			l.marking = "UNCLASSIFIED"
		}
		if l.reference == "" {
			l.reference = "EUR 2026/" + l.id
		}
		d.tx(func(ctx context.Context, tx bun.Tx) error {
			if _, err := models.InsertDispatch(ctx, tx, l.row()); err != nil {
				return err
			}
			var to []models.Addressee
			for _, a := range l.to {
				to = append(to, models.Addressee{Dispatch: l.iri(), Actor: a, Host: a.Host(), Role: models.RoleAction, Local: a.Host() == own})
			}
			return errors.Join(models.InsertAddressees(ctx, tx, to), models.InsertTags(ctx, tx, l.iri(), l.tags))
		})
	}
	d.settle()
}

func (d *desk) archive(id string, r archive.Record, at time.Time) {
	d.t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.tx(func(ctx context.Context, tx bun.Tx) error {
		name := iri.IRI("https://ministry.example/r/" + id)
		_, err := models.InsertDispatch(ctx, tx, &models.Dispatch{IRI: name, Version: 1, Origin: models.OriginArchive, Author: legal, AuthorHost: own, Reference: "frus/" + id, Kind: r.Kind, Subject: r.Subject,
			Precedence: r.Precedence, Marking: r.Marking, Language: r.Language, Activity: name, Document: body, Digest: id, State: models.DispatchInForce, PublishedAt: models.At(at), DistributedAt: -1, CreatedAt: 1})
		return err
	})
	d.settle()
}

// settle indexes until nothing waits, and holds the state to the invariants.
func (d *desk) settle() {
	d.t.Helper()
	for {
		n, err := d.Step(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	d.whole()
}

func (d *desk) whole() {
	d.t.Helper()
	for _, q := range models.InvariantQueries {
		if q.Invariant != "the index equals what is kept" {
			continue
		}
		rows, err := models.Violations(d.t.Context(), d.Store.R, q, 0)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(rows) > 0 {
			d.t.Errorf("%s: %q", q.Problem, rows)
		}
	}
}

// find returns the last parts of the ids of what is found, in order.
func (d *desk) find(person iri.IRI, text string) []string {
	d.t.Helper()
	q, err := Parse(text)
	if err != nil {
		d.t.Fatalf("%s: %v", text, err)
	}
	return ids(d.all(person, q, pageMost))
}

func ids(hits []Hit) []string {
	out := []string{}
	for _, h := range hits {
		out = append(out, string(h.ID[strings.LastIndexByte(string(h.ID), '/')+1:]))
	}
	return out
}

// all reads page after page.
func (d *desk) all(person iri.IRI, q Query, size int) (hits []Hit) {
	d.t.Helper()
	for from := ""; ; {
		p, err := d.Find(d.t.Context(), person, q, from, size)
		if err != nil {
			d.t.Fatalf("%s: %v", q.Text, err)
		}
		hits = append(hits, p.Hits...)
		if from = p.Next; from == "" {
			return hits
		}
		if len(p.Hits) != size {
			d.t.Fatalf("%s: a page of %d and more to come", q.Text, len(p.Hits))
		}
	}
}

func (d *desk) expect(person iri.IRI, want map[string]string) {
	d.t.Helper()
	for text, ids := range want {
		if got := strings.Join(d.find(person, text), " "); got != ids {
			d.t.Errorf("%s finds %q, want %q", text, got, ids)
		}
	}
}

func TestFind(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(
			letter{id: "000001", from: europe, to: []iri.IRI{paris}, subject: "Negotiations on Arctic fisheries", paragraphs: []string{"The Ambassador negotiated with the Ministry.", "Reykjavík proposed a treaty."}, language: "en", tags: []string{"Arctic", "Law of the sea"}},
			letter{id: "000002", from: paris, to: []iri.IRI{europe}, subject: "Pêcheries de l’Arctique", paragraphs: []string{"L’ambassadeur a négocié à Genève ; les négociations continuent.", "Un traité est prêt."}, language: "fr", kind: "noteVerbale"},
			letter{id: "000003", from: europe, to: []iri.IRI{europe}, subject: "مذكرة شفوية", paragraphs: []string{"تهدي وزارةُ الخارجية تحياتها إلى السفارة.", "وتُشيرُ إلى كِتَابٍ سابق"}, language: "ar"},
			letter{id: "000004", from: legal, to: []iri.IRI{paris}, subject: "Negotiations elsewhere", paragraphs: []string{"Not for the Europe desk."}, language: "en"},
		)
		d.archive("d1", archive.Record{Kind: "telegram", Subject: "Telegram from Ankara", Marking: "Secret", Precedence: "NIACT", Language: "en", From: "The Embassy in Turkey", To: "Department of State", Tags: []string{"PFOR"},
			Paragraphs: []archive.Paragraph{{Text: "1017. From Under Secretary. The negotiations on Cyprus were delayed."}}}, time.Date(1964, 2, 11, 18, 0, 0, 0, time.UTC))
		d.archive("d2", archive.Record{Kind: "editorial-note", Subject: "Editorial Note"}, time.Time{})
		d.expect(anna, map[string]string{
			"negotiation":                    "000001 d1",
			"négocier":                       "000002",
			"NEGOCIE":                        "000002",
			"treaties":                       "000001",
			"traités":                        "000002",
			"reykjavik":                      "000001",
			"geneve":                         "000002",
			"وزارة":                          "000003",
			"والوزارة":                       "000003",
			"كتاب":                           "000003",
			"الكتاب":                         "000003",
			`"وزارة الخارجية"`:               "000003",
			`"the ambassador negotiates"`:    "000001",
			`"ambassador the"`:               "",
			`"ministry reykjavik"`:           "", // in two paragraphs
			`« un traité »`:                  "000002",
			"negot*":                         "000001 d1",
			"negotiated*":                    "000001",
			"fish* arctic":                   "000001",
			"negotiations -cyprus":           "000001",
			"-negotiations":                  "000003 000002 d2",
			`negotiations -"the ambassador"`: "d1",
			"from:paris":                     "000002",
			"from:embassy.example":           "000002",
			`from:"embassy in paris"`:        "000002",
			"from:eur":                       "000003 000001",
			"to:paris":                       "000001",
			"from:turkey":                    "d1",
			"to:state":                       "d1",
			"from:" + string(europe):         "000003 000001",
			`ref:"EUR 2026/000001"`:          "000001",
			"ref:1":                          "000001",
			"2026/000002":                    "000002",
			"tag:arctic":                     "000001",
			`tag:"law of the sea"`:           "000001",
			"tag:law":                        "",
			"tag:law*":                       "000001",
			"tag:pfor":                       "d1",
			"kind:noteverbale":               "000002",
			"marking:secret":                 "d1",
			"precedence:niact":               "d1",
			"lang:fr":                        "000002",
			"in:archive":                     "d1 d2",
			"in:live":                        "000003 000002 000001",
			"after:2026":                     "000003 000002 000001",
			"before:1970":                    "d1",
			"after:1964-02 before:1964-03":   "d1",
			"after:1964-02-11 before:1964-02-12 telegram": "d1",
			"before:1964-02-11":                           "",
			"after: 2026 from: paris":                     "000002",
			"arctic from:paris lang:en":                   "",
			"Re: Arctic":                                  "", // "Re" is a word
			"editorial":                                   "d2",
			"telegram — ankara":                           "d1",
		})
		// The other desk sees its own alone, and what is archived.
		d.expect(bert, map[string]string{"negotiations": "000004 d1", "arctic": "", "from:paris": "", "وزارة": "", "in:live": "000004"})
		if got, want := d.find("https://ministry.example/u/nobody", "negotiations"), []string{"d1"}; !slices.Equal(got, want) {
			t.Errorf("a person without an office finds %q", got)
		}
	})
}
