package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/archive"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
	"valise/models/modeltest"
)

const own = iri.Host("ministry.example")

var now = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

type world struct {
	*archive.Archive
	t         *testing.T
	office    iri.IRI
	community iri.IRI
	reader    audience.Reader
}

func open(t *testing.T, s *models.Store) *world {
	t.Helper()
	w := &world{&archive.Archive{Store: s, Guard: policy.NewGuard(config.Defaults()), Own: own, Now: func() time.Time { return now }}, t, "", "", audience.Reader{}}
	office := accounts.Actor(own, models.TypeOrganization, "archive", "Archive", now)
	group := accounts.Actor(own, models.TypeGroup, "salon", "Salon", now)
	w.office, w.community = office.IRI, group.IRI
	w.reader = audience.Reader{Actor: iri.IRI(own.Base() + "/u/anna"), Host: own, Local: true, Ceiling: w.Guard.Holds()}
	err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return errors.Join(models.InsertActor(ctx, tx, office), models.InsertActor(ctx, tx, group),
			models.InsertOffice(ctx, tx, &models.Office{IRI: office.IRI, Code: "ARCH", Title: "Archive", CreatedAt: models.At(now)}),
			models.SaveCommunity(ctx, tx, &models.Community{IRI: group.IRI, Local: true, Name: "Salon", Office: office.IRI, Ceiling: 2, CreatedAt: models.At(now)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// volume is a file of n documents, each of which points at the next one.
func volume(name string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<TEI><teiHeader><fileDesc><titleStmt><title type="complete">Volume %s</title></titleStmt><publicationStmt><idno type="frus">%s</idno></publicationStmt></fileDesc></teiHeader><text><body>`, name, name)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `<div type="document" xml:id="d%d" n="%d"><head>%d. Letter From <persName type="from" corresp="#p_A">Ada</persName> to <persName type="to">Ben</persName></head>
			<dateline><placeName>Paris</placeName>, <date when="1964-05-%02d">May</date></dateline><p>Text %d. See <ref target="#d%d">Document %d</ref>.</p></div>`, i, i, i, 1+i%28, i, i+1, i+1)
	}
	b.WriteString(`</body></text></TEI>`)
	return b.String()
}

func (w *world) run(text string, change ...func(*archive.Target)) *archive.Report {
	w.t.Helper()
	return w.file("file.xml", text, change...)
}

func (w *world) file(name, text string, change ...func(*archive.Target)) *archive.Report {
	w.t.Helper()
	target := archive.Target{By: "test", Office: w.office}
	for _, c := range change {
		c(&target)
	}
	r, err := w.ImportFile(w.t.Context(), target, name, false, strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) count(query string) int {
	w.t.Helper()
	n := 0
	if err := w.Store.R.NewRaw(query).Scan(w.t.Context(), &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

const records = `SELECT COUNT(*) FROM dispatches WHERE origin = 'archive'`

func numbers(r *archive.Report) string {
	return fmt.Sprintf("%d documents, %d new, %d known, %d attached, %d skipped, failed %q", r.Documents, r.New, r.Known, r.Attached, r.Skipped, r.Failed)
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestImportTwice(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := open(t, s)
		r := w.run(volume("v1", 300))
		expect(t, "first", numbers(r), `300 documents, 300 new, 0 known, 0 attached, 0 skipped, failed ""`)
		expect(t, "volume", r.Volume+", "+r.Title, "v1, Volume v1")
		r = w.run(volume("v1", 301))
		expect(t, "again, with one more", numbers(r), `301 documents, 1 new, 300 known, 0 attached, 0 skipped, failed ""`)
		expect(t, "rows", w.count(records), 301)
		expect(t, "places", w.count(`SELECT COUNT(*) FROM archive_records`), 301)
		expect(t, "references", w.count(`SELECT COUNT(*) FROM dispatch_references`), 301)
		expect(t, "activities and deliveries", w.count(`SELECT (SELECT COUNT(*) FROM activities) + (SELECT COUNT(*) FROM deliveries)`), 0)
		for _, i := range models.InvariantQueries {
			if found, err := models.Violations(t.Context(), s.R, i, w.Guard.Federates()); err != nil || len(found) > 0 {
				t.Errorf("%s: %v (%v)", i.Problem, found, err)
			}
		}
		expect(t, "audit", w.count(`SELECT COUNT(*) FROM audit WHERE act = 'imported'`), 2)
	})
}

// Two texts under one id: the first stays, and the report says so.
func TestDoubledID(t *testing.T) {
	w := open(t, modeltest.DB(t))
	one, two := `<div type="document" xml:id="d1"><p>One.</p></div>`, `<div type="document" xml:id="d1"><p>Two.</p></div>`
	r := w.run("<TEI>" + one + two + "</TEI>")
	expect(t, "in one file", numbers(r), `2 documents, 1 new, 0 known, 0 attached, 1 skipped, failed ""`)
	r = w.run("<TEI>" + two + "</TEI>")
	expect(t, "later", numbers(r), `1 documents, 0 new, 0 known, 0 attached, 1 skipped, failed ""`)
	expect(t, "why", r.Problems[0].Document+": "+r.Problems[0].Reason, "d1: another text is here under its id, from this file or an earlier one, and stays")
	v, err := w.Show(t.Context(), w.reader, archive.ID(own, "file", "d1"))
	if err != nil || v.Record.Paragraphs[0].Text != "One." {
		t.Errorf("%+v (%v)", v, err)
	}
}

// An import that ends at any byte is gone on with by the same import.
func TestImportGoesOn(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := open(t, s)
		text := volume("v1", 120)
		lost := errors.New("the client is gone")
		for at := 0; at < len(text); at += len(text)/5 + 1 {
			in := io.MultiReader(strings.NewReader(text[:at]), iotest.ErrReader(lost))
			if _, err := w.ImportFile(t.Context(), archive.Target{By: "test", Office: w.office}, "file.xml", false, in); !errors.Is(err, lost) {
				t.Fatalf("cut at %d: %v", at, err)
			}
		}
		before := w.count(records)
		if before == 0 || before == 120 {
			t.Errorf("%d records were kept before the file was whole", before)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.ImportFile(ctx, archive.Target{By: "test", Office: w.office}, "file.xml", false, strings.NewReader(text)); !errors.Is(err, context.Canceled) {
			t.Errorf("a stopped import: %v", err)
		}
		r := w.run(text)
		expect(t, "known", r.Known, before)
		expect(t, "rows", w.count(records), 120)
		expect(t, "doubled places", w.count(`SELECT COUNT(*) FROM (SELECT position FROM archive_records GROUP BY position HAVING COUNT(*) > 1) AS x`), 0)
	})
}

func TestDryRunKeepsNothing(t *testing.T) {
	w := open(t, modeltest.DB(t))
	r, err := w.ImportFile(t.Context(), archive.Target{By: "test", Office: w.office}, "file.xml", true, strings.NewReader(volume("v1", 30)))
	if err != nil || !r.DryRun {
		t.Fatal(r, err)
	}
	expect(t, "told", numbers(r), `30 documents, 30 new, 0 known, 0 attached, 0 skipped, failed ""`)
	expect(t, "rows", w.count(`SELECT (SELECT COUNT(*) FROM dispatches) + (SELECT COUNT(*) FROM archive_volumes) + (SELECT COUNT(*) FROM audit)`), 0)
}

func TestTargetsAreOurs(t *testing.T) {
	w := open(t, modeltest.DB(t))
	for _, target := range []archive.Target{
		{Office: w.office + "2"}, {Office: w.office, Community: w.community + "2"}, {Office: w.office, Community: "https://other.example/g/x"},
	} {
		var refused *policy.Refusal
		if _, err := w.ImportFile(t.Context(), target, "file.xml", false, strings.NewReader(volume("v1", 3))); !errors.As(err, &refused) {
			t.Errorf("%+v: %v", target, err)
		}
	}
	expect(t, "rows", w.count(records), 0)
}

func TestFilesThatFail(t *testing.T) {
	w := open(t, modeltest.DB(t))
	for text, want := range map[string]string{
		`<!DOCTYPE x><TEI/>`:     "it declares a document type",
		`<TEI><text/></TEI>`:     "it has no document",
		"\xff\xfe<\x00":          "UTF-16",
		volume("cut", 40)[:9000]: "it ends inside an element",
		`{"not": "xml"}`:         "it holds no XML",
		`<?xml version="1.0" encoding="ISO-8859-1"?><TEI/>`: "only UTF-8 is read",
	} {
		r := w.run(text)
		if !strings.Contains(r.Failed, want) {
			t.Errorf("%.40q failed with %q, want %q", text, r.Failed, want)
		}
	}
	if n := w.count(records); n == 0 || n >= 40 {
		t.Errorf("%d records of the file that was cut", n)
	}
	r := w.run(`<TEI><div type="document" xml:id="d1"><p>x</div><div type="document" xml:id="d2"><p>Text.</p></div></TEI>`)
	expect(t, "one of two", numbers(r), `1 documents, 1 new, 0 known, 0 attached, 1 skipped, failed ""`)
	expect(t, "why", fmt.Sprintf("%+v", r.Problems), `[{Document:d1 Element:p Offset:48 Reason:</div> closes <p> Kept:false}]`)
}

func TestCommunity(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := open(t, s)
		w.run(volume("v1", 10))
		shared := func(t *archive.Target) { t.Community = w.community }
		expect(t, "attached later", numbers(w.run(volume("v1", 12), shared)), `12 documents, 2 new, 10 known, 10 attached, 0 skipped, failed ""`)
		expect(t, "once", numbers(w.run(volume("v1", 12), shared)), `12 documents, 0 new, 12 known, 0 attached, 0 skipped, failed ""`)

		guest := iri.IRI("https://institute.example/u/ida")
		member := &models.Member{Community: w.community, Actor: guest, Host: guest.Host(), Role: models.RoleGuest, Ceiling: 2, State: models.MemberActive, Since: models.At(now), HistoryFrom: models.At(now) - 1000}
		if err := models.SaveMember(t.Context(), s.W, member); err != nil {
			t.Fatal(err)
		}
		r := audience.Reader{Actor: guest, Host: guest.Host(), Standing: models.PeerGuest, Ceiling: 2}
		w.run(volume("v2", 5))
		p, err := w.List(t.Context(), r, archive.Filter{}, archive.Cursor{}, 100)
		if err != nil || len(p.Records) != 12 {
			t.Errorf("a member lists %d records (%v)", len(p.Records), err)
		}
		if _, err := w.Show(t.Context(), r, archive.ID(own, "v1", "d3")); err != nil {
			t.Errorf("a member reads: %v", err)
		}
		var refused *policy.Refusal
		if _, err := w.Show(t.Context(), r, archive.ID(own, "v2", "d3")); !errors.As(err, &refused) || refused.Status != 404 {
			t.Errorf("what is in no community of hers: %v", err)
		}
		if _, err := w.Thread(t.Context(), r, archive.ID(own, "v2", "d3")); !errors.As(err, &refused) || refused.Status != 404 {
			t.Errorf("its thread: %v", err)
		}
	})
}

func TestListHasPages(t *testing.T) {
	w := open(t, modeltest.DB(t))
	w.run(volume("v1", 25))
	for _, f := range []archive.Filter{{}, {Volume: "v1"}, {Office: w.office}} {
		seen := map[iri.IRI]bool{}
		var at archive.Cursor
		for range 10 {
			p, err := w.List(t.Context(), w.reader, f, at, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Records {
				seen[r.IRI] = true
				if f.Volume != "" && int(r.Position) != len(seen) {
					t.Errorf("record %d is the %dth", r.Position, len(seen))
				}
			}
			if at = p.Next; at.Dispatch == "" {
				break
			}
		}
		expect(t, fmt.Sprintf("records of %+v", f), len(seen), 25)
	}
	volumes, err := w.Volumes(t.Context(), w.reader, "", "", 10)
	if err != nil || len(volumes) != 1 || volumes[0].Records != 25 || volumes[0].Title != "Volume v1" {
		t.Errorf("volumes: %+v (%v)", volumes, err)
	}
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("tei/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is kept of a document is what its reader will want to see of it.
func TestRecordIsWhole(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := open(t, s)
		w.file("frus1969-76ve14p1.part.xml", testdata(t, "frus1969-76ve14p1.xml")) // it does not name itself
		id := archive.ID(own, "frus1969-76ve14p1", "d60")
		v, err := w.Show(t.Context(), w.reader, id)
		if err != nil {
			t.Fatal(err)
		}
		d, r := v.Dispatch, v.Record
		expect(t, "row", fmt.Sprint(d.Origin, "|", d.Reference, "|", d.Kind, "|", d.Marking, "|", w.Guard.Name(d.MarkingRank), "|", d.Signatory, "|", d.PublishedAt), "archive|frus1969-76ve14p1/d60|telegram|Confidential|PUBLIC||1973-11-22T00:22:00Z")
		expect(t, "subject", r.Subject, "KOREA IN THE UN -- SUCCESSFUL OUTCOME")
		expect(t, "header", fmt.Sprint(r.DTG, "|", r.Sender, "|", r.Message, "|", r.Precedence, "|", r.Tags), "R 220022Z NOV 73|SECSTATE WASHDC|230211|ROUTINE|[PFOR UN KN KS]")
		expect(t, "parties", r.From+" to "+r.To, "Department of State to All Diplomatic Posts")
		expect(t, "label", r.Paragraphs[0].Label+"|"+r.Paragraphs[0].Text[:8], "1.|1. GA FI")
		if r.SourceNote == "" || r.Summary == "" {
			t.Errorf("missing: source note %q, summary %q", r.SourceNote, r.Summary)
		}
		p, err := w.List(t.Context(), w.reader, archive.Filter{}, archive.Cursor{}, 1)
		if err != nil || !strings.HasPrefix(p.Records[0].Excerpt, "The Department reported success") {
			t.Errorf("excerpt in a list: %+v (%v)", p.Records[0], err)
		}

		w.run(testdata(t, "frus1861.excerpt.xml"))
		outer, inner := archive.ID(own, "frus1861", "d178"), archive.ID(own, "frus1861", "d178-enc1")
		if v, err = w.Show(t.Context(), w.reader, outer); err != nil {
			t.Fatal(err)
		}
		expect(t, "enclosure", v.Record.Enclosures[0].Record, inner)
		expect(t, "enclosure is here", v.Here[inner], true)
		if v, err = w.Show(t.Context(), w.reader, inner); err != nil {
			t.Fatal(err)
		}
		expect(t, "enclosed in", v.Record.EnclosedIn, outer)

		w.run(testdata(t, "letter.xml"))
		if v, err = w.Show(t.Context(), w.reader, archive.ID(own, "sema.rc", "sema.rc.osm.15700922")); err != nil {
			t.Fatal(err)
		}
		expect(t, "span", fmt.Sprint(v.Record.DateTime, " ", v.Record.Until, " ", v.Record.Precision, " ", v.Record.Uncertain), "1569-01-09T00:00:00 1569-01-18 day true")
		expect(t, "to", v.Record.To, "Muṣṭafā Paşa")
	})
}

func TestThread(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := open(t, s)
		tel := func(id, place, to, number, day, text string) string {
			return fmt.Sprintf(`<div type="document" xml:id="%s"><head>Telegram From the <gloss type="from">%s</gloss> to the <gloss type="to">%s</gloss><note type="source">Source: Files. Secret.</note></head>
				<dateline><placeName>%s</placeName>, <date when="1964-02-%s">x</date></dateline><p>%s. %s</p></div>`, id, map[string]string{"Ankara": "Embassy in Turkey"}[place]+map[string]string{"Washington": "Department of State"}[place], to, place, day, number, text)
		}
		w.run(`<TEI><teiHeader><fileDesc><publicationStmt><idno type="frus">v</idno></publicationStmt></fileDesc></teiHeader>` +
			tel("d1", "Ankara", "Department of State", "1017", "11", "We met.") +
			tel("d2", "Washington", "Embassy in Turkey", "800", "12", `Agreed.<note>In telegram 1017 from Ankara, February 11.</note>`) +
			tel("d3", "Ankara", "Department of State", "1020", "13", `Done. See <ref target="#d2">Document 2</ref>.`) +
			tel("d4", "Ankara", "Department of State", "1030", "14", `Other business.`) + `</TEI>`)
		name := func(id iri.IRI) string {
			for _, n := range []string{"d1", "d2", "d3", "d4"} {
				if id == archive.ID(own, "v", n) {
					return n
				}
			}
			return string(id)
		}
		for _, from := range []string{"d1", "d2", "d3"} {
			thread, err := w.Thread(t.Context(), w.reader, archive.ID(own, "v", from))
			if err != nil {
				t.Fatal(err)
			}
			var order []string
			for _, r := range thread.Records {
				order = append(order, name(r.IRI))
			}
			links := map[string]bool{}
			for _, l := range thread.Links {
				links[name(l.Source)+">"+name(l.Target)] = l.Guessed
			}
			expect(t, "thread of "+from, strings.Join(order, " "), "d1 d2 d3")
			expect(t, "links of "+from, links, map[string]bool{"d2>d1": true, "d3>d2": false})
		}
		thread, err := w.Thread(t.Context(), w.reader, archive.ID(own, "v", "d4"))
		if err != nil || len(thread.Records) != 1 || len(thread.Links) != 0 {
			t.Errorf("a paper alone: %+v (%v)", thread, err)
		}
	})
}

func TestOneImportAtATime(t *testing.T) {
	w := open(t, modeltest.DB(t))
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := w.ImportFile(t.Context(), archive.Target{By: "test", Office: w.office}, "slow.xml", false, in)
		done <- err
	}()
	io.WriteString(out, "<TEI>")
	var refused *policy.Refusal
	if _, err := w.ImportFile(t.Context(), archive.Target{By: "test", Office: w.office}, "b.xml", false, strings.NewReader(volume("v", 1))); !errors.As(err, &refused) || refused.Code != "busy" {
		t.Errorf("a second import at once: %v", err)
	}
	io.WriteString(out, "</TEI>")
	out.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRecordsAreJSONThatDispatchesRead(t *testing.T) {
	w := open(t, modeltest.DB(t))
	w.run(volume("v", 1))
	d, err := models.DispatchByIRI(t.Context(), w.Store.R, archive.ID(own, "v", "d1"))
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		Subject    string
		Paragraphs []struct{ Text, Language string }
	}
	if err := json.NewDecoder(bytes.NewReader(d.Document)).Decode(&content); err != nil || content.Subject == "" || content.Paragraphs[0].Text != "Text 1. See Document 2." {
		t.Errorf("%+v (%v)", content, err)
	}
}
