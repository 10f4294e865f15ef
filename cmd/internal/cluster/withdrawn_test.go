package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/federation/policy"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// A withdrawal erases what a dispatch was made from too: the words of its drafts, of their
// history and of what was said about them. Who wrote and cleared which revision stays, and
// so do when the words went and by whom.
func TestAWithdrawalErasesTheDrafts(t *testing.T) { cluster.Each(t, testAWithdrawalErasesTheDrafts) }

func testAWithdrawalErasesTheDrafts(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, _ := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	m := c.Nodes[ministry]

	content := cable("Xylophones", post)
	content.Paragraphs = []dispatches.Paragraph{{Text: "Xylophones are wanted."}}
	draft, err := m.Dispatches.NewDraft(ctx, anna, desk, &content, "")
	cluster.Must(t, err)
	cluster.Must(t, m.Dispatches.Clear(ctx, anna, draft.ID, 1, false, "Say how many xylophones."))
	content.Paragraphs[0].Text = "Twelve xylophones are wanted."
	draft, err = m.Dispatches.EditDraft(ctx, anna, draft.ID, 1, &content)
	cluster.Must(t, err)
	cluster.Must(t, m.Dispatches.Clear(ctx, anna, draft.ID, 2, true, ""))
	d, err := m.Dispatches.Release(ctx, anna, draft.ID, 2)
	cluster.Must(t, err)
	c.Settle()
	content.ChangeNote = "Thirteen xylophones."
	correction, err := m.Dispatches.NewDraft(ctx, anna, desk, &content, d.IRI)
	cluster.Must(t, err)
	cluster.Must(t, m.Drafting.Comment(ctx, anna, correction.ID, models.DraftHead, 0, "Which xylophones?"))
	other := cable("Marimbas", post)
	untouched, err := m.Dispatches.NewDraft(ctx, anna, desk, &other, "")
	cluster.Must(t, err)

	d, err = m.Dispatches.Withdraw(ctx, anna, d.Reference, "")
	cluster.Must(t, err)
	c.Settle()
	c.Check()

	for _, id := range []string{draft.ID, correction.ID} {
		_, _, _, err := m.Dispatches.Draft(ctx, anna, id)
		var refusal *policy.Refusal
		if !errors.As(err, &refusal) || refusal.Code != "erased" || !strings.Contains(refusal.Detail, string(anna)) || !strings.Contains(refusal.Detail, d.WithdrawnAt.Time().Format("2 January 2006, 15:04")) {
			t.Errorf("the draft %s shows %v", id, err)
		}
		if _, err := m.Drafting.Open(ctx, anna, id); !errors.As(err, &refusal) {
			t.Errorf("the draft %s opens: %v", id, err)
		}
	}
	if _, err := m.Drafting.CompareRevisions(ctx, anna, draft.ID, 1, 2); err == nil {
		t.Error("revisions are compared after their words went")
	}
	history, err := m.Drafting.History(ctx, anna, draft.ID, 0)
	cluster.Must(t, err)
	if len(history.Entries) != 2 || history.Entries[0].Author != anna || history.Entries[0].Agreed != 1 || history.Entries[1].Changes != 1 {
		t.Errorf("of the history stays %+v", history.Entries)
	}
	if row, err := models.DraftByID(ctx, m.Store.R, correction.ID); err != nil || row.State != models.DraftDiscarded {
		t.Errorf("the open correction is %v: %v", row, err)
	}
	if _, still, _, err := m.Dispatches.Draft(ctx, anna, untouched.ID); err != nil || still.Subject != "Marimbas" {
		t.Errorf("another draft shows %+v: %v", still, err)
	}
	for _, h := range []iri.Host{ministry, embassy} {
		for _, where := range wordsIn(t, c, h, "ylophone") {
			t.Errorf("%s still holds the word in %s", h, where)
		}
	}

	// The check finds words that are left over.
	row, err := models.DraftByID(ctx, m.Store.R, draft.ID)
	cluster.Must(t, err)
	_, err = m.Store.W.NewRaw(`UPDATE draft_revisions SET content = ? WHERE draft = ? AND revision = 1`, []byte(`{"subject":"Xylophones"}`), row.ID).Exec(ctx)
	cluster.Must(t, err)
	found, err := m.Checks.Run(ctx)
	cluster.Must(t, err)
	if len(found) != 1 || found[0].Invariant != "a withdrawal erases" || found[0].Subject != row.ID {
		t.Errorf("the check finds %+v", found)
	}
}

// A dispatch that another replaces keeps its words.
func TestASupersededDispatchKeepsItsDraft(t *testing.T) {
	cluster.Each(t, testASupersededDispatchKeepsItsDraft)
}

func testASupersededDispatchKeepsItsDraft(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	other, _ := c.Office(ministry, "asia", "ASIA DESK", "Asia desk", "otto")
	m := c.Nodes[ministry]
	content := cable("Xylophones", other)
	draft, err := m.Dispatches.NewDraft(ctx, anna, desk, &content, "")
	cluster.Must(t, err)
	d, err := m.Dispatches.Release(ctx, anna, draft.ID, 1)
	cluster.Must(t, err)
	next := c.Send(ministry, anna, desk, cable("Marimbas", other))
	_, err = m.Dispatches.Withdraw(ctx, anna, d.Reference, next.Reference)
	cluster.Must(t, err)
	c.Settle()
	if _, was, _, err := m.Dispatches.Draft(ctx, anna, draft.ID); err != nil || was.Subject != "Xylophones" {
		t.Errorf("the draft shows %+v: %v", was, err)
	}
	c.Check()
}

// wordsIn names the tables of an instance that hold a word, in whatever column.
func wordsIn(t *testing.T, c *cluster.Cluster, h iri.Host, word string) (out []string) {
	t.Helper()
	ctx := context.Background()
	db := c.Nodes[h].Store.R
	names := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_text_%'`
	if c.Nodes[h].Store.Postgres() {
		names = `SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'`
	}
	var tables []string
	cluster.Must(t, db.NewRaw(names).Scan(ctx, &tables))
	for _, table := range tables {
		rows, err := db.DB.QueryContext(ctx, `SELECT * FROM `+table)
		cluster.Must(t, err)
		columns, err := rows.Columns()
		cluster.Must(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			cluster.Must(t, rows.Scan(values...))
			for i, v := range values {
				var text []byte
				switch x := (*v.(*any)).(type) {
				case string:
					text = []byte(x)
				case []byte:
					text = x
				}
				if bytes.Contains(text, []byte(word)) {
					out = append(out, table+"."+columns[i])
				}
			}
		}
		cluster.Must(t, rows.Err())
		rows.Close()
	}
	return out
}

// What a program left that withdrew without erasing drafts goes at the next start, and the
// trail says so, once.
func TestAnOldWithdrawalIsCompleted(t *testing.T) { cluster.Each(t, testAnOldWithdrawalIsCompleted) }

func testAnOldWithdrawalIsCompleted(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	other, _ := c.Office(ministry, "asia", "ASIA DESK", "Asia desk", "otto")
	m := c.Nodes[ministry]
	content := cable("Xylophones", other)
	draft, err := m.Dispatches.NewDraft(ctx, anna, desk, &content, "")
	cluster.Must(t, err)
	cluster.Must(t, m.Dispatches.Clear(ctx, anna, draft.ID, 1, false, "Say how many xylophones."))
	draft, err = m.Dispatches.EditDraft(ctx, anna, draft.ID, 1, &content)
	cluster.Must(t, err)
	d, err := m.Dispatches.Release(ctx, anna, draft.ID, 2)
	cluster.Must(t, err)
	c.Settle()
	content.ChangeNote = "Thirteen xylophones."
	correction, err := m.Dispatches.NewDraft(ctx, anna, desk, &content, d.IRI)
	cluster.Must(t, err)
	cluster.Must(t, m.Drafting.Comment(ctx, anna, correction.ID, models.DraftHead, 0, "Which xylophones?"))
	tables := []string{"drafts", "draft_revisions", "draft_versions", "draft_clashes", "draft_comments", "clearances", "notices"}
	for _, table := range tables {
		_, err := m.Store.W.NewRaw(`CREATE TABLE before_` + table + ` AS SELECT * FROM ` + table).Exec(ctx)
		cluster.Must(t, err)
	}
	d, err = m.Dispatches.Withdraw(ctx, anna, d.Reference, "")
	cluster.Must(t, err)
	c.Settle()
	for _, table := range tables {
		for _, q := range []string{`DELETE FROM ` + table, `INSERT INTO ` + table + ` SELECT * FROM before_` + table, `DROP TABLE before_` + table} {
			_, err := m.Store.W.NewRaw(q).Exec(ctx)
			cluster.Must(t, err)
		}
	}
	found, err := m.Checks.Run(ctx)
	cluster.Must(t, err)
	if len(found) != 2 || len(wordsIn(t, c, ministry, "ylophone")) == 0 {
		t.Fatalf("the check finds %+v in what an old program left", found)
	}

	for range 2 {
		c.Stop(ministry)
		m = c.Start(ministry)
		c.Settle()
	}
	c.Check()
	for _, where := range wordsIn(t, c, ministry, "ylophone") {
		t.Errorf("%s still holds the word", where)
	}
	for _, id := range []string{draft.ID, correction.ID} {
		_, _, _, err := m.Dispatches.Draft(ctx, anna, id)
		var refusal *policy.Refusal
		if !errors.As(err, &refusal) || refusal.Code != "erased" || !strings.Contains(refusal.Detail, string(anna)) || !strings.Contains(refusal.Detail, d.WithdrawnAt.Time().Format("2 January 2006, 15:04")) {
			t.Errorf("the draft %s shows %v", id, err)
		}
	}
	if rows, err := models.AuditAfter(ctx, m.Store.R, 0, string(d.IRI), "withdrawal completed", 10); err != nil || len(rows) != 1 || !strings.Contains(rows[0].Detail, "2") {
		t.Errorf("the trail says %+v (%v)", rows, err)
	}
}
