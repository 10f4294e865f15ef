package dispatches

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"valise/models"
	"valise/models/files"
	"valise/models/modeltest"
)

// sweeper keeps files and sweeps them at a moment of its own.
type sweeper struct {
	*Dispatches
	t   *testing.T
	dir string
	now time.Time
}

func newSweeper(t *testing.T, s *models.Store) *sweeper {
	dir := t.TempDir()
	folder, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &sweeper{t: t, dir: dir, now: time.Now()}
	w.Dispatches = &Dispatches{Store: s, Files: folder, Now: func() time.Time { return w.now }}
	return w
}

func (w *sweeper) keep(text string) string {
	w.t.Helper()
	digest, _, err := w.Files.Put(strings.NewReader(text), 1000, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return digest
}

func (w *sweeper) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.Store.W.NewRaw(query, args...).Exec(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// sweep looks into every subfolder once.
func (w *sweeper) sweep() (erased int) {
	w.t.Helper()
	for {
		n, err := w.SweepUnnamed(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if erased += n; w.swept == "" {
			return erased
		}
	}
}

// Each kind of row that names a file keeps it, however old it is.
func TestAFileThatIsNamedStays(t *testing.T) {
	draft := func(w *sweeper, state string, content string) {
		w.exec(`INSERT INTO drafts (id, office, drafter, revision, state, content, created_at, updated_at) VALUES ('1', 'o', 'p', 2, ?, ?, 1, 1)`, state, []byte(content))
	}
	arrival := func(state string) func(w *sweeper, d string) {
		return func(w *sweeper, d string) {
			w.exec(`INSERT INTO arrivals (activity, inbox, type, object_type, object_id, actor, host, body, digest, request, key_id, key_document, proven, lane, precedence, state, next_at, received_at)
				VALUES ('a', 'i', 'Create', 'Article', 'x', 'p', 'h', ?, '', '', '', '', TRUE, '', 0, ?, 0, 0)`, []byte(`{"digestMultibase":"`+d+`"}`), state)
		}
	}
	attachment := func(state string) func(w *sweeper, d string) {
		return func(w *sweeper, d string) {
			w.exec(`INSERT INTO attachments (dispatch, digest, position, name, media_type, size, url, state) VALUES ('x', ?, 0, 'a', 'text/plain', 1, '', ?)`, d, state)
		}
	}
	revision := func(state string) func(w *sweeper, d string) {
		return func(w *sweeper, d string) {
			draft(w, state, "{}")
			w.exec(`INSERT INTO draft_revisions (draft, revision, author, content, created_at) VALUES ('1', 1, 'p', ?, 1)`, []byte(`{"attachments":[{"digest":"`+d+`"}]}`))
		}
	}
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		for _, c := range []struct {
			name string
			use  func(w *sweeper, digest string)
			stay bool
		}{
			{"of a dispatch", attachment(models.AttachmentHere), true},
			{"of an earlier version", func(w *sweeper, d string) {
				w.exec(`INSERT INTO dispatches (iri, version, latest, origin, author, author_host, reference, kind, subject, precedence, precedence_rank, marking, marking_rank, activity, document, digest, state, published_at, distributed_at, created_at)
					VALUES ('x', 1, FALSE, 'issued', 'o', 'h', '', '', '', '', 0, '', 0, '', ?, '', 'in force', 1, 1, 1)`, []byte(`{"digestMultibase":"`+d+`"}`))
			}, true},
			{"of a draft", func(w *sweeper, d string) { draft(w, models.DraftOpen, `{"digest":"`+d+`"}`) }, true},
			{"of a draft in clearance", func(w *sweeper, d string) { draft(w, models.DraftClearing, `{"digest":"`+d+`"}`) }, true},
			{"of the last revision of a discarded draft", func(w *sweeper, d string) { draft(w, models.DraftDiscarded, `{"digest":"`+d+`"}`) }, true},
			{"of an earlier revision", revision(models.DraftOpen), true},
			{"of an earlier revision in clearance", revision(models.DraftClearing), true},
			{"of an earlier state of a draft's head", func(w *sweeper, d string) {
				draft(w, models.DraftOpen, "{}")
				w.exec(`INSERT INTO draft_versions (draft, part, version, author, body, at) VALUES ('1', 'head', 1, 'p', ?, 1)`, []byte(d))
			}, true},
			{"of what two saved at once", func(w *sweeper, d string) {
				draft(w, models.DraftOpen, "{}")
				w.exec(`INSERT INTO draft_clashes (draft, part, author, base_version, body, at) VALUES ('1', 'head', 'p', 1, ?, 1)`, []byte(d))
			}, true},
			{"of a remark on a draft", func(w *sweeper, d string) {
				w.exec(`INSERT INTO draft_comments (draft, part, author, text, at) VALUES ('1', '', 'p', ?, 1)`, "see "+d)
			}, true},
			{"of a comment's words", func(w *sweeper, d string) {
				w.exec(`INSERT INTO comments (iri, community, dispatch, author, content, marking_rank, state, published_at, distributed_at) VALUES ('c', '', '', '', ?, 0, 'shown', 1, 1)`, "é "+d)
			}, true},
			{"of a comment's document", func(w *sweeper, d string) {
				w.exec(`INSERT INTO comments (iri, community, dispatch, author, content, document, marking_rank, state, published_at, distributed_at) VALUES ('c', '', '', '', '', ?, 0, 'shown', 1, 1)`, []byte("é"+d))
			}, true},
			{"of evidence", func(w *sweeper, d string) {
				w.exec(`INSERT INTO evidence (dispatch, version, addressee, station, by_actor, at, document) VALUES ('x', 1, 'a', 'read', 'a', 1, ?)`, []byte(d))
			}, true},
			{"of an arrival that waits", arrival(models.ArrivalPending), true},
			{"of an arrival set aside", arrival(models.ArrivalSetAside), true},
			{"that nothing names", func(*sweeper, string) {}, false},
			{"of an earlier revision of what was released without it", revision(models.DraftReleased), false},
			{"of an earlier revision of a discarded draft", revision(models.DraftDiscarded), false},
			{"of an erased attachment", attachment(models.AttachmentErased), false},
		} {
			t.Run(c.name, func(t *testing.T) {
				w := newSweeper(t, s)
				digest := w.keep(c.name)
				c.use(w, digest)
				for range 3 {
					w.now = w.now.Add(unnamedFor + time.Hour)
					w.sweep()
				}
				if w.Files.Has(digest) != c.stay {
					t.Errorf("a file %s: here %t", c.name, !c.stay)
				}
				if left, _ := filepath.Glob(filepath.Join(w.dir, "*", "*")); !c.stay && len(left) != 0 {
					t.Errorf("left is %v", left)
				}
				for _, table := range []string{"dispatches", "drafts", "draft_revisions", "draft_versions", "draft_clashes", "draft_comments", "comments", "evidence", "arrivals", "attachments"} {
					w.exec(`DELETE FROM ` + table)
				}
			})
		}
	})
}

func TestAFileIsSweptLateAndInTwoSteps(t *testing.T) {
	w := newSweeper(t, modeltest.DB(t))
	old, kept := w.keep("nothing names it"), w.keep("comes to be named")
	half, err := os.CreateTemp(w.dir, "new-*")
	if err != nil {
		t.Fatal(err)
	}
	half.Close()
	w.now = w.now.Add(unnamedFor - time.Minute)
	w.sweep()
	if !w.Files.Has(old) || !w.Files.Has(kept) {
		t.Fatal("an upload of this month is gone")
	}
	w.now = w.now.Add(2 * time.Minute)
	if n := w.sweep(); n != 0 || w.Files.Has(old) || w.Files.Has(kept) {
		t.Fatalf("%d were erased at first sight", n)
	}
	w.exec(`INSERT INTO drafts (id, office, drafter, revision, state, content, created_at, updated_at) VALUES ('1', 'o', 'p', 1, 'draft', ?, 1, 1)`, []byte(kept))
	if w.sweep(); w.Files.Has(kept) {
		t.Fatal("it came back before its time")
	}
	w.now = w.now.Add(asideFor + time.Minute)
	if n := w.sweep(); n != 1 || w.Files.Has(old) || !w.Files.Has(kept) {
		t.Errorf("%d erased; the named one here: %t", n, w.Files.Has(kept))
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "new-*")); len(left) != 0 {
		t.Errorf("half a file is left: %v", left)
	}
}

// Files that are attached are met many in a turn, those whose name is to be looked for in
// texts few; over the turns each is met once.
func TestASweepGoesOnWhereItEnded(t *testing.T) {
	w := newSweeper(t, modeltest.DB(t))
	const loose, fixed = 3*sweepScans + 2, 2*sweepMost + 50
	for i := range loose {
		w.keep(strings.Repeat("x", i))
	}
	for i := range fixed {
		w.exec(`INSERT INTO attachments (dispatch, digest, position, name, media_type, size, url, state) VALUES ('x', ?, ?, 'a', 'text/plain', 1, '', ?)`, w.keep(strings.Repeat("y", i+1)), i, models.AttachmentHere)
	}
	count := func() (here, gone int) {
		names, _ := filepath.Glob(filepath.Join(w.dir, "*", "*"))
		for _, name := range names {
			if strings.HasSuffix(name, ".aside") {
				gone++
			} else {
				here++
			}
		}
		return here, gone
	}
	w.now = w.now.Add(unnamedFor + time.Hour)
	turns, before := 0, 0
	for ; turns == 0 || w.swept != ""; turns++ {
		if _, err := w.SweepUnnamed(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, gone := count()
		if gone-before > sweepScans || turns > 20 {
			t.Fatalf("turn %d set %d aside and stands at %q", turns, gone-before, w.swept)
		}
		before = gone
	}
	if here, gone := count(); here != fixed || gone != loose {
		t.Errorf("%d here and %d aside, not %d and %d", here, gone, fixed, loose)
	}
	w.now = w.now.Add(2 * asideFor)
	if n := w.sweep(); n != loose {
		t.Errorf("%d files are erased", n)
	}
}

// A withdrawn dispatch does not take a file away from somebody's draft.
func TestAWithdrawalLeavesTheFileOfADraft(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		w := newSweeper(t, s)
		mine, theirs := w.keep("only in the dispatch"), w.keep("in a draft too")
		for _, d := range []string{mine, theirs} {
			w.exec(`INSERT INTO attachments (dispatch, digest, position, name, media_type, size, url, state, reason) VALUES ('x', ?, 0, 'a', 'text/plain', 1, '', 'erased', 'to be erased')`, d)
		}
		w.exec(`INSERT INTO drafts (id, office, drafter, revision, state, content, created_at, updated_at) VALUES ('1', 'o', 'p', 1, 'draft', ?, 1, 1)`, []byte(theirs))
		if err := w.SweepFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.Files.Has(mine) || !w.Files.Has(theirs) {
			t.Errorf("here: %t and %t", w.Files.Has(mine), w.Files.Has(theirs))
		}
	})
}
