package tei

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Each excerpt shows a quirk of a real file: LICENCE.md names them.
func TestQuirksOfRealFiles(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		file, volume string
		order        string // ids in order
		id           string // of the one that is looked at
		look         func(t *testing.T, d Document)
	}{
		{"frus1861.excerpt", "frus1861", "d178 d178-enc1", "d178-enc1", func(t *testing.T, d Document) {
			equal(t, "nested in", d.NestedIn, "d178")
			equal(t, "file notes", d.FileNotes, []string{"[Translation.]"})
			equal(t, "place", d.Place, "Paris")
			equal(t, "date", d.DateTime, day(1861, 10, 18))
		}},
		{"frus1872p2v5.excerpt", "frus1872p2v5", "d44 d121", "d44", func(t *testing.T, d Document) {
			equal(t, "undated", d.Precision, Undated)
			equal(t, "title", d.Title, "[Untitled]")
		}},
		{"frus1894Nicaragua.excerpt", "frus1894Nicaragua", "d121 d27", "d121", func(t *testing.T, d Document) {
			equal(t, "dateline", d.Dateline, "Legation of the Republic of Nicaragua, Washington, November 22, 1894. (Received November 23, 1894.)")
			equal(t, "enclosures", len(d.Attachments), 1)
			equal(t, "title of the enclosure", d.Attachments[0].Title, "Mr. Madriz to Mr. Guzman.")
			equal(t, "notes of the enclosure", d.Attachments[0].Notes, []Footnote{{Text: "[Inclosure in No. 121—Cablegram—Translation.]"}})
		}},
		{"frus1936v03.excerpt", "frus1936v03", "d531", "d531", func(t *testing.T, d Document) {
			found := false
			for _, p := range d.Paragraphs {
				found = found || p.Text == "October, 1933–March, 1934 | 5, 500"
			}
			equal(t, "a row of the table as text", found, true)
			equal(t, "from", d.From, "Assistant Chief of the Division of Near Eastern Affairs (Alling)")
		}},
		{"frus1952-54Guat.excerpt", "frus1952-54Guat", "d11 d15 d164", "d11", func(t *testing.T, d Document) {
			equal(t, "kind", d.Kind, KindEditorialNote)
			equal(t, "neither sender nor addressee", d.From+d.To, "")
			equal(t, "references", d.References[:2], []Reference{
				{Kind: ToDocument, Target: "frus1952-54v04#d6", Text: "Foreign Relations, 1952-1954, volume IV, pages 1041-1043 (Document 6)"},
				{Kind: ToDocument, Target: "frus1952-54Guat#d13", Text: "Documents 13"},
			})
		}},
		{"frus1952-54Guat.excerpt", "frus1952-54Guat", "d11 d15 d164", "d164", func(t *testing.T, d Document) {
			equal(t, "a time with a zone", d.Zoned, true)
		}},
		{"frus1964-68v16.excerpt", "frus1964-68v16", "d52", "d52", func(t *testing.T, d Document) {
			about := map[string]string{}
			for _, n := range d.Names {
				about[n.Key] = n.About
			}
			if about["p_TSS1"] == "" || about["t_GOT1"] != "Government of Turkey" {
				t.Errorf("the volume's lists: %q", about)
			}
		}},
		{"frus1969-76ve04.excerpt", "frus1969-76ve04", "d117 d322", "d117", func(t *testing.T, d Document) {
			equal(t, "a month", d.Precision, Month)
			if d.Summary == "" {
				t.Error("no summary")
			}
		}},
		{"frus1969-76ve09p1.excerpt", "frus1969-76ve09p1", "d52", "d52", func(t *testing.T, d Document) {
			equal(t, "from", d.DateTime, time.Date(1976, 6, 2, 9, 18, 0, 0, time.UTC))
			equal(t, "to", d.Until, time.Date(1976, 6, 2, 10, 0, 0, 0, time.UTC))
			equal(t, "summary out of the source note", d.Summary, "Kissinger informed Ford of Sadat’s desire to eliminate Qadhafi.")
			equal(t, "participants", len(d.Participants), 3)
			equal(t, "handling", d.Handling, []string{"Nodis"})
		}},
		{"frus1977-80v21.excerpt", "frus1977-80v21", "d67", "d67", func(t *testing.T, d Document) {
			equal(t, "reference to a footnote", d.References, []Reference{{Kind: ToFootnote, Target: "frus1977-80v21#d31fn5", Text: "footnote 5, Document 31"}})
		}},
		{"letter", "sema.rc", "sema.rc.osm.15700922", "sema.rc.osm.15700922", func(t *testing.T, d Document) {
			equal(t, "from", d.From, "Selim II.")
			equal(t, "to", d.To, "Muṣṭafā Paşa")
			equal(t, "a date that the editors have inferred", d.Uncertain, true)
			equal(t, "from", d.DateTime, day(1569, 1, 9))
			equal(t, "until", d.Until, day(1569, 1, 18))
			languages := map[string]bool{}
			for _, p := range d.Paragraphs {
				languages[p.Language] = true
			}
			equal(t, "languages of the parts", languages, map[string]bool{"ota": true, "de": true})
		}},
		{"letter-without-text", "vipa.l", "vipa.l.hbg.17200606.b1", "vipa.l.hbg.17200606.b1", func(t *testing.T, d Document) {
			equal(t, "text", len(d.Paragraphs), 0)
			equal(t, "what it is attached to", d.References, []Reference{{Kind: ToDocument, Target: "vipa.l#vipa.l.hbg.17200606"}})
			equal(t, "title", d.Title, "Attachment 1 to letter June 6, 1720: latin translation of a letter written by Abdullah Pasa, governor of Niš.")
		}},
		{"letter-list", "qhod.cmif", "qhod.cmif-1 qhod.cmif-2", "qhod.cmif-1", func(t *testing.T, d Document) {
			equal(t, "title", d.Title, "Karl VI to Damad İbrahim Paşa")
			equal(t, "the letter itself", d.References[0].Target, "vipa.l#vipa.l.osm.17200410.2")
		}},
	} {
		t.Run(c.file+" "+c.id, func(t *testing.T) {
			documents, order, report := readFile(t, c.file)
			equal(t, "volume", report.Volume.ID, c.volume)
			equal(t, "order", strings.Join(order, " "), c.order)
			equal(t, "skipped", report.Skipped, 0)
			if report.Volume.Title == "" {
				t.Error("the volume has no title")
			}
			d := documents[c.id]
			equal(t, "volume of the document", d.Volume, c.volume)
			c.look(t, d)
		})
	}
}

// A fragment alone uses a prefix that nothing declares.
func TestFragment(t *testing.T) {
	documents, _, report := readAll(t, `<div type="document" xml:id="d475" n="475" frus:doc-dateTime-min="1946-02-22T13:00:00-05:00" frus:doc-dateTime-max="1946-02-22T13:00:00-05:00">
		<head>The Chargé to the Secretary of State</head><opener><dateline><placeName>Moscow</placeName>, <date when="1946-02-22T21:00:00+03:00">February 22, 1946</date></dateline></opener><p>511. Answer.</p></div>`, "frus1946v06")
	equal(t, "time", documents["d475"].DateTime, time.Date(1946, 2, 22, 18, 0, 0, 0, time.UTC))
	equal(t, "problems", report.Problems, nil)
}

func TestRefusedFiles(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE TEI [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` + wrap(`<div type="document" xml:id="d1"><p>&b;</p></div>`)
	external := `<!DOCTYPE TEI [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + wrap(`<div type="document" xml:id="d1"><p>&x;</p></div>`)
	for name, c := range map[string]struct{ text, why string }{
		"entity bomb":        {bomb, "declares a document type"},
		"external entity":    {external, "declares a document type"},
		"no text at all":     {"", "holds no XML"},
		"a table":            {"id,name\n1,2\n", "holds no XML"},
		"a picture":          {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR<<", "does not begin as XML"},
		"endless first word": {"<" + strings.Repeat("a", 2*maxToken), "does not begin as XML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(c.text), "v", func(Document) error { t.Error("a document was read"); return nil })
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("refused with %v, want %q", err, c.why)
			}
		})
	}
}

func TestWhatCouldNotBeReadIsSaid(t *testing.T) {
	_, _, report := readAll(t, wrap(`<div type="document" xml:id="d1"><dateline><date when="1861-02-31">February 31</date></dateline><figure><graphic url="map.tif"/></figure><p>Text.</p></div>
		<div type="document" xml:id="d2"><p><hi>x</p></div>
		<div type="document" xml:id="d3"><p>Text.</p></div>`), "v")
	var said []string
	for _, p := range report.Problems {
		said = append(said, fmt.Sprintf("%s %s %v %s", p.ID, p.Element, p.Kept, p.Reason))
	}
	equal(t, "problems", said, []string{
		`d1 date true when="1861-02-31" is no date; the printed date is kept`,
		`d1 graphic true the picture "map.tif" is no part of the file`,
		`d2 hi false </p> closes <hi>`,
	})
	equal(t, "documents", report.Documents, 2)
	equal(t, "skipped", report.Skipped, 1)
}

// endless is a file that begins and then repeats one piece.
type endless struct {
	begin, piece []byte
	left         int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	if len(e.begin) > 0 {
		n := copy(p, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	n := copy(p, e.piece)
	e.left -= int64(n)
	return n, nil
}

// Whatever a file repeats, memory stays bounded.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MiB")
	}
	const size, bound = 24 << 20, 16 << 20
	const largest = 64 << 20 // of one document with its nodes, before it is refused
	for name, e := range map[string]*endless{
		"attributes":    {[]byte(`<TEI><div type="document" xml:id="d1"><p `), []byte(`a="` + strings.Repeat("b", 8000) + `" `), size},
		"one attribute": {[]byte(`<TEI><div type="document" xml:id="`), bytes.Repeat([]byte("b"), 8192), size},
		"text":          {[]byte(`<TEI><div type="document" xml:id="d1"><p>`), bytes.Repeat([]byte("word "), 2000), size},
		"nesting":       {[]byte(`<TEI><div type="document" xml:id="d1">`), bytes.Repeat([]byte("<hi>"), 2000), size},
		"outer nesting": {[]byte(`<TEI>`), bytes.Repeat([]byte("<div>"), 2000), size},
		"comment":       {[]byte(`<TEI><!--`), bytes.Repeat([]byte("word "), 2000), size},
		"persons":       {[]byte(`<TEI><front>`), []byte(`<item><persName xml:id="p_1">A</persName>` + strings.Repeat("word ", 1500) + `</item>`), size},
		"one document":  {[]byte(`<TEI><div type="document" xml:id="d1">`), bytes.Repeat([]byte("<p>a</p>"), 1000), size},
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			most := make(chan uint64)
			go func() {
				var m runtime.MemStats
				peak := uint64(0)
				for {
					select {
					case <-stop:
						most <- peak
						return
					case <-time.After(20 * time.Millisecond):
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapInuse)
					}
				}
			}()
			_, err := Read(e, "v", func(Document) error { return nil })
			close(stop)
			if peak := <-most; peak > bound && (name != "one document" || peak > largest) {
				t.Errorf("%d MiB were in use", peak>>20)
			}
			if err != nil && !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
}
