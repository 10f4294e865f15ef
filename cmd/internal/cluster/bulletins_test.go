package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

const social iri.Host = "social.example"

// software are the servers that Form B is held to.
var software = map[string]func(iri.Host, http.RoundTripper, func() time.Time) *peers.Server{"Mastodon": peers.Mastodon, "GoToSocial": peers.GoToSocial}

// readers is the federation of Form B: the embassy runs a community in which the
// ministry's desk posts, and experts on a server that is not ours read.
type readers struct {
	*cluster.Cluster
	name                               string
	server                             *peers.Server
	desk, anna, post, boris, community iri.IRI
}

const handle = "@water@embassy.example"

// eachSoftware runs a test once for each.
func eachSoftware(t *testing.T, opening communities.Opening, f func(t *testing.T, s *readers)) {
	for name, open := range software {
		t.Run(name, func(t *testing.T) { f(t, newReaders(t, name, open, opening)) })
	}
}

func newReaders(t *testing.T, name string, open func(iri.Host, http.RoundTripper, func() time.Time) *peers.Server, o communities.Opening) *readers {
	t.Helper()
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	s := &readers{Cluster: c, name: name, server: open(social, c.Transport(social), c.Clock.Now)}
	c.Foreign(social, s.server)
	s.desk, s.anna = c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	s.post, s.boris = c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	o.Office, o.Username, o.Name, o.Charter, o.Ceiling, o.HistoryDays = s.post, "water", "Water", "Water sharing.", "LIMITED", 30
	com, err := c.Nodes[embassy].Communities.Open(ctx, s.boris, o)
	cluster.Must(t, err)
	s.community = com.IRI
	i, err := c.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(s.desk), Role: models.RoleMember, HistoryDays: -1})
	cluster.Must(t, err)
	c.Settle()
	cluster.Must(t, c.Nodes[ministry].Communities.Accept(ctx, s.desk, i.IRI))
	c.Settle()
	t.Cleanup(func() { s.wire(t) })
	return s
}

// wire holds whatever the server received to what may be sent there at all.
func (s *readers) wire(t *testing.T) {
	creates := map[string]string{}
	for _, a := range s.server.Received() {
		switch a.Type {
		case "Create", "Update", "Delete", "Accept", "Reject", "Block", "Undo":
		default:
			t.Errorf("%s was sent to %s: %s", a.Type, s.name, a.Raw)
		}
		if a.Type == "Update" && a.Object == a.Actor {
			continue // its actor document, as everybody may fetch it
		}
		for _, word := range []string{"#Public", `"as:Public"`, `"attachment"`, "w3id.org", `"proof"`, "<table"} {
			if bytes.Contains(a.Raw, []byte(word)) {
				t.Errorf("%s holds %s: %s", a.Type, word, a.Raw)
			}
		}
		if a.Type == "Reject" && a.ObjectType != "Follow" {
			t.Errorf("a Reject of something else than a Follow: %s", a.Raw)
		}
		if before := creates[a.ID]; before != "" && before != a.Inbox {
			t.Errorf("the activity %s went to %s and to %s", a.ID, before, a.Inbox)
		}
		creates[a.ID] = a.Inbox
	}
	for _, url := range s.server.Fetches() {
		t.Errorf("%s was made to fetch %s", s.name, url)
	}
}

func (s *readers) invite(t *testing.T, a *peers.Account, i communities.Invitation) {
	t.Helper()
	i.Who = a.Handle()
	_, err := s.Nodes[embassy].Communities.Invite(context.Background(), s.boris, s.community, i)
	cluster.Must(t, err)
	s.Settle()
}

// joined is an expert who was invited and follows.
func (s *readers) joined(t *testing.T, name string, i communities.Invitation) *peers.Account {
	t.Helper()
	a := s.server.Account(name)
	s.invite(t, a, i)
	if _, err := a.Follow(handle); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	if !a.Follows(string(s.community)) {
		t.Fatalf("%s does not follow the community", name)
	}
	return a
}

func (s *readers) draft(subject, marking string) dispatches.Content {
	c := cable(subject)
	c.Paragraphs[1].Marking = ""
	c.Marking, c.Community = marking, s.community
	return c
}

// send releases a dispatch into the community and settles.
func (s *readers) send(t *testing.T, subject, marking string) *models.Dispatch {
	t.Helper()
	d := s.Send(ministry, s.anna, s.desk, s.draft(subject, marking))
	s.Settle()
	return d
}

func (s *readers) correct(t *testing.T, d *models.Dispatch, subject, marking string) {
	t.Helper()
	ctx, m := context.Background(), s.Nodes[ministry]
	fixed := s.draft(subject, marking)
	fixed.ChangeNote = "The subject was wrong."
	draft, err := m.Dispatches.NewDraft(ctx, s.anna, s.desk, &fixed, d.IRI)
	cluster.Must(t, err)
	_, err = m.Dispatches.Release(ctx, s.anna, draft.ID, 1)
	cluster.Must(t, err)
}

func (s *readers) withdraw(t *testing.T, d *models.Dispatch) {
	t.Helper()
	_, err := s.Nodes[ministry].Dispatches.Withdraw(context.Background(), s.anna, string(d.IRI), "")
	cluster.Must(t, err)
}

// later lets time pass, so that what waits is tried.
func (s *readers) later(d time.Duration) {
	s.Clock.Forward(d)
	s.Settle()
}

// about are the posts in which a word stands, in their order.
func about(posts []peers.Post, word string) []peers.Post {
	return slices.DeleteFunc(slices.Clone(posts), func(p peers.Post) bool { return !strings.Contains(p.Summary+p.Content, word) })
}

func only(t *testing.T, posts []peers.Post, what string) peers.Post {
	t.Helper()
	if len(posts) != 1 {
		t.Fatalf("%d posts of %s, want 1: %+v", len(posts), what, posts)
	}
	return posts[0]
}

func kinds(list []*peers.Activity) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Type)
	}
	return strings.Join(out, " ")
}

func TestGuestOfOtherSoftwareFromInvitationToRemoval(t *testing.T) {
	cluster.Each(t, testGuestOfOtherSoftwareFromInvitationToRemoval)
}

func testGuestOfOtherSoftwareFromInvitationToRemoval(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert, eve := s.server.Account("expert"), s.server.Account("eve")
		s.invite(t, expert, communities.Invitation{Ceiling: "UNCLASSIFIED", HistoryDays: -1, Words: "Please join us."})
		note := only(t, expert.Direct(), "the invitation")
		for _, want := range []string{"Please join us.", handle, "mentioned people only", "notifications"} {
			if !strings.Contains(note.Content, want) {
				t.Errorf("the invitation does not say %q: %s", want, note.Content)
			}
		}
		if _, err := eve.Follow(handle); err != nil {
			t.Fatal(err)
		}
		s.Settle()
		if eve.Follows(string(s.community)) || eve.Asked(string(s.community)) {
			t.Error("the follow of an uninvited account was not rejected")
		}
		if _, err := expert.Follow(handle); err != nil {
			t.Fatal(err)
		}
		s.Settle()
		if !expert.Follows(string(s.community)) {
			t.Fatal("her follow was not accepted")
		}

		public := s.Send(ministry, s.anna, s.desk, func() dispatches.Content {
			file, err := s.Nodes[ministry].Dispatches.Upload(ctx, "annex.txt", "text/plain", strings.NewReader("The annex."))
			cluster.Must(t, err)
			c := s.draft("Open talks", "PUBLIC")
			c.Attachments = []dispatches.Attachment{file}
			return c
		}())
		s.Settle()
		closed, above := s.send(t, "Quiet talks", "UNCLASSIFIED"), s.send(t, "Hidden talks", "LIMITED")
		p := only(t, about(expert.Home(), public.Reference), "the dispatch of the lowest marking")
		if p.Visibility != "private" || p.Attachments != 0 || !strings.Contains(p.Summary, "PUBLIC · "+public.Reference+" · Open talks") || !strings.Contains(p.Content, "The Ambassador called this morning.") || strings.Contains(p.Content, "annex") {
			t.Errorf("inline: %+v", p)
		}
		q := only(t, about(expert.Home(), closed.Reference), "the dispatch above it")
		if q.Visibility != "private" || q.Summary != "UNCLASSIFIED · "+closed.Reference || strings.Contains(q.Content, "Ambassador") || strings.Contains(q.Summary+q.Content, "Quiet") || !strings.Contains(q.Content, "/read/") {
			t.Errorf("notice: %+v", q)
		}
		if len(about(s.server.Posts(), above.Reference)) != 0 || len(about(s.server.Posts(), "Hidden")) != 0 {
			t.Error("something above her ceiling reached her server")
		}
		if len(eve.Home()) != 0 {
			t.Errorf("an uninvited account sees %+v", eve.Home())
		}

		s.Clock.Forward(time.Minute)
		s.correct(t, public, "Open talks in May", "PUBLIC")
		s.Settle()
		edited := only(t, about(expert.Home(), public.Reference), "the corrected dispatch")
		if edited.Edits != 1 || !strings.Contains(edited.Summary, "in May") || edited.ID != p.ID || edited.Published != p.Published {
			t.Errorf("corrected: %+v", edited)
		}
		s.withdraw(t, public)
		s.Settle()
		if len(about(s.server.Posts(), public.Reference)) != 0 {
			t.Error("the withdrawn dispatch is still there")
		}

		before := len(s.server.Received())
		cluster.Must(t, s.Nodes[embassy].Communities.Remove(ctx, s.boris, s.community, iri.IRI(expert.ID), "the term of her study ended"))
		s.Settle()
		if expert.Follows(string(s.community)) || expert.Blocked(string(s.community)) {
			t.Errorf("removed, she follows: %v, is blocked: %v", expert.Follows(string(s.community)), expert.Blocked(string(s.community)))
		}
		// The note comes first: Mastodon may filter private mentions by who is not followed.
		if got := kinds(s.server.Received()[before:]); got != "Create Reject Block Undo" {
			t.Errorf("the removal sent %s", got)
		}
		if got := about(expert.Direct(), "has ended"); len(got) != 1 {
			t.Errorf("nothing tells her: %+v", expert.Direct())
		}
		before = len(s.server.Received())
		s.send(t, "After she went", "PUBLIC")
		s.correct(t, closed, "Quieter talks", "UNCLASSIFIED")
		s.later(time.Hour)
		if after := s.server.Received()[before:]; len(after) != 0 {
			t.Errorf("after her removal came %s: %s", kinds(after), after[0].Raw)
		}
		s.withdraw(t, closed)
		s.Settle()
		if len(about(s.server.Posts(), closed.Reference)) != 0 {
			t.Error("a withdrawal does not follow what she had received")
		}
		if _, err := expert.Follow(handle); err != nil {
			t.Fatal(err)
		}
		s.Settle()
		if expert.Follows(string(s.community)) {
			t.Error("she followed again without an invitation")
		}
		s.Check()
	})
}

func TestReplyOfGuestIsAttested(t *testing.T) { cluster.Each(t, testReplyOfGuestIsAttested) }

func testReplyOfGuestIsAttested(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		d := s.send(t, "A question", "UNCLASSIFIED")
		bulletin := only(t, about(expert.Home(), d.Reference), "the dispatch")
		note, err := expert.Reply(handle, bulletin.ID, "I agree.", peers.MentionedOnly)
		cluster.Must(t, err)
		s.Settle()
		comments, err := s.Nodes[ministry].Communities.Comments(ctx, s.anna, s.community, 10)
		cluster.Must(t, err)
		if len(comments) != 1 {
			t.Fatalf("the ministry sees %d comments", len(comments))
		}
		c := comments[0]
		if c.Author != s.community || string(c.AttestedFor) != expert.ID || c.Dispatch != d.IRI || !strings.Contains(c.Content, "I agree.") {
			t.Errorf("the comment is %+v", c)
		}
		var wire struct {
			AttributedTo, AttestedFor, ReceivedDigest, ReceivedAt string
			Proof                                                 struct{ VerificationMethod string }
		}
		cluster.Must(t, json.Unmarshal(c.Document, &wire))
		if wire.AttributedTo != string(s.community) || wire.AttestedFor != expert.ID || !strings.HasPrefix(wire.ReceivedDigest, "zQm") || wire.ReceivedAt == "" || !strings.HasPrefix(wire.Proof.VerificationMethod, string(s.community)+"#ed-") {
			t.Errorf("attested as %s", c.Document)
		}
		if !slices.ContainsFunc(s.server.Posts(), func(p peers.Post) bool { return p.ID == note }) {
			t.Error("her own note is gone from her server")
		}
		// A comment of the ministry's comes back to her under the bulletin.
		_, err = s.Nodes[ministry].Communities.Comment(ctx, s.desk, s.community, d.IRI, "Thank you, Expert.")
		cluster.Must(t, err)
		s.Settle()
		if got := about(expert.Home(), "comments."); len(got) == 0 || got[len(got)-1].InReplyTo != bulletin.ID {
			t.Errorf("the comment at her server: %+v", got)
		}
		if got := about(s.server.Posts(), "Thank you"); len(got) != 0 {
			t.Errorf("text above the lowest marking left the host: %+v", got)
		}
		// She takes her words back.
		cluster.Must(t, expert.Delete(note))
		s.Settle()
		comments, err = s.Nodes[ministry].Communities.Comments(ctx, s.anna, s.community, 10)
		cluster.Must(t, err)
		if len(comments) != 1 || comments[0].AttestedFor != "" {
			t.Errorf("after she deleted her note the ministry sees %+v", comments)
		}
		s.Check()
	})
}

func TestPublicReplyIsSetAside(t *testing.T) { cluster.Each(t, testPublicReplyIsSetAside) }

func testPublicReplyIsSetAside(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.server.Account("eve")
		d := s.send(t, "A question", "UNCLASSIFIED")
		bulletin := only(t, about(expert.Home(), d.Reference), "the dispatch")
		note, err := expert.Reply(handle, bulletin.ID, "I agree, everybody.", peers.Public)
		cluster.Must(t, err)
		_, err = eve.Reply(handle, bulletin.ID, "Let me in.", peers.MentionedOnly)
		cluster.Must(t, err)
		s.Settle()
		for host, who := range map[iri.Host]iri.IRI{ministry: s.anna, embassy: s.boris} {
			comments, err := s.Nodes[host].Communities.Comments(ctx, who, s.community, 10)
			cluster.Must(t, err)
			if len(comments) != 0 {
				t.Errorf("%s shows %+v", host, comments)
			}
		}
		if got := about(expert.Direct(), "Delete it"); len(got) != 1 {
			t.Errorf("she is not asked to delete it: %+v", expert.Direct())
		}
		if got := about(eve.Direct(), "not accepted"); len(got) != 1 {
			t.Errorf("a stranger is not told: %+v", eve.Direct())
		}
		if !slices.ContainsFunc(s.server.Posts(), func(p peers.Post) bool { return p.ID == note }) {
			t.Error("her own note is gone from her server")
		}
		notices, err := models.Notices(ctx, s.Nodes[embassy].Store.R, s.boris, 0, 50)
		cluster.Must(t, err)
		if !slices.ContainsFunc(notices, func(n *models.Notice) bool { return n.Kind == "public reply set aside" && string(n.Subject) == note }) {
			t.Error("the organiser is not told")
		}
		s.Check()
	})
}

func TestGuestOfOtherSoftwareFetchesBulletinsAlone(t *testing.T) {
	cluster.Each(t, testGuestOfOtherSoftwareFetchesBulletinsAlone)
}

func testGuestOfOtherSoftwareFetchesBulletinsAlone(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1, Ceiling: "UNCLASSIFIED"}), s.server.Account("eve")
		file, err := s.Nodes[ministry].Dispatches.Upload(ctx, "annex.txt", "text/plain", strings.NewReader("The annex."))
		cluster.Must(t, err)
		c := s.draft("Open", "PUBLIC")
		c.Attachments = []dispatches.Attachment{file}
		d := s.Send(ministry, s.anna, s.desk, c)
		s.Settle()
		p := only(t, about(expert.Home(), d.Reference), "the dispatch")
		status, body := expert.Fetch(p.ID)
		if status != http.StatusOK || !strings.Contains(string(body), d.Reference) || strings.Contains(string(body), "w3id.org") {
			t.Errorf("her bulletin: %d %s", status, body)
		}
		if status, body := expert.FetchAs(p.ID, false); status != http.StatusNotFound {
			t.Errorf("unsigned, the bulletin answers %d %s", status, body)
		}
		if s.name == "GoToSocial" {
			if status, body := eve.Fetch(p.ID); status != http.StatusNotFound {
				t.Errorf("another account of the server gets %d %s", status, body)
			}
		}
		group := string(s.community)
		for _, at := range []string{string(d.IRI), "https://embassy.example/d/1", string(d.IRI) + "/v/1", group + "/outbox", group + "/outbox/after/0", group + "/a/1", group + "/files/" + file.Digest,
			"https://ministry.example/f/" + file.Digest, "https://embassy.example/f/" + file.Digest, group + "/followers?is_follower=" + expert.ID, string(d.Activity)} {
			if status, body := expert.Fetch(at); status != http.StatusNotFound {
				t.Errorf("%s answers %d %.200s", at, status, body)
			}
		}
		// Members are counted, never named; the Group itself is read by everybody.
		if status, body := expert.Fetch(group + "/followers"); status != http.StatusOK || strings.Contains(string(body), "expert") || !strings.Contains(string(body), `"totalItems"`) {
			t.Errorf("the followers: %d %s", status, body)
		}
		if status, _ := eve.FetchAs(group, false); status != http.StatusOK {
			t.Errorf("the minimal actor: %d", status)
		}
		gone := s.send(t, "Withdrawn", "PUBLIC")
		q := only(t, about(expert.Home(), gone.Reference), "the dispatch to be withdrawn")
		s.withdraw(t, gone)
		s.Settle()
		if status, body := expert.Fetch(q.ID); status != http.StatusOK || !strings.Contains(string(body), "Tombstone") || strings.Contains(string(body), gone.Reference) || strings.Contains(string(body), "w3id.org") {
			t.Errorf("a withdrawn bulletin: %d %s", status, body)
		}
		cluster.Must(t, s.Nodes[embassy].Communities.Remove(ctx, s.boris, s.community, iri.IRI(expert.ID), ""))
		s.Settle()
		if status, body := expert.Fetch(p.ID); status != http.StatusNotFound {
			t.Errorf("removed, she gets %d %s", status, body)
		}
		s.Check()
	})
}

// The wire form of PROTOCOL §4.3, member for member.
func TestBulletinOnTheWire(t *testing.T) { cluster.Each(t, testBulletinOnTheWire) }

func testBulletinOnTheWire(t *testing.T) {
	s := newReaders(t, "GoToSocial", peers.GoToSocial, communities.Opening{SubjectInNotice: true})
	expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
	before := len(s.server.Received())
	d := s.Send(embassy, s.boris, s.post, s.draft("Consultations on water sharing", "LIMITED"))
	s.Settle()
	got := s.server.Received()[before:]
	if len(got) != 1 {
		t.Fatalf("%d activities", len(got))
	}
	p := only(t, about(expert.Home(), d.Reference), "the dispatch")
	n, _ := strings.CutPrefix(p.ID, string(s.community)+"/b/")
	create, _ := strings.CutPrefix(got[0].ID, p.ID+"/create/")
	if strings.Contains(n+create, "/") || n == "" || create == "" {
		t.Errorf("the ids are %s and %s", p.ID, got[0].ID)
	}
	want := fmt.Sprintf(`{"@context":["https://www.w3.org/ns/activitystreams",{"sensitive":"as:sensitive"}],`+
		`"actor":"https://embassy.example/g/water","id":"https://embassy.example/g/water/b/%[1]s/create/%[2]s",`+
		`"object":{"attributedTo":"https://embassy.example/g/water",`+
		`"content":"<p>From: Chancery<br>PRIORITY</p><p><a href=\"https://embassy.example/read/water.%[1]s\">Read the dispatch</a></p>",`+
		`"id":"https://embassy.example/g/water/b/%[1]s","published":"%[3]s","sensitive":true,`+
		`"summary":"LIMITED · PARIS 2026/000001 · Consultations on water sharing",`+
		`"to":["https://embassy.example/g/water/followers"],"type":"Note","url":"https://embassy.example/read/water.%[1]s"},`+
		`"published":"%[3]s","to":["https://embassy.example/g/water/followers"],"type":"Create"}`, n, create, p.Published)
	if string(got[0].Raw) != want {
		t.Errorf("Form B\n got %s\nwant %s", got[0].Raw, want)
	}
}
