package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/instance/archive"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// corpus makes texts of real length whose words are as common and as rare as those of a
// language (Zipf).
type corpus struct {
	rnd   *rand.Rand
	words []string
	zipf  *rand.Zipf
}

func newCorpus() *corpus {
	c := &corpus{rnd: rand.New(rand.NewPCG(1, 2))}
	c.words = strings.Fields("the of to and in that a we for is on with be as it by this government ambassador would negotiations minister states united treaty cyprus security council embassy department telegram")
	syllables := strings.Fields("ba co di fe gu ha jo ki lu ma ne po qui ra se ti vo wi za chan ster min ten dor gal per son ver lis")
	for len(c.words) < 30000 {
		w := ""
		for range 2 + c.rnd.IntN(3) {
			w += syllables[c.rnd.IntN(len(syllables))]
		}
		c.words = append(c.words, w)
	}
	c.zipf = rand.NewZipf(c.rnd, 1.07, 3, uint64(len(c.words)-1))
	return c
}

func (c *corpus) text(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(c.words[c.zipf.Uint64()])
		b.WriteByte(' ')
	}
	return b.String()
}

const benchOffices = 40

// fill stores n dispatches of some 560 words, a tenth of them archive records, the others
// between forty offices of ours and a hundred abroad, and indexes them.
func (d *desk) fill(b *testing.B, n int) {
	c := newCorpus()
	office := func(i int) iri.IRI { return iri.IRI(fmt.Sprintf("https://ministry.example/o/desk%d", i)) }
	abroad := func(i int) iri.IRI { return iri.IRI(fmt.Sprintf("https://embassy%d.example/o/post", i)) }
	d.tx(func(ctx context.Context, tx bun.Tx) error {
		var all []error
		for i := range benchOffices {
			all = append(all, models.InsertActor(ctx, tx, &models.Actor{IRI: office(i), Host: own, Local: true, Type: models.TypeOrganization, Username: fmt.Sprint("desk", i), Name: fmt.Sprint("Desk ", i), CreatedAt: 1}))
		}
		for i := range 5 {
			all = append(all, models.GrantMandate(ctx, tx, &models.Mandate{Office: office(i), Person: anna, Act: models.ActRead, GrantedAt: 1, GrantedBy: "operator"}))
		}
		return errors.Join(all...)
	})
	for done := 0; done < n; {
		d.tx(func(ctx context.Context, tx bun.Tx) (err error) {
			for range min(500, n-done) {
				i := done
				l := letter{id: fmt.Sprint(i), from: office(i % benchOffices), reference: fmt.Sprintf("DESK%d 2026/%06d", i%benchOffices, i), subject: c.text(6), language: "en", kind: "cable", marking: "LIMITED",
					at: now.Add(-time.Duration(n-i) * time.Hour)}
				for range 8 {
					l.paragraphs = append(l.paragraphs, c.text(70))
				}
				row := l.row()
				if i%10 == 0 {
					row.Origin = models.OriginArchive
					r := archive.Record{Subject: l.subject}
					for _, p := range l.paragraphs {
						r.Paragraphs = append(r.Paragraphs, archive.Paragraph{Text: p})
					}
					if row.Document, err = json.Marshal(r); err != nil {
						return err
					}
				}
				if _, err := models.InsertDispatch(ctx, tx, row); err != nil {
					return err
				}
				var to []models.Addressee
				for k := range 3 {
					a := abroad(c.rnd.IntN(100))
					if k == 0 {
						a = office(c.rnd.IntN(benchOffices))
					}
					to = append(to, models.Addressee{Dispatch: row.IRI, Actor: a, Host: a.Host(), Role: models.RoleAction, Local: a.Host() == own})
				}
				if err := models.InsertAddressees(ctx, tx, to); err != nil {
					return err
				}
				done++
			}
			return nil
		})
	}
	began := time.Now()
	for {
		done, err := d.Step(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if done == 0 {
			break
		}
	}
	b.Logf("indexed %d in %s", n, time.Since(began).Round(time.Second))
}

var benchQueries = []string{"ambassador", "the", "negotiations cyprus", `"security council"`, "treaty -cyprus", "gov*", "from:desk3 minister", "ref:4711", "in:archive telegram", "after:2024 department", "chanster*", "minten gal*"}

// BenchmarkFind asks a mix of questions, each alone and then twenty at once. It reports
// the 95th percentile.
func BenchmarkFind(b *testing.B) {
	n := 54000
	if s := os.Getenv("VALISE_BENCH_DISPATCHES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			url := modeltest.SQLite(b)
			if kind == "postgres" {
				url = modeltest.Postgres(b)
			}
			s, err := models.Open(b.Context(), url)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			d := newDesk(b, s)
			d.fill(b, n)
			if kind == "postgres" {
				if _, err := s.W.ExecContext(b.Context(), "ANALYZE"); err != nil {
					b.Fatal(err)
				}
			}
			for _, text := range benchQueries {
				for _, who := range []iri.IRI{anna, bert} {
					b.Run(strings.ReplaceAll(text, " ", "_")+"/"+string(who[len(who)-4:]), func(b *testing.B) { d.bench(b, who, 1, text) })
				}
			}
			b.Run("mix20", func(b *testing.B) { d.bench(b, anna, 20, benchQueries...) })
		})
	}
}

// bench has some readers ask at once, one question after the other.
func (d *desk) bench(b *testing.B, who iri.IRI, readers int, texts ...string) {
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	var wg sync.WaitGroup
	spent := cpu(b)
	for range readers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				q, err := Parse(texts[i%len(texts)])
				if err != nil {
					b.Error(err)
					return
				}
				q.Ranked = i%2 == 0
				began := time.Now()
				if _, err := d.Find(context.Background(), who, q, "", 20); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpu(b)-spent).Microseconds())/1000/float64(b.N), "ms-cpu/op")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms/p95")
}

// cpu is the time that this process has computed, which a busy machine does not change.
// A PostgreSQL server's is its own.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
