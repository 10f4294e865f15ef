package search

import (
	"context"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// A page of an answer takes at most eight statements, of any kind and however many hits.
func TestStatements(t *testing.T) {
	modeltest.Each(t, statements)
}

func statements(t *testing.T, s *models.Store) {
	d := newDesk(t, s)
	var letters []letter
	for i := range 60 {
		letters = append(letters, letter{id: string(rune('a'+i/26)) + string(rune('a'+i%26)), from: europe, subject: "Harbour", tags: []string{"x"}})
	}
	d.keep(letters...)
	d.tx(func(ctx context.Context, tx bun.Tx) error {
		_, err := models.InsertComment(ctx, tx, &models.Comment{IRI: "https://ministry.example/n/1", Author: anna, Dispatch: letters[0].iri(), Content: "<p>A harbour</p>", MarkingRank: 1, State: "shown", PublishedAt: 1, DistributedAt: models.At(now)})
		return err
	})
	d.settle()
	for _, text := range []string{"harbour", `"a harbour"`, "in:live", "harbour -x from:europe", "after:2020", "nothing"} {
		for _, ranked := range []bool{false, true} {
			q, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			q.Ranked = ranked
			for from, page := "", 0; page == 0 || from != ""; page++ {
				before := s.Statements()
				p, err := d.Find(t.Context(), anna, q, from, 25)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.Statements() - before; got < 3 || got > 8 {
					t.Errorf("%s, page %d (ranked: %v): %d statements", text, page, ranked, got)
				}
				from = p.Next
			}
		}
	}
}

// What strangers type is a question and never a part of a statement.
func TestStrangeQuestions(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		d := newDesk(t, s)
		d.keep(letter{id: "1", from: europe, subject: "NEAR the harbour", paragraphs: []string{"O'Neill & Söhne | 100% {words}: ^x ? $1"}})
		for _, text := range []string{`O'Neill`, `' OR 1=1 --`, `near(the, harbour)`, `NOT AND OR x*`, `{words}: x*`, `söhne & | ! <->`, `100% ? $1`, `"o'neill" -"' & '"`, `from:' tag:x' OR`, `a:* \ "\"`, "كتاب* \u202E x\u0301", "日本 नमस्ते ไทย", strings.Repeat("abc* ", termsMost)} {
			q, err := Parse(text)
			if err != nil {
				continue
			}
			for _, ranked := range []bool{false, true} {
				q.Ranked = ranked
				if _, err := d.Find(t.Context(), anna, q, "", 10); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
			for _, complete := range []func(context.Context, iri.IRI, string, int) ([]Completion, error){d.CompleteReference, d.CompleteTag} {
				if _, err := complete(t.Context(), anna, text, 5); err != nil {
					t.Errorf("complete %s: %v", text, err)
				}
			}
		}
		d.expect(anna, map[string]string{`O'Neill`: "1", `"near the harbour"`: "1", "words x": "1"})
	})
}
