package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

func answering(d *models.Dispatch, subject string, to ...iri.IRI) dispatches.Content {
	c := cable(subject, to...)
	c.References = []dispatches.Reference{{Target: d.IRI, Label: d.Reference, Digest: d.Digest, Answers: true}}
	return c
}

// Answers go back and forth; each side sees the thread that it may read, and no more.
func TestThreadOfAnswers(t *testing.T) { cluster.Each(t, testThreadOfAnswers) }

func testThreadOfAnswers(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	asia, lin := c.Office(ministry, "asia", "ASIA DESK", "Asia desk", "lin")
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	first := c.Send(ministry, anna, desk, cable("A proposal", post))
	c.Settle()
	second := c.Send(embassy, boris, post, answering(first, "An answer", desk))
	c.Settle()
	third := c.Send(ministry, anna, desk, answering(second, "Thanks", post))
	inside := c.Send(ministry, anna, desk, answering(second, "What they say", asia))
	cited := cable("Another file", post)
	cited.References = []dispatches.Reference{{Target: first.IRI, Label: first.Reference, Digest: first.Digest}}
	c.Send(ministry, anna, desk, cited)
	c.Settle()

	line := func(h iri.Host, person iri.IRI, name iri.IRI) string {
		t.Helper()
		rows, err := c.Nodes[h].Dispatches.Thread(ctx, person, string(name))
		cluster.Must(t, err)
		var out []string
		for _, r := range rows {
			out = append(out, fmt.Sprintf("%s %d/%d", r.Dispatch.Subject, r.Depth, len(r.Answers)))
			if r.Dispatch.Document != nil {
				t.Errorf("%s comes with its text", r.Dispatch.Subject)
			}
		}
		return strings.Join(out, ", ")
	}
	for _, x := range []struct {
		who  string
		got  string
		want string
	}{
		{"anna on the second", line(ministry, anna, second.IRI), "A proposal -1/0, An answer 0/1, Thanks 1/1, What they say 1/1"},
		{"boris on the second", line(embassy, boris, second.IRI), "A proposal -1/0, An answer 0/1, Thanks 1/1"},
		{"boris on the third", line(embassy, boris, third.IRI), "A proposal -2/0, An answer -1/1, Thanks 0/1"},
		{"anna on the first", line(ministry, anna, first.IRI), "A proposal 0/0, An answer 1/1, Thanks 2/1, What they say 2/1"},
		{"lin, who has the last alone", line(ministry, lin, inside.IRI), "What they say 0/0"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", x.who, x.got, x.want)
		}
	}
	if _, err := c.Nodes[ministry].Dispatches.Thread(ctx, lin, string(first.IRI)); err == nil {
		t.Error("the thread of an unreadable dispatch is shown")
	}
	v, err := c.Nodes[embassy].Dispatches.Show(ctx, boris, string(third.IRI))
	cluster.Must(t, err)
	if len(v.References) != 1 || !v.References[0].Answers || v.References[0].Check != "fits" {
		t.Errorf("what it answers is shown as %+v", v.References)
	}
	if first.Context == "" || second.Context != first.Context || third.Context != first.Context || v.Wire.Context != first.Context || v.Wire.InReplyTo != "" {
		t.Errorf("contexts: %s, %s, %s, received %s; inReplyTo %q", first.Context, second.Context, third.Context, v.Wire.Context, v.Wire.InReplyTo)
	}

	// The conversation lists what the asker may have, and nothing to others.
	read := func(from iri.Host, signed bool) (int, []string) {
		req, _ := http.NewRequestWithContext(ctx, "GET", string(first.Context), nil)
		req.Header.Set("Accept", "application/activity+json")
		if signed {
			n := c.Nodes[from]
			cluster.Must(t, n.Courier.SignGet(ctx, iri.IRI(n.Own.Base()+"/actor"), ministry)(req, nil))
		}
		resp, err := c.Transport(from).RoundTrip(req)
		cluster.Must(t, err)
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		var list struct {
			AttributedTo string   `json:"attributedTo"`
			Items        []string `json:"orderedItems"`
		}
		_ = json.Unmarshal(body, &list)
		return resp.StatusCode, append(list.Items, list.AttributedTo)
	}
	want := fmt.Sprint([]iri.IRI{first.IRI, second.IRI, third.IRI, desk})
	if status, got := read(embassy, true); status != 200 || fmt.Sprint(got) != want {
		t.Errorf("the conversation for the embassy: %d %v, want %s", status, got, want)
	}
	if status, _ := read(embassy, false); status != 404 {
		t.Errorf("the conversation for somebody: %d", status)
	}

	// A withdrawal keeps its place behind what it withdraws.
	_, err = c.Nodes[ministry].Dispatches.Withdraw(ctx, anna, string(third.IRI), "")
	cluster.Must(t, err)
	c.Settle()
	if got := line(embassy, boris, second.IRI); got != "A proposal -1/0, An answer 0/1, Thanks 1/1" && got != "A proposal -1/0, An answer 0/1,  1/1" {
		t.Errorf("after the withdrawal: %q", got)
	}
	c.Check()
}

// On other software an answer hangs under the post that it answers, if that went there.
func TestAnswerInABulletinNamesItsParent(t *testing.T) {
	cluster.Each(t, testAnswerInABulletinNamesItsParent)
}

func testAnswerInABulletinNamesItsParent(t *testing.T) {
	s := newReaders(t, "GoToSocial", peers.GoToSocial, communities.Opening{})
	expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
	first := s.send(t, "Open talks", "PUBLIC")
	draft := s.draft("An answer", "PUBLIC")
	draft.References = []dispatches.Reference{{Target: first.IRI, Label: first.Reference, Digest: first.Digest, Answers: true}}
	second := s.Send(embassy, s.boris, s.post, draft)
	draft = s.draft("Cites it", "PUBLIC")
	draft.References = []dispatches.Reference{{Target: first.IRI, Label: first.Reference, Digest: first.Digest}}
	cites := s.Send(embassy, s.boris, s.post, draft)
	s.Settle()
	parent := only(t, about(expert.Home(), first.Reference), "the first")
	if p := only(t, about(expert.Home(), second.Reference), "the answer"); p.InReplyTo != parent.ID {
		t.Errorf("the answer names %q as its parent, not %s", p.InReplyTo, parent.ID)
	}
	if p := only(t, about(expert.Home(), cites.Reference), "what cites it"); p.InReplyTo != "" {
		t.Errorf("a citation names a parent: %s", p.InReplyTo)
	}
}
