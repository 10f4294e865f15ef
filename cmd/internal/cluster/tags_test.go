package cluster_test

import (
	"context"
	"slices"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
)

// Tags travel with a dispatch and follow its corrections; a folder is narrowed by them on
// both sides. A withdrawal takes them back.
func TestTagsTravel(t *testing.T) { cluster.Each(t, testTagsTravel) }

func testTagsTravel(t *testing.T) {
	ctx := context.Background()
	s := newCourt(t)
	narrowed := func(h iri.Host, person, office iri.IRI, folder, tag string) []string {
		t.Helper()
		l, err := s.Nodes[h].Desk.List(ctx, person, desk.Filter{Folder: folder, Office: office, Tag: tag}, "", 10)
		cluster.Must(t, err)
		var out []string
		for _, r := range l.Rows {
			out = append(out, r.Subject)
			if !slices.Contains(r.Tags, tag) {
				t.Errorf("%s has the tags %q", r.Subject, r.Tags)
			}
		}
		return out
	}
	both := func(tag string, want ...string) {
		t.Helper()
		if got := narrowed(ministry, s.anna, s.desk, models.FolderSent, tag); !slices.Equal(got, want) {
			t.Errorf("sent with the tag %s: %q, want %q", tag, got, want)
		}
		if got := narrowed(embassy, s.boris, s.post, models.FolderAction, tag); !slices.Equal(got, want) {
			t.Errorf("received with the tag %s: %q, want %q", tag, got, want)
		}
	}
	content := cable("Water sharing", s.post)
	content.Tags = []string{"#water, treaty", "WATER", "قبرص"}
	d := s.Send(ministry, s.anna, s.desk, content)
	s.Send(ministry, s.anna, s.desk, cable("Without", s.post))
	s.Settle()
	for _, tag := range []string{"WATER", "TREATY", "قبرص"} {
		both(tag, "Water sharing")
	}

	content.Tags, content.ChangeNote = []string{"BORDERS"}, "Another file."
	draft, err := s.Nodes[ministry].Dispatches.NewDraft(ctx, s.anna, s.desk, &content, d.IRI)
	cluster.Must(t, err)
	_, err = s.Nodes[ministry].Dispatches.Release(ctx, s.anna, draft.ID, 1)
	cluster.Must(t, err)
	s.Settle()
	both("WATER")
	both("BORDERS", "Water sharing")

	_, err = s.Nodes[ministry].Dispatches.Withdraw(ctx, s.anna, string(d.IRI), "")
	cluster.Must(t, err)
	s.Settle()
	both("BORDERS")

	for _, bad := range [][]string{{"two/parts"}, {"\u202eFISH"}, {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"}} {
		content.Tags = bad
		if _, err := s.Nodes[ministry].Dispatches.NewDraft(ctx, s.anna, s.desk, &content, ""); err == nil {
			t.Errorf("the tags %q are taken", bad)
		}
	}
	s.Check()
}
