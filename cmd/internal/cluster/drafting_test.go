package cluster_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/config"
	"valise/instance/dispatches"
	"valise/instance/drafting"
	"valise/instance/formula"
	"valise/instance/redline"
	"valise/models"
	"valise/models/iri"
)

// studio is an office in which several people write, and a peer to write to.
type studio struct {
	*testing.T
	*drafting.Drafting
	c                        *cluster.Cluster
	office, alice, bob, carl iri.IRI
	there                    iri.IRI // the peer's office
}

const (
	homeHost = iri.Host("home.localhost")
	abroad   = iri.Host("abroad.localhost")
)

// inStudio runs a test on both databases. alice and bob draft; carl clears and releases.
func inStudio(t *testing.T, test func(s *studio)) {
	cluster.Each(t, func(t *testing.T) {
		c := cluster.New(t, []iri.Host{homeHost, abroad}, cluster.Change(func(cfg *config.Config) { cfg.Attachments.MaxFile = 1 << 20 }))
		c.Accredit(homeHost, abroad)
		n := c.Nodes[homeHost]
		s := &studio{T: t, c: c, Drafting: &drafting.Drafting{Store: n.Store, Dispatches: n.Dispatches, Directory: n.Directory, Communities: n.Communities, Now: c.Clock.Now, Rand: rand.Reader}}
		s.office, s.alice = c.Office(homeHost, "embassy", "NICOSIA", "Embassy in Nicosia", "alice")
		s.there, _ = c.Office(abroad, "ministry", "STATE", "Ministry of Foreign Affairs", "minister")
		for name, who := range map[string]*iri.IRI{"bob": &s.bob, "carl": &s.carl} {
			p, err := n.Accounts.AddPerson(t.Context(), "test", name, strings.ToUpper(name[:1])+name[1:])
			cluster.Must(t, err)
			*who = p.IRI
		}
		cluster.Must(t, n.Accounts.Grant(t.Context(), "test", s.office, s.bob, []string{models.ActDraft}, time.Time{}))
		cluster.Must(t, n.Accounts.Grant(t.Context(), "test", s.office, s.carl, []string{models.ActClear, models.ActRelease}, time.Time{}))
		test(s)
		c.Check()
	})
}

func (s *studio) begin() *models.Draft {
	s.Helper()
	d, err := s.Begin(s.Context(), s.alice, drafting.Start{Office: s.office, Form: "noteVerbale", Language: "en"})
	cluster.Must(s.T, err)
	return d
}

func (s *studio) open(who iri.IRI, id string) *drafting.Desk {
	s.Helper()
	d, err := s.Open(s.Context(), who, id)
	cluster.Must(s.T, err)
	return d
}

func (s *studio) save(who iri.IRI, draft string, e drafting.Edit) drafting.Saved {
	s.Helper()
	out, err := s.SaveParagraph(s.Context(), who, draft, e)
	cluster.Must(s.T, err)
	return out
}

func (s *studio) refused(err error, code string) {
	s.Helper()
	if got := drafting.Code(err); got != code {
		s.Errorf("refused with %q (%v), want %q", got, err, code)
	}
}

// finish makes the draft one that can be released.
func (s *studio) finish(id string) int64 {
	s.Helper()
	desk := s.open(s.alice, id)
	head := drafting.HeadOf(desk.Content)
	head.Subject = "Meeting of experts"
	_, err := s.SaveHead(s.Context(), s.alice, id, desk.Content.Head, head)
	cluster.Must(s.T, err)
	cluster.Must(s.T, s.AddAddressee(s.Context(), s.alice, id, s.there, models.RoleAction))
	for _, p := range s.open(s.alice, id).Content.Paragraphs {
		text := p.Text
		for gap := formula.Gap(text); gap != ""; gap = formula.Gap(text) {
			text = strings.ReplaceAll(text, gap, "propose a meeting")
		}
		if text != p.Text {
			s.save(s.alice, id, drafting.Edit{Part: p.ID, Base: p.Version, Text: text})
		}
	}
	return s.open(s.alice, id).Draft.Revision
}

func TestTwoPeopleWriteOneParagraph(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		p := s.open(s.alice, d.ID).Content.Paragraphs[1]
		first := s.save(s.alice, d.ID, drafting.Edit{Part: p.ID, Base: p.Version, Text: "The committee will meet on Tuesday in Nicosia."})
		if first.Version != p.Version+1 || first.Clash != 0 {
			t.Fatalf("%+v", first)
		}
		// Bob began from the same text. He changes another word, then the same one.
		s.save(s.alice, d.ID, drafting.Edit{Part: p.ID, Base: first.Version, Text: "The committee will meet on Friday in Nicosia."})
		b := s.save(s.bob, d.ID, drafting.Edit{Part: p.ID, Base: first.Version, Text: "The committee shall meet on Tuesday in Nicosia."})
		if !b.Merged || b.Text != "The committee shall meet on Friday in Nicosia." {
			t.Errorf("merged: %+v", b)
		}
		k := s.save(s.bob, d.ID, drafting.Edit{Part: p.ID, Base: first.Version, Text: "The committee will meet on Sunday in Nicosia."})
		if k.Clash == 0 || k.Merged || k.Text != b.Text {
			t.Fatalf("a clash: %+v", k)
		}
		again := s.save(s.bob, d.ID, drafting.Edit{Part: p.ID, Base: first.Version, Text: "The committee will meet on Monday in Nicosia.", Clash: k.Clash})
		if again.Clash != k.Clash {
			t.Errorf("another clash for the same text: %+v", again)
		}
		desk := s.open(s.alice, d.ID)
		if len(desk.Clashes) != 1 || desk.Clashes[0].Text != "The committee will meet on Monday in Nicosia." || desk.Clashes[0].Author != s.bob {
			t.Fatalf("clashes: %+v", desk.Clashes)
		}
		revision := s.finish(d.ID)
		s.refused(s.Ask(t.Context(), s.alice, d.ID, revision, nil), "unsettled")
		if _, err := s.Release(t.Context(), s.carl, d.ID, revision, s.c.Clock.Now()); drafting.Code(err) != "unsettled" {
			t.Errorf("released with a clash: %v", err)
		}
		s.refused(s.Settle(t.Context(), s.alice, d.ID, k.Clash, 1, drafting.KeepMine, ""), drafting.CodeStale)
		cluster.Must(t, s.Settle(t.Context(), s.alice, d.ID, k.Clash, k.Version, drafting.KeepBoth, ""))
		s.refused(s.Settle(t.Context(), s.bob, d.ID, k.Clash, k.Version, drafting.KeepMine, ""), drafting.CodeStale)
		if text := s.open(s.alice, d.ID).Content.Paragraphs[1].Text; !strings.Contains(text, "Friday") || !strings.Contains(text, "Monday") {
			t.Errorf("somebody's words are lost: %q", text)
		}
	})
}

func TestWordsOfARemovedParagraphAreKept(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		p := s.open(s.alice, d.ID).Content.Paragraphs[1]
		cluster.Must(t, s.RemoveParagraph(t.Context(), s.alice, d.ID, p.ID, p.Version))
		k := s.save(s.bob, d.ID, drafting.Edit{Part: p.ID, Base: p.Version, Text: "Bob wrote here."})
		if k.Clash == 0 {
			t.Fatalf("%+v", k)
		}
		cluster.Must(t, s.Settle(t.Context(), s.bob, d.ID, k.Clash, 0, drafting.KeepMine, ""))
		c := s.open(s.alice, d.ID).Content
		if last := c.Paragraphs[len(c.Paragraphs)-1]; last.Text != "Bob wrote here." || last.ID == p.ID {
			t.Errorf("came back as %+v", last)
		}
	})
}

// Ten people save ten paragraphs at once: every word arrives, and each paragraph once.
func TestManySaveAtOnce(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		ctx := t.Context()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := s.AddParagraph(ctx, s.alice, d.ID, "", fmt.Sprintf("word%d", i), "", ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all := ""
		seen := map[string]bool{}
		for _, p := range s.open(s.alice, d.ID).Content.Paragraphs {
			all += p.Text + "\n"
			if seen[p.ID] {
				t.Errorf("the id %s twice", p.ID)
			}
			seen[p.ID] = true
		}
		for i := range 10 {
			if strings.Count(all, fmt.Sprintf("word%d\n", i)) != 1 {
				t.Errorf("word%d: %q", i, all)
			}
		}
	})
}

func TestHistoryCollapsesAutosavesOfOneAuthor(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		p := s.open(s.alice, d.ID).Content.Paragraphs[1]
		v := p.Version
		type1 := func(who iri.IRI, text string) int64 {
			out := s.save(who, d.ID, drafting.Edit{Part: p.ID, Base: v, Text: text})
			v = out.Version
			return out.Revision
		}
		revisions := func() []int64 {
			h, err := s.History(t.Context(), s.alice, d.ID, 0)
			cluster.Must(t, err)
			var out []int64
			for _, e := range h.Entries {
				out = append(out, e.Revision)
			}
			return out
		}
		type1(s.alice, "one")
		type1(s.alice, "one two")
		r := type1(s.alice, "one two three")
		if got := fmt.Sprint(revisions()); got != fmt.Sprint([]int64{r, 1}) {
			t.Errorf("a run of autosaves: %v", got)
		}
		b := type1(s.bob, "one two three four")
		a := type1(s.alice, "one two three four five")
		if got := fmt.Sprint(revisions()); got != fmt.Sprint([]int64{a, b, r, 1}) {
			t.Errorf("across another author: %v", got)
		}
		cluster.Must(t, s.Saw(t.Context(), s.carl, d.ID, a))
		a2 := type1(s.alice, "six")
		s.c.Clock.Forward(6 * time.Minute)
		a3 := type1(s.alice, "seven")
		if got := fmt.Sprint(revisions()); got != fmt.Sprint([]int64{a3, a2, a, b, r, 1}) {
			t.Errorf("what was shown, and what is old: %v", got)
		}
		same := s.save(s.alice, d.ID, drafting.Edit{Part: p.ID, Base: v, Text: "seven"})
		if same.Revision != a3 {
			t.Errorf("an unchanged text made revision %d", same.Revision)
		}
		diff, err := s.CompareRevisions(t.Context(), s.alice, d.ID, b, a3)
		cluster.Must(t, err)
		if diff.Changed != 1 || diff.Paragraphs[1].Fate != drafting.FateChanged || diff.Paragraphs[1].Pieces[0].Op == redline.Same {
			t.Errorf("%+v", diff.Difference)
		}
	})
}

// The commands' way of saving a whole draft keeps the ids of what it did not touch.
func TestWholeDraftEditKeepsParagraphs(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		revision := s.finish(d.ID)
		before := s.open(s.alice, d.ID).Content
		c := *before
		c.Paragraphs = []dispatches.Paragraph{{Text: "A new first one."}, {Text: before.Paragraphs[0].Text}, {Text: before.Paragraphs[1].Text + " More."}, {Text: before.Paragraphs[2].Text}}
		_, err := s.Dispatches.EditDraft(t.Context(), s.alice, d.ID, revision, &c)
		cluster.Must(t, err)
		after := s.open(s.alice, d.ID).Content.Paragraphs
		for i, old := range before.Paragraphs {
			if after[i+1].ID != old.ID {
				t.Errorf("paragraph %d was %s and is %s", i+1, old.ID, after[i+1].ID)
			}
		}
		if after[2].Version != before.Paragraphs[1].Version+1 || after[1].Version != before.Paragraphs[0].Version {
			t.Errorf("versions: %+v", after)
		}
		// An editor who began before merges with it.
		e := drafting.Edit{Part: before.Paragraphs[1].ID, Base: before.Paragraphs[1].Version, Text: "First: " + before.Paragraphs[1].Text}
		if out := s.save(s.bob, d.ID, e); out.Clash != 0 || !strings.HasPrefix(out.Text, "First: ") || !strings.HasSuffix(out.Text, " More.") {
			t.Errorf("%+v", out)
		}
	})
}

func TestHeadIsMergedByField(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		d := s.begin()
		c := s.open(s.alice, d.ID).Content
		a, b := drafting.HeadOf(c), drafting.HeadOf(c)
		a.Subject, b.Precedence = "A meeting", "IMMEDIATE"
		for _, h := range []drafting.Head{a, b} {
			out, err := s.SaveHead(t.Context(), s.alice, d.ID, c.Head, h)
			if err != nil || out.Conflicts != nil {
				t.Fatalf("%+v (%v)", out, err)
			}
		}
		now := drafting.HeadOf(s.open(s.alice, d.ID).Content)
		if now.Subject != "A meeting" || now.Precedence != "IMMEDIATE" {
			t.Errorf("%+v", now)
		}
		late := drafting.HeadOf(c)
		late.Subject = "Another meeting"
		out, err := s.SaveHead(t.Context(), s.bob, d.ID, c.Head, late)
		if err != nil || out.Conflicts["subject"] != "A meeting" {
			t.Errorf("%+v (%v)", out, err)
		}
		bad := drafting.HeadOf(c)
		bad.Marking = "SECRET"
		_, err = s.SaveHead(t.Context(), s.alice, d.ID, c.Head, bad)
		s.refused(err, "classified")
	})
}

func TestClearanceAndRelease(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		n := s.c.Nodes[homeHost]
		cluster.Must(t, n.Accounts.SetRules(ctx, "test", s.office, models.Rules{Clearers: []iri.IRI{s.carl}}))
		d := s.begin()
		s.refused(s.Ask(ctx, s.alice, d.ID, d.Revision, nil), drafting.CodeInvalid)
		revision := s.finish(d.ID)
		if text := s.open(s.alice, d.ID).Content.Paragraphs[0].Text; !strings.Contains(text, "compliments to the Ministry of Foreign Affairs") {
			t.Errorf("the formula: %q", text)
		}
		cluster.Must(t, s.Ask(ctx, s.alice, d.ID, revision, nil))
		shelf, err := s.Shelf(ctx, s.carl, "")
		if err != nil || len(shelf.Clearing) != 1 || len(shelf.Releasing) != 1 || shelf.Clearing[0].Subject != "Meeting of experts" {
			t.Fatalf("%+v (%v)", shelf, err)
		}
		cluster.Must(t, s.Clear(ctx, s.carl, d.ID, revision, true, ""))
		q, err := s.Queue(ctx, s.carl)
		if err != nil || len(q) != 1 || q[0].Missing != "" || q[0].SeenAt != revision || q[0].Since.Changed != 0 {
			t.Fatalf("%+v (%v)", q, err)
		}
		// An edit opens clearance again, and says how much has changed since.
		p := s.open(s.alice, d.ID).Content.Paragraphs[1]
		s.save(s.bob, d.ID, drafting.Edit{Part: p.ID, Base: p.Version, Text: p.Text + " Three more words."})
		desk := s.open(s.carl, d.ID)
		if desk.Draft.State != models.DraftOpen || len(desk.Clearers) != 1 || desk.Clearers[0].Current(desk.Draft.Revision) || desk.Clearers[0].Words != 3 || !desk.Clearers[0].Required || desk.Missing == "" {
			t.Errorf("%+v, missing %q", desk.Clearers, desk.Missing)
		}
		fresh := s.c.Clock.Now()
		_, err = s.Release(ctx, s.carl, d.ID, revision, fresh)
		s.refused(err, drafting.CodeStale)
		revision = desk.Draft.Revision
		cluster.Must(t, s.Ask(ctx, s.alice, d.ID, revision, nil))
		_, err = s.Release(ctx, s.carl, d.ID, revision, fresh)
		s.refused(err, "not-cleared")
		cluster.Must(t, s.Clear(ctx, s.carl, d.ID, revision, true, ""))
		_, err = s.Release(ctx, s.carl, d.ID, revision, fresh.Add(-drafting.FreshFor))
		s.refused(err, drafting.CodeProve)
		_, err = s.Release(ctx, s.bob, d.ID, revision, fresh)
		s.refused(err, "no-mandate")
		one, err := s.Release(ctx, s.carl, d.ID, revision, fresh)
		cluster.Must(t, err)
		two, err := s.Release(ctx, s.carl, d.ID, revision, fresh)
		if err != nil || two.IRI != one.IRI {
			t.Errorf("released twice: %v %v (%v)", one.IRI, two, err)
		}
		_, err = s.SaveParagraph(ctx, s.alice, d.ID, drafting.Edit{Part: p.ID, Base: 1, Text: "late"})
		s.refused(err, drafting.CodeClosed)
		s.refused(s.Comment(ctx, s.alice, d.ID, p.ID, 0, "late"), drafting.CodeClosed)
		s.c.Settle()
		if _, err := models.DispatchByIRI(ctx, s.c.Nodes[abroad].Store.R, one.IRI); err != nil {
			t.Errorf("it did not arrive: %v", err)
		}
		// Its correction begins with its text.
		next, err := s.Begin(ctx, s.alice, drafting.Start{Corrects: string(one.IRI)})
		cluster.Must(t, err)
		if c := s.open(s.alice, next.ID).Content; c.Subject != "Meeting of experts" || len(c.Paragraphs) != 3 || !strings.HasSuffix(c.Paragraphs[1].Text, "Three more words.") {
			t.Errorf("%+v", c)
		}
	})
}

func TestOthersSeeNoDraft(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		d := s.begin()
		stranger, err := s.c.Nodes[homeHost].Accounts.AddPerson(ctx, "test", "eve", "Eve")
		cluster.Must(t, err)
		eve := stranger.IRI
		_, err = s.Open(ctx, eve, d.ID)
		s.refused(err, "not-found")
		_, err = s.Open(ctx, eve, "no such draft")
		s.refused(err, "not-found")
		_, err = s.Pulse(ctx, eve, d.ID)
		s.refused(err, "not-found")
		s.refused(s.Comment(ctx, eve, d.ID, "p1", 0, "hello"), "not-found")
		s.refused(s.Enter(ctx, eve, d.ID, "p1"), "not-found")
		_, err = s.History(ctx, eve, d.ID, 0)
		s.refused(err, "not-found")
		_, err = s.SaveParagraph(ctx, eve, d.ID, drafting.Edit{Part: "p1", Base: 1, Text: "x"})
		s.refused(err, "not-found")
		_, err = s.SaveParagraph(ctx, s.carl, d.ID, drafting.Edit{Part: "p1", Base: 1, Text: "x"})
		s.refused(err, "no-mandate")
		if q, err := s.Queue(ctx, eve); err != nil || len(q) != 0 {
			t.Errorf("%v (%v)", q, err)
		}
	})
}

func TestPresenceAndComments(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		d := s.begin()
		before, err := s.Pulse(ctx, s.alice, d.ID)
		cluster.Must(t, err)
		cluster.Must(t, s.Enter(ctx, s.alice, d.ID, "p1"))
		cluster.Must(t, s.Enter(ctx, s.bob, d.ID, "p2"))
		cluster.Must(t, s.Comment(ctx, s.carl, d.ID, "p2", 0, "Keep the Ambassador’s name?"))
		after, err := s.Pulse(ctx, s.alice, d.ID)
		if err != nil || after == before {
			t.Errorf("the pulse does not tell: %+v (%v)", after, err)
		}
		desk := s.open(s.alice, d.ID)
		if len(desk.Present) != 2 || len(desk.Comments) != 1 || desk.Comments[0].Name != "Carl" {
			t.Fatalf("%+v %+v", desk.Present, desk.Comments)
		}
		cluster.Must(t, s.Comment(ctx, s.alice, d.ID, "", desk.Comments[0].ID, "Yes."))
		if c := s.open(s.alice, d.ID).Comments; len(c) != 1 || len(c[0].Answers) != 1 || c[0].Answers[0].Part != "p2" {
			t.Errorf("%+v", c)
		}
		cluster.Must(t, s.SettleComment(ctx, s.bob, d.ID, desk.Comments[0].ID))
		s.refused(s.Comment(ctx, s.alice, d.ID, "", desk.Comments[0].ID, "Too late."), drafting.CodeStale)
		s.c.Clock.Forward(40 * time.Second)
		if desk = s.open(s.alice, d.ID); len(desk.Present) != 0 || len(desk.Comments) != 0 {
			t.Errorf("%+v %+v", desk.Present, desk.Comments)
		}
	})
}

func TestFilesAreWhatTheirNamesSay(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		d := s.begin()
		try := func(name, body string) error {
			_, err := s.Attach(ctx, s.alice, d.ID, name, "", strings.NewReader(body))
			return err
		}
		const pdf = "%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"
		cluster.Must(t, try("letter.pdf", pdf))
		cluster.Must(t, try("C:\\scans\\letter.pdf", pdf))
		cluster.Must(t, try("list.csv", "a,b\n1,2\n"))
		for name, body := range map[string]string{"letter.pdf": "<html><script>alert(1)</script></html>", "scan.png": pdf, "notes.txt": "<!DOCTYPE html><html><body>x", "page.html": "<html>", "empty.txt": "", "run.exe": "MZ",
			"letter2.docx": "PK\x03\x04 no office document", "big.txt": strings.Repeat("x", 1<<20+1)} {
			if err := try(name, body); err == nil {
				t.Errorf("%s was taken", name)
			} else if name != "big.txt" && drafting.Code(err) != drafting.CodeInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if files := s.open(s.alice, d.ID).Content.Attachments; len(files) != 2 || files[0].Name != "letter.pdf" {
			t.Errorf("%+v", files)
		}
	})
}

func TestCollectiveAddresses(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		second, _ := s.c.Office(abroad, "second", "SECOND", "Second Directorate", "deputy")
		_, err := s.DefineCollective(ctx, s.alice, s.office, "", "Contact group", []iri.IRI{s.there, second})
		cluster.Must(t, err)
		_, err = s.DefineCollective(ctx, s.alice, s.office, "", "contact  GROUP", []iri.IRI{second})
		s.refused(err, drafting.CodeInvalid)
		_, err = s.DefineCollective(ctx, s.carl, s.office, "", "Mine", []iri.IRI{second})
		s.refused(err, "no-mandate")
		d := s.begin()
		s.finish(d.ID)
		found, done, err := s.Address(ctx, s.alice, d.ID, "contact", models.RoleInfo)
		if err != nil || !done {
			t.Fatalf("%v %v %v", found, done, err)
		}
		out, err := s.Dispatches.Outlook(ctx, s.alice, d.ID)
		if err != nil || out.Offices != 2 || out.Instances != 1 || len(out.Stops) != 0 {
			t.Fatalf("%+v (%v)", out, err)
		}
		revision := s.open(s.alice, d.ID).Draft.Revision
		released, err := s.Release(ctx, s.carl, d.ID, revision, s.c.Clock.Now())
		cluster.Must(t, err)
		shown, err := s.c.Nodes[homeHost].Desk.Open(ctx, s.alice, released.IRI)
		if err != nil || len(shown.Collectives) != 1 || shown.Collectives[0] != (models.CollectiveCount{Name: "Contact group", Offices: 2}) {
			t.Errorf("alice is shown %+v (%v)", shown, err)
		}
		to, err := models.AddresseesOf(ctx, s.Store.R, released.IRI)
		roles := map[iri.IRI]string{}
		for _, a := range to {
			roles[a.Actor] = a.Role
		}
		if err != nil || roles[s.there] != models.RoleAction || roles[second] != models.RoleInfo {
			t.Errorf("%+v (%v)", to, err)
		}
	})
}

// What the page before release says is what release then does.
func TestOutlookAgreesWithRelease(t *testing.T) {
	inStudio(t, func(s *studio) {
		t := s.T
		ctx := t.Context()
		n := s.c.Nodes[homeHost]
		d := s.begin()
		revision := s.finish(d.ID)
		peer, err := models.PeerByHost(ctx, n.Store.R, abroad)
		cluster.Must(t, err)
		for _, state := range []string{models.PeerSuspended, models.PeerAccredited} {
			for _, ceiling := range []int64{1, n.Guard.Federates()} {
				p := *peer
				p.State, p.Ceiling = state, ceiling
				cluster.Must(t, models.SavePeer(ctx, n.Store.W, &p))
				out, err := s.Dispatches.Outlook(ctx, s.alice, d.ID)
				cluster.Must(t, err)
				_, err = s.Release(ctx, s.carl, d.ID, revision, s.c.Clock.Now())
				code := ""
				if len(out.Stops) > 0 {
					code = out.Stops[0].Code
				}
				if code != drafting.Code(err) {
					t.Errorf("%s, ceiling %d: the page says %q, release %v", state, ceiling, code, err)
				}
				if err == nil && (out.Offices != 1 || out.Readers[0].Name != "Ministry of Foreign Affairs" || out.Readers[0].Role != models.RoleAction) {
					t.Errorf("%+v", out)
				}
			}
		}
	})
}

func TestTemplatesInThreeLanguages(t *testing.T) {
	for _, language := range drafting.Languages {
		for _, f := range drafting.Forms {
			ps := formula.Template(f, language, "Embassy in Nicosia", "")
			if len(ps) < 3 {
				t.Errorf("%s in %s has %d paragraphs", f, language, len(ps))
			}
			for _, p := range ps {
				if strings.ContainsAny(p, "{}") || dispatches.Unfit(p) != "" {
					t.Errorf("%s in %s: %q", f, language, p)
				}
			}
		}
	}
	for _, c := range []struct{ language, office, to, opens, closes string }{
		{"en", "Embassy in Nicosia", "Ministry of Foreign Affairs", "The Embassy in Nicosia presents its compliments to the Ministry of Foreign Affairs and has the honour", "The Embassy in Nicosia avails itself of this opportunity to renew to the Ministry of Foreign Affairs the assurances of its highest consideration."},
		{"fr", "Ambassade de France", "Ministère des Affaires étrangères", "L’Ambassade de France présente ses compliments au Ministère des Affaires étrangères et a l’honneur", "L’Ambassade de France saisit cette occasion pour renouveler au Ministère des Affaires étrangères les assurances de sa très haute considération."},
		{"fr", "Mission permanente", "Ambassade du Liban", "La Mission permanente présente ses compliments à l’Ambassade du Liban et", "La Mission permanente saisit"},
		{"ar", "سفارة فرنسا", "وزارة الخارجية", "تُهدي سفارة فرنسا أطيب تحياتها إلى وزارة الخارجية، وتتشرف", "وتغتنم سفارة فرنسا هذه المناسبة لتُعرب مجددًا عن فائق تقديرها واحترامها."},
		{"ar", "مكتب الاتصال", "وزارة الخارجية", "يُهدي مكتب الاتصال أطيب تحياته إلى وزارة الخارجية، ويتشرف", "ويغتنم مكتب الاتصال هذه المناسبة ليُعرب مجددًا عن فائق تقديره واحترامه."},
	} {
		ps := formula.Template("noteVerbale", c.language, c.office, c.to)
		if !strings.HasPrefix(ps[0], c.opens) || !strings.HasPrefix(ps[2], c.closes) {
			t.Errorf("%s:\n%s\n%s", c.language, ps[0], ps[2])
		}
	}
}
