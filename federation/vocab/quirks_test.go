package vocab

import (
	"os"
	"path/filepath"
	"testing"

	"valise/models/iri"
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// samples returns every foreign sample.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, software := range []string{"mastodon", "gotosocial", "lemmy", "misskey", "akkoma"} {
		paths, err := filepath.Glob(filepath.Join("testdata", software, "*.json"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no samples of %s: %v", software, err)
		}
		for _, p := range paths {
			name := software + "/" + filepath.Base(p)
			all[name] = load(t, name)
		}
	}
	return all
}

func TestForeignSamplesAreTyped(t *testing.T) {
	for name, raw := range samples(t) {
		n, err := ParseJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := n.CheckContext(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := Check(n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func activity(t *testing.T, name string) *Activity {
	t.Helper()
	a, err := ParseActivity(load(t, name), production)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return a
}

func TestForeignNotes(t *testing.T) {
	for name, want := range map[string]struct {
		id, context, attachment iri.IRI
	}{
		"mastodon/create-note.json":   {"https://mastodon.example/users/eva/statuses/1", "", "https://files.mastodon.example/1.png"},
		"gotosocial/create-note.json": {"https://gts.example/users/eva/statuses/01", "", ""},
		"akkoma/create-note.json":     {"https://akkoma.example/objects/1", "https://akkoma.example/contexts/1", "https://media.akkoma.example/1.png"},
	} {
		a := activity(t, name)
		note, err := ParseNote(a.Object, production)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if note.ID != want.id || note.Context != want.context || note.InReplyTo != "https://a.example/g/r7/b/118" ||
			note.AttributedTo != a.Actor || len(note.Mentions) != 1 || note.Mentions[0].Href != group ||
			len(note.To) != 1 || note.To[0] != group || note.Public || !note.Published.Truncate(1e9).Equal(at("2026-09-01T10:00:00Z")) {
			t.Errorf("%s: %+v", name, note)
		}
		if want.attachment != "" && (len(note.Attachments) != 1 || note.Attachments[0].URL != want.attachment) {
			t.Errorf("%s: attachments %+v", name, note.Attachments)
		}
	}
}

func TestForeignActs(t *testing.T) {
	if a := activity(t, "mastodon/undo-follow.json"); a.ObjectType != "Follow" || a.ID.Fragment() != "follows/7/undo" {
		t.Errorf("undo %+v", a)
	}
	gone := activity(t, "mastodon/delete-actor.json")
	if stone, err := ParseTombstone(gone, production); gone.Type != "Delete" || gone.ObjectID != gone.Actor || !gone.Public || err != nil || stone.ID != gone.Actor {
		t.Errorf("delete %+v %v", gone, err)
	}
	if a := activity(t, "mastodon/flag.json"); a.ObjectID != group {
		t.Errorf("flag %+v", a)
	}
	if a := activity(t, "misskey/like.json"); a.Type != "Like" {
		t.Errorf("a reaction of Misskey is no plain Like: %+v", a)
	}
	lemmy := activity(t, "lemmy/announce-create.json")
	inner, err := lemmy.Inner(production)
	if err != nil || inner.ObjectType != "Page" || !lemmy.Public || inner.Audience[0] != "https://lemmy.example/c/water" {
		t.Errorf("announce %+v %v", inner, err)
	}
	if at := attachmentURL(inner.Object.Get("attachment").Items()[0]); at == nil || at.text != "https://news.example/1" {
		t.Error("Lemmy's Link attachment has no address")
	}
}

func TestForeignActors(t *testing.T) {
	for name, want := range map[string]struct {
		kind       string
		shared     iri.IRI
		moderators iri.IRI
	}{
		"mastodon/actor.json": {"Person", "https://mastodon.example/inbox", ""},
		"misskey/actor.json":  {"Person", "https://misskey.example/inbox", ""},
		"lemmy/group.json":    {"Group", "https://lemmy.example/inbox", "https://lemmy.example/c/water/moderators"},
	} {
		a, err := ParseActor(load(t, name), production)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.Type != want.kind || a.SharedInbox != want.shared || a.Moderators != want.moderators || a.Inbox == "" ||
			len(a.RSA) != 1 || a.RSA[0].Owner != a.ID {
			t.Errorf("%s: %+v", name, a)
		}
	}
	stub, err := ParseActor(load(t, "gotosocial/key-stub.json"), production)
	if err != nil {
		t.Fatal(err)
	}
	if len(stub.RSA) != 1 || stub.RSA[0].ID != "https://gts.example/users/eva/main-key" || stub.RSA[0].Owner != stub.ID || stub.RSA[0].PEM == "" || stub.Inbox != "" {
		t.Errorf("stub: %+v", stub)
	}
}
