package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func (d *desk) withdraw(id iri.IRI) {
	d.t.Helper()
	d.tx(func(ctx context.Context, tx bun.Tx) error {
		return models.WithdrawDispatch(ctx, tx, id, models.DispatchWithdrawn, []byte("{}"), "", models.At(now))
	})
}

func (d *desk) rows(query string, args ...any) []string {
	d.t.Helper()
	var out []string
	if err := d.Store.R.NewRaw(query, args...).Scan(d.t.Context(), &out); err != nil {
		d.t.Fatal(err)
	}
	return out
}

// A withdrawal takes every word out in its own transaction, whether or not it was
// indexed, and an indexer that has read the text before cannot bring it back.
func TestErasedTextIsOut(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(letter{id: "1", from: europe, subject: "Secret harbour", paragraphs: []string{"Submarine"}}, letter{id: "2", from: europe, subject: "Harbour"})
		d.expect(anna, map[string]string{"harbour": "2 1"})
		d.withdraw(letter{id: "1"}.iri())
		d.expect(anna, map[string]string{"harbour": "2", "submarine": ""})
		d.whole()
		if got := d.rows(`SELECT body FROM search_text`); !slices.Equal(got, []string{""}) {
			t.Errorf("texts that are left: %q", got)
		}
		// Read by an indexer, then withdrawn, then written.
		d.tx(func(ctx context.Context, tx bun.Tx) error {
			l := letter{id: "3", from: europe, subject: "Submarine", at: now, paragraphs: []string{"Submarine"}}
			_, err := models.InsertDispatch(ctx, tx, l.row())
			return err
		})
		jobs, err := models.SearchJobs(t.Context(), s.R, 10)
		if err != nil || len(jobs) != 1 {
			t.Fatal(jobs, err)
		}
		sources, err := models.ReadSearchSources(t.Context(), s.R, jobs)
		if err != nil {
			t.Fatal(err)
		}
		e := d.entry(jobs[0], sources)
		d.withdraw(e.job.Object)
		d.tx(func(ctx context.Context, tx bun.Tx) error { return d.save(ctx, tx, e) })
		d.settle()
		d.expect(anna, map[string]string{"submarine": "", "harbour": "2"})
	})
}

// SQLite keeps no word of an erased text in the file's index: not even where a query no
// longer looks.
func TestErasedWordsLeaveTheFile(t *testing.T) {
	s := modeltest.DB(t)
	d := newDesk(t, s)
	d.keep(letter{id: "1", from: europe, subject: "Harbour", paragraphs: []string{"xylophonequartet"}}, letter{id: "2", from: europe, subject: "Harbour"})
	holds := func() (n int) {
		for _, block := range d.rows(`SELECT hex(block) FROM search_text_data`) {
			n += strings.Count(block, fmt.Sprintf("%X", "ylophonequartet"))
		}
		return n
	}
	if holds() == 0 {
		t.Fatal("the word is not where this test looks for it")
	}
	d.withdraw(letter{id: "1"}.iri())
	if n := holds(); n != 0 {
		t.Errorf("the word is still there %d times", n)
	}
}

// A correction takes the place of what it corrects, and until it is indexed the earlier
// text is not found.
func TestCorrection(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(letter{id: "1", from: europe, subject: "Conference in May", marking: "LIMITED", rank: 2})
		d.tx(func(ctx context.Context, tx bun.Tx) error {
			_, err := models.InsertDispatch(ctx, tx, letter{id: "1", version: 2, from: europe, subject: "Conference in June", at: now}.row())
			return err
		})
		d.expect(anna, map[string]string{"conference": "", "may": ""})
		d.whole()
		d.settle()
		d.expect(anna, map[string]string{"conference": "1", "may": "", "june": "1"})
		if n := len(d.rows(`SELECT object FROM search_entries`)); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

// Rebuild makes the index again from what is kept, and so does a new normaliser.
func TestRebuild(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		var letters []letter
		for i := range 130 {
			letters = append(letters, letter{id: fmt.Sprint(i), from: europe, subject: fmt.Sprint("Note ", i)})
		}
		d.keep(letters...)
		for what, spoil := range map[string]func(ctx context.Context, tx bun.Tx) error{
			"rebuild": func(ctx context.Context, tx bun.Tx) error {
				_, a := tx.NewRaw(`DELETE FROM search_text`).Exec(ctx)
				_, b := tx.NewRaw(`DELETE FROM search_entries`).Exec(ctx)
				return errors.Join(a, b)
			},
			"normaliser": func(ctx context.Context, tx bun.Tx) error {
				_, a := tx.NewRaw(`UPDATE search_entries SET lexicon = 0`).Exec(ctx)
				return a
			},
		} {
			d.tx(spoil)
			next := newSearch(s)
			if what == "rebuild" {
				if err := next.Rebuild(t.Context(), "test"); err != nil {
					t.Fatal(err)
				}
			}
			d.whole()
			d.Search = next
			d.settle()
			if got := d.rows(`SELECT object FROM search_entries WHERE lexicon <> 1`); len(got) != 0 {
				t.Errorf("%s: %d entries of another normaliser", what, len(got))
			}
			d.expect(anna, map[string]string{`"note 77"`: "77", "in:live -note": ""})
			if n := len(d.find(anna, "note")); n != 130 {
				t.Errorf("%s: %d found", what, n)
			}
		}
	})
}

// Ranked: what has the words in its subject, what speaks of them, what mentions them;
// each the newest first.
func TestRank(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(
			letter{id: "subject-old", from: europe, subject: "Fisheries treaty"},
			letter{id: "mention-old", from: europe, subject: "Other", paragraphs: []string{"A treaty on fisheries."}},
			letter{id: "about", from: europe, subject: "Treaty", paragraphs: []string{"Fisheries, fisheries, fisheries."}},
			letter{id: "subject-new", from: europe, subject: "The treaties on fishery"},
			letter{id: "mention-new", from: europe, subject: "Other", paragraphs: []string{"Fisheries and a treaty."}},
		)
		q, err := Parse("treaty fisheries")
		if err != nil {
			t.Fatal(err)
		}
		q.Ranked = true
		for _, size := range []int{1, 2, 50} {
			if got := strings.Join(ids(d.all(anna, q, size)), " "); got != "subject-new subject-old about mention-new mention-old" {
				t.Errorf("pages of %d: %s", size, got)
			}
		}
	})
}

// A word that most documents hold is counted so far and no further; the newest first goes
// on to the end, each once.
func TestCommonWord(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.tx(func(ctx context.Context, tx bun.Tx) error {
			for i := range CountMost + 150 {
				l := letter{id: fmt.Sprint(i), from: []iri.IRI{europe, legal}[i%2*(i%3/2)], subject: "Common", at: now.Add(time.Duration(i/3) * time.Second), kind: "cable", reference: fmt.Sprint("EUR ", i)}
				if _, err := models.InsertDispatch(ctx, tx, l.row()); err != nil {
					return err
				}
			}
			return nil
		})
		d.settle()
		mine := len(d.rows(`SELECT iri FROM dispatches WHERE author = ?`, europe))
		q, err := Parse("common")
		if err != nil {
			t.Fatal(err)
		}
		for _, ranked := range []bool{false, true} {
			q.Ranked = ranked
			p, err := d.Find(t.Context(), anna, q, "", 20)
			if err != nil || p.Count != CountMost || !p.More {
				t.Fatalf("%d found, more: %v (%v)", p.Count, p.More, err)
			}
			all := ids(d.all(anna, q, 45))
			if want := map[bool]int{false: mine, true: CountMost}[ranked]; len(all) != want {
				t.Errorf("ranked %v: %d of %d", ranked, len(all), want)
			}
			slices.Sort(all)
			if n := len(slices.Compact(all)); n != len(all) {
				t.Errorf("ranked %v: %d come twice", ranked, len(all)-n)
			}
		}
		for _, from := range []string{"x", "d", "d-1", "r9.1.1", "r1.1", "rzz", "d1.2"} {
			if _, err := d.Find(t.Context(), anna, q, from, 20); err == nil {
				t.Errorf("the cursor %q was taken", from)
			}
		}
	})
}

// An armed saved search raises one notice at the next match that its owner may have, and
// another one only after she opened it. The notice names it and says nothing else.
func TestSavedSearch(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(letter{id: "0", from: europe, subject: "Harbour before"})
		save := func(person iri.IRI, name, query string) int64 {
			row, err := d.Save(t.Context(), person, name, query)
			if err != nil {
				t.Fatal(err)
			}
			return row.ID
		}
		id := save(anna, "Harbours", "harbour -secret")
		save(bert, "Harbours", "harbour")
		save(anna, "Old", "harbour before:2020")
		notices := func() (out []string) {
			return d.rows(`SELECT recipient || ' ' || kind || ' ' || subject || ' ' || detail FROM notices ORDER BY id`)
		}
		d.keep(letter{id: "1", from: legal, to: []iri.IRI{paris}, subject: "Nothing"})
		if got := notices(); len(got) != 0 {
			t.Fatalf("too early: %q", got)
		}
		d.keep(letter{id: "2", from: europe, subject: "Harbours of the north"}, letter{id: "3", from: europe, subject: "Harbour again"})
		want := []string{fmt.Sprintf("%s saved search saved-search/%d Harbours", anna, id)}
		if got := notices(); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		// Indexing anew tells nobody anything.
		if _, err := d.Open(t.Context(), anna, id); err != nil {
			t.Fatal(err)
		}
		if err := d.Rebuild(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		d.settle()
		if got := notices(); !slices.Equal(got, want) {
			t.Fatalf("after a rebuild: %q", got)
		}
		d.keep(letter{id: "4", from: europe, subject: "A secret harbour"}, letter{id: "5", from: europe, subject: "Harbour at last"})
		if got := notices(); len(got) != 2 {
			t.Errorf("after it was opened: %q", got)
		}
		// Another's is not there.
		if _, err := d.Open(t.Context(), bert, id); err == nil {
			t.Error("another's saved search was opened")
		}
		if err := d.Forget(t.Context(), bert, id); err == nil {
			t.Error("another's saved search was deleted")
		}
		for _, bad := range [][2]string{{"", "x"}, {"Harbours", "x"}, {"a\nb", "x"}, {"New", `"open`}, {strings.Repeat("n", nameMost+1), "x"}} {
			if _, err := d.Save(t.Context(), anna, bad[0], bad[1]); err == nil {
				t.Errorf("%q was saved", bad)
			}
		}
		for i := len(must(d.Saved(t.Context(), anna))); i < SavedMost; i++ {
			save(anna, fmt.Sprint("n", i), "x")
		}
		if _, err := d.Save(t.Context(), anna, "one more", "x"); err == nil || !strings.Contains(err.Error(), "delete one") {
			t.Errorf("a search beyond the limit: %v", err)
		}
		if err := d.Forget(t.Context(), anna, id); err != nil {
			t.Error(err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// However it grew, the index on SQLite has nearly all in one part, and finds everything.
func TestPartsOfTheIndexBecomeOne(t *testing.T) {
	s, err := models.Open(t.Context(), modeltest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := newDesk(t, s)
	want, words := 0, newCorpus()
	for batch, size := range []int{100, 36} {
		var letters []letter
		for i := range size {
			letters = append(letters, letter{id: fmt.Sprintf("%d-%d", batch, i), from: europe, to: []iri.IRI{legal}, subject: "Harbour dues", language: "en", kind: "cable", marking: "PUBLIC",
				paragraphs: []string{words.text(120)}, at: now.Add(-time.Duration(batch*200+i) * time.Minute)})
		}
		want += len(letters)
		d.keep(letters...)
		if err := d.Settle(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for {
		more := false
		d.tx(func(ctx context.Context, tx bun.Tx) (err error) {
			more, err = models.MergeSearch(ctx, tx)
			return err
		})
		if !more {
			break
		}
	}
	var pages []int
	if err := s.R.NewRaw(`SELECT COUNT(*) FROM search_text_idx GROUP BY segid ORDER BY 1 DESC`).Scan(t.Context(), &pages); err != nil {
		t.Fatal(err)
	}
	beside := 0
	for _, n := range pages[1:] {
		beside += n
	}
	if beside*4 >= pages[0] && beside > 0 {
		t.Errorf("the parts of the index have %v pages", pages)
	}
	if got := len(d.all(anna, Query{terms: []term{{words: []string{"harbour"}}}}, 50)); got != want {
		t.Errorf("found %d of %d", got, want)
	}
}
