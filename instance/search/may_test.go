package search

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"pgregory.net/rapid"

	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
	"valise/models/modeltest"
)

// TestMain makes rapid generate few worlds: each is stored, indexed and asked much.
func TestMain(m *testing.M) {
	flag.Parse()
	given := os.Getenv("RAPID_CHECKS") != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "40"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// words are their own stems, in every language.
var words = []string{"oslo", "bonn", "cairo", "lima", "oslobonn"}

// world is what a generated store holds: the truth that answers are compared with.
type world struct {
	letters  []letter
	archived map[string]bool
	comments []models.Comment
	notes    map[iri.IRI][]string // words of comments
	gone     map[iri.IRI]bool
}

var (
	drawWord  = rapid.SampledFrom(words)
	drawText  = rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(drawWord, 1, 4).Draw(t, "words"), " ") })
	drawActor = rapid.SampledFrom([]iri.IRI{anna, bert, europe, legal, paris})
	drawClub  = rapid.SampledFrom([]iri.IRI{"", "", arctic, "https://embassy.example/g/river"})
	drawTags  = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Oslo", "lima talks", "x"}), 0, 2, rapid.ID)
	drawDay   = rapid.Map(rapid.IntRange(0, 3), func(n int) time.Time { return now.AddDate(0, 0, -n) })
)

func (d *desk) draw(t *rapid.T) *world {
	w := &world{archived: map[string]bool{}, gone: map[iri.IRI]bool{}, notes: map[iri.IRI][]string{}}
	for i := range rapid.IntRange(1, 10).Draw(t, "letters") {
		l := letter{id: fmt.Sprint(i), reference: fmt.Sprintf("EUR 2026/%06d", i), version: 1}
		for v := range rapid.IntRange(1, 2).Draw(t, "versions") {
			l.version, l.from, l.community, l.subject = int64(v+1), drawActor.Draw(t, "from"), drawClub.Draw(t, "community"), drawText.Draw(t, "subject")
			l.paragraphs = rapid.SliceOfN(drawText, 0, 3).Draw(t, "paragraphs")
			l.kind = rapid.SampledFrom([]string{"cable", "noteVerbale"}).Draw(t, "kind")
			l.rank, l.at = rapid.Int64Range(1, 4).Draw(t, "rank"), drawDay.Draw(t, "day")
			l.marking = fmt.Sprint("LEVEL", l.rank)
		}
		l.to = rapid.SliceOfNDistinct(drawActor, 0, 2, rapid.ID).Draw(t, "to")
		l.tags = drawTags.Draw(t, "tags")
		slices.Sort(l.tags)
		w.letters = append(w.letters, l)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "comments") {
		text := drawText.Draw(t, "comment")
		c := models.Comment{IRI: iri.IRI(fmt.Sprint("https://ministry.example/n/", i)), Community: drawClub.Draw(t, "community"), Author: drawActor.Draw(t, "author"), Content: "<p>" + text + "</p>",
			Dispatch: rapid.SampledFrom([]iri.IRI{"", "https://ministry.example/d/0"}).Draw(t, "on"), MarkingRank: rapid.Int64Range(1, 4).Draw(t, "rank"), State: "shown", PublishedAt: 1, DistributedAt: models.At(drawDay.Draw(t, "day"))}
		w.comments = append(w.comments, c)
		w.notes[c.IRI] = strings.Fields(text)
	}
	return w
}

// store puts the world through the functions that the services call.
func (d *desk) world(t *rapid.T, w *world) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Store.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		for _, table := range []string{"dispatches", "addressees", "dispatch_tags", "comments", "communities", "members", "search_queue", "search_entries", "search_text", "mandates"} {
			if _, err := tx.NewRaw("DELETE FROM ?", bun.Ident(table)).Exec(ctx); err != nil {
				return err
			}
		}
		var all []error
		for i, id := range []iri.IRI{arctic, "https://embassy.example/g/river"} {
			all = append(all, models.SaveCommunity(ctx, tx, &models.Community{IRI: id, Local: i == 0, Name: fmt.Sprint("Club ", i), CreatedAt: 1}))
			for _, a := range []iri.IRI{anna, bert, europe, legal} {
				if rapid.Bool().Draw(t, "a member") {
					all = append(all, models.SaveMember(ctx, tx, &models.Member{Community: id, Actor: a, Host: own, Role: models.RoleMember, Ceiling: rapid.Int64Range(1, 4).Draw(t, "ceiling"),
						State: rapid.SampledFrom([]string{models.MemberActive, models.MemberActive, models.MemberLeft}).Draw(t, "state"), Form: models.FormAnnounce, HistoryFrom: models.At(drawDay.Draw(t, "window")),
						EndsAt: rapid.SampledFrom([]models.Time{0, models.At(now) - 1}).Draw(t, "ends"), LeftAt: models.At(drawDay.Draw(t, "left"))}))
				}
			}
		}
		for person, office := range map[iri.IRI]iri.IRI{anna: europe, bert: legal} {
			all = append(all, models.GrantMandate(ctx, tx, &models.Mandate{Office: office, Person: person, Act: models.ActRead, GrantedAt: 1, GrantedBy: "operator"}))
		}
		return errors.Join(all...)
	}))
	for _, l := range w.letters {
		first := l
		first.version, first.subject, first.paragraphs = 1, "lima oslo", []string{"bonn cairo"}
		versions := []letter{l}
		if l.version == 2 {
			versions = []letter{first, l}
		}
		for i, v := range versions {
			must(d.Store.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
				if _, err := models.InsertDispatch(ctx, tx, v.row()); err != nil {
					return err
				}
				var to []models.Addressee
				for _, a := range l.to {
					to = append(to, models.Addressee{Dispatch: l.iri(), Actor: a, Host: a.Host(), Role: models.RoleAction, Local: a.Host() == own})
				}
				if i == 0 {
					return errors.Join(models.InsertAddressees(ctx, tx, to), models.InsertTags(ctx, tx, l.iri(), l.tags))
				}
				return nil
			}))
			// Now and then a version is indexed before the next one comes.
			if rapid.Bool().Draw(t, "indexed between") {
				_, err := d.Step(context.Background())
				must(err)
			}
		}
	}
	must(d.Store.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		for i := range w.comments {
			if _, err := models.InsertComment(ctx, tx, &w.comments[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	if rapid.Bool().Draw(t, "indexed") {
		d.settle()
	}
	must(d.Store.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		var all []error
		for _, l := range w.letters {
			if rapid.IntRange(0, 4).Draw(t, "withdrawn") == 0 {
				w.gone[l.iri()] = true
				all = append(all, models.WithdrawDispatch(ctx, tx, l.iri(), models.DispatchWithdrawn, []byte("{}"), "", 1))
			}
		}
		for _, c := range w.comments {
			if rapid.IntRange(0, 4).Draw(t, "erased") == 0 {
				w.gone[c.IRI] = true
				all = append(all, models.EraseComment(ctx, tx, c.IRI))
			}
		}
		return errors.Join(all...)
	}))
	// What was erased is out before anything is indexed again.
	for id := range w.gone {
		var n int
		must(d.Store.R.NewRaw(`SELECT COUNT(*) FROM search_entries WHERE object = ?`, id).Scan(context.Background(), &n))
		if n != 0 {
			t.Errorf("%s was erased and is in the index", id)
		}
	}
	d.settle()
}

// question is a question with the naive way to answer it.
type question struct {
	text string
	fits func(words []string, paragraphs [][]string, l *letter) bool
}

func drawQuestion(t *rapid.T) question {
	one := func() question {
		word := drawWord.Draw(t, "word")
		has := func(words []string) bool { return slices.Contains(words, word) }
		switch rapid.IntRange(0, 9).Draw(t, "form") {
		case 0:
			begin := word[:3]
			return question{begin + "*", func(words []string, _ [][]string, _ *letter) bool {
				return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, begin) })
			}}
		case 1:
			return question{"-" + word, func(words []string, _ [][]string, _ *letter) bool { return !has(words) }}
		case 2:
			next := drawWord.Draw(t, "next")
			return question{`"` + word + " " + next + `"`, func(_ []string, paragraphs [][]string, _ *letter) bool {
				for _, p := range paragraphs {
					for i := range len(p) - 1 {
						if p[i] == word && p[i+1] == next {
							return true
						}
					}
				}
				return false
			}}
		case 3:
			name := rapid.SampledFrom([]string{"anna", "paris", "legal"}).Draw(t, "name")
			ids := map[string][]iri.IRI{"anna": {anna}, "paris": {paris}, "legal": {legal, bert}} // "Bert Legal", "Legal Adviser"
			return question{"from:" + name, func(_ []string, _ [][]string, l *letter) bool { return slices.Contains(ids[name], l.from) }}
		case 4:
			return question{`tag:"lima talks"`, func(_ []string, _ [][]string, l *letter) bool { return slices.Contains(l.tags, "lima talks") }}
		case 5:
			return question{"kind:cable", func(_ []string, _ [][]string, l *letter) bool { return l.kind == "cable" }}
		case 6:
			day := drawDay.Draw(t, "after")
			return question{"after:" + day.Format("2006-01-02"), func(_ []string, _ [][]string, l *letter) bool { return !l.at.Before(day.Truncate(24 * time.Hour)) }}
		}
		return question{word, func(words []string, _ [][]string, _ *letter) bool { return has(words) }}
	}
	list := []question{one()}
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		list = append(list, one())
	}
	q := question{fits: func(w []string, p [][]string, l *letter) bool {
		return !slices.ContainsFunc(list, func(q question) bool { return !q.fits(w, p, l) })
	}}
	for _, o := range list {
		q.text += " " + o.text
	}
	return q
}

// answer is what a naive search finds: asked of the pure audience function.
func (d *desk) answer(t *rapid.T, w *world, q question, r audience.Reader) map[iri.IRI]*letter {
	out := map[iri.IRI]*letter{}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range w.letters {
		if w.gone[l.iri()] {
			continue
		}
		row, err := models.DispatchByIRI(context.Background(), d.Store.R, l.iri())
		must(err)
		o, members, err := audience.Load(context.Background(), d.Store.R, r, row)
		must(err)
		var all []string
		var paragraphs [][]string
		for _, text := range slices.Concat([]string{l.subject, strings.ToLower(strings.NewReplacer("/", " ").Replace(l.reference))}, l.paragraphs, tagWords(l.tags)) {
			paragraphs = append(paragraphs, strings.Fields(text))
			all = append(all, strings.Fields(text)...)
		}
		if audience.May(r, o, members, models.At(now)).May && q.fits(all, paragraphs, &l) {
			out[l.iri()] = &l
		}
	}
	for _, c := range w.comments {
		if w.gone[c.IRI] {
			continue
		}
		o, members, err := audience.LoadComment(context.Background(), d.Store.R, r, &c)
		must(err)
		l := &letter{from: c.Author, kind: models.SearchComment, at: c.DistributedAt.Time(), rank: c.MarkingRank}
		if audience.May(r, o, members, models.At(now)).May && q.fits(w.notes[c.IRI], [][]string{w.notes[c.IRI]}, l) {
			out[c.IRI] = l
		}
	}
	return out
}

func tagWords(tags []string) (out []string) {
	for _, t := range tags {
		out = append(out, strings.ToLower(t))
	}
	return out
}

// In any world, for any reader and question, Find gives what a naive search through all
// that audience.May grants would give, each once, newest or best first; and no count,
// facet, completion or mention says anything of the rest.
func TestFindIsMay(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		asked, found := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			w := d.draw(t)
			d.world(t, w)
			for range 6 {
				q := drawQuestion(t)
				for _, person := range []iri.IRI{anna, bert, "https://ministry.example/u/nobody"} {
					asked++
					found += d.compare(t, w, q, person)
				}
			}
			for _, person := range []iri.IRI{anna, bert} {
				d.compareCompletions(t, w, person)
			}
		})
		if found < asked/10 {
			t.Errorf("%d questions found %d things: too few to tell anything", asked, found)
		}
	})
}

func (d *desk) compare(t *rapid.T, w *world, text question, person iri.IRI) int {
	ctx := context.Background()
	r, err := d.reader(ctx, d.Store.R, person)
	if err != nil {
		t.Fatal(err)
	}
	want := d.answer(t, w, text, r)
	q, err := Parse(text.text)
	if err != nil {
		t.Fatalf("%s: %v", text.text, err)
	}
	for _, ranked := range []bool{false, true} {
		q.Ranked = ranked
		got := map[iri.IRI]bool{}
		size := rapid.IntRange(1, 5).Draw(t, "page")
		var last Hit
		for from, n := "", 0; ; n++ {
			p, err := d.Find(ctx, person, q, from, size)
			if err != nil {
				t.Fatalf("%s: %v", text.text, err)
			}
			if p.Count != len(want) || p.More {
				t.Errorf("%s: %s is told of %d (more: %v), and there are %d", text.text, person, p.Count, p.More, len(want))
			}
			d.compareFacets(t, text.text, p, want)
			for _, h := range p.Hits {
				l := want[h.ID]
				if l == nil || got[h.ID] {
					t.Errorf("%s: %s is shown %s (again: %v)", text.text, person, h.ID, got[h.ID])
					continue
				}
				got[h.ID] = true
				if h.Source == models.SearchDispatch && h.Subject != l.subject {
					t.Errorf("%s has the subject %q, want %q", h.ID, h.Subject, l.subject)
				}
				if h.Source == models.SearchComment && h.Subject != "" {
					d.mayName(t, w, r, h)
				}
				if !ranked && last.ID != "" && h.At > last.At {
					t.Errorf("%s: %s comes after %s", text.text, h.ID, last.ID)
				}
				last = h
			}
			if from = p.Next; from == "" || n > 30 {
				break
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s (ranked: %v): %s finds %d of %d", text.text, ranked, person, len(got), len(want))
		}
	}
	return len(want)
}

// mayName holds a comment that names its dispatch to what the reader may have.
func (d *desk) mayName(t *rapid.T, w *world, r audience.Reader, h Hit) {
	every := question{fits: func([]string, [][]string, *letter) bool { return true }}
	if l := d.answer(t, w, every, r)[h.Dispatch]; l == nil || l.subject != h.Subject {
		t.Errorf("the comment %s names %s, %q", h.ID, h.Dispatch, h.Subject)
	}
}

func (d *desk) compareFacets(t *rapid.T, text string, p *Page, want map[iri.IRI]*letter) {
	counts := map[string]int{}
	for _, l := range want {
		counts[FacetOffice+string(l.from)]++
		counts[FacetPeer+string(l.from.Host())]++
		counts[FacetKind+l.kind]++
		counts[FacetPart+partLive]++
		counts[FacetYear+l.at.Format("2006")]++
		for _, tag := range l.tags {
			counts[FacetTag+tag]++
		}
	}
	told := map[string]int{}
	for _, f := range p.Facets {
		for _, v := range f.Values {
			if f.Name != FacetMarking && f.Name != FacetPrecedence {
				told[f.Name+v.Value] = v.Count
			}
		}
	}
	for name, n := range told {
		if counts[name] != n {
			t.Errorf("%s: the facet %s is told to have %d, and has %d", text, name, n, counts[name])
		}
	}
	for name, n := range counts {
		if told[name] != n {
			t.Errorf("%s: the facet %s has %d, and is told to have %d", text, name, n, told[name])
		}
	}
}

func (d *desk) compareCompletions(t *rapid.T, w *world, person iri.IRI) {
	ctx := context.Background()
	r, err := d.reader(ctx, d.Store.R, person)
	if err != nil {
		t.Fatal(err)
	}
	every := question{fits: func([]string, [][]string, *letter) bool { return true }}
	references, tags := map[string]bool{}, map[string]int{}
	for id, l := range d.answer(t, w, every, r) {
		if l.reference != "" && strings.Contains(string(id), "/d/") {
			references[l.reference] = true
			for _, tag := range l.tags {
				tags[tag]++
			}
		}
	}
	got, err := d.CompleteReference(ctx, person, "eur 20", 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got {
		if !references[c.Text] {
			t.Errorf("%s is offered %s", person, c.Text)
		}
	}
	if len(got) != len(references) {
		t.Errorf("%s is offered %d references of %d", person, len(got), len(references))
	}
	for _, begin := range []string{"os", "lim", "lima t"} {
		got, err := d.CompleteTag(ctx, person, begin, 20)
		if err != nil {
			t.Fatal(err)
		}
		left := maps.Clone(tags)
		for _, c := range got {
			if left[c.Text] != c.Count || !strings.HasPrefix(strings.ToLower(c.Text), begin) {
				t.Errorf("%s begins %q and is offered %s %d times, not %d", person, begin, c.Text, c.Count, left[c.Text])
			}
			delete(left, c.Text)
		}
		for tag := range left {
			if strings.HasPrefix(strings.ToLower(tag), begin) {
				t.Errorf("%s begins %q and is not offered %s", person, begin, tag)
			}
		}
	}
}
