package verify

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

func has(r *Report, verdict, text string) bool {
	for _, f := range r.Findings {
		if f.Verdict == verdict && strings.Contains(f.Text, text) {
			return true
		}
	}
	return false
}

func dump(t *testing.T, r *Report) {
	t.Helper()
	for _, f := range r.Findings {
		t.Logf("%s: %s", f.Verdict, f.Text)
	}
}

func TestVerified(t *testing.T) {
	s := tell(t, change{})
	// Saved and read again, as the command does.
	text, err := json.Marshal(s.bundle)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	r := Bundle(b)
	if !r.Verified {
		dump(t, r)
		t.Fatal("a faultless file was refused")
	}
	for _, want := range []string{"Version 1 of PARIS 2026/000001", "Version 2 of", "Version 2 replaces version 1", `The attachment "Annex A" (15 bytes) is byte for byte`,
		"https://a.example/o/desk signed on 2026-09-03 08:00:00Z: delivered", "The instance key https://b.example/actor#ed-2 vouches for the keys of https://b.example/o/paris"} {
		if !has(r, Proven, want) {
			t.Errorf("nothing proven says %q", want)
		}
	}
	print := ""
	for _, a := range r.Anchors {
		if a.KeyID == s.inst.id {
			print = a.Fingerprint
		}
	}
	if print == "" || !has(r, Unproven, print) || !has(r, Unproven, "1 entries of the evidence board") {
		dump(t, r)
		t.Error("it does not say what is left to compare")
	}
}

// Each part of the file is changed in turn; each time that is found.
func TestTampering(t *testing.T) {
	swap := func(p *string, old, new string) {
		if !strings.Contains(*p, old) {
			t.Fatalf("%q is not there to be changed", old)
		}
		*p = strings.Replace(*p, old, new, 1)
	}
	for _, c := range []struct {
		name   string
		tamper func(*dispatches.Bundle)
		want   string
	}{
		{"text of version 1", func(b *dispatches.Bundle) { swap(&b.Versions[0].Document, "<p>One.", "<p>Won.") }, "Version 1: its digest"},
		{"text and digest of version 2", func(b *dispatches.Bundle) {
			swap(&b.Versions[1].Document, "<p>Two.", "<p>Too.")
			b.Versions[1].Digest = digestOf(t, b.Versions[1].Document)
		}, "The proof of version 2 does not hold"},
		{"text and digest of version 1", func(b *dispatches.Bundle) {
			swap(&b.Versions[0].Document, "<p>One.", "<p>Won.")
			b.Versions[0].Digest = digestOf(t, b.Versions[0].Document)
		}, "as the digest of version 1"},
		{"date of the proof", func(b *dispatches.Bundle) {
			swap(&b.Versions[1].Document, `"created":"2026-09-07T08:00:00Z"`, `"created":"2026-09-08T08:00:00Z"`)
			b.Versions[1].Digest = digestOf(t, b.Versions[1].Document)
		}, "The proof of version 2 does not hold"},
		{"versions exchanged", func(b *dispatches.Bundle) {
			b.Versions[0].Document, b.Versions[1].Document = b.Versions[1].Document, b.Versions[0].Document
		}, "says that it is version 2"},
		{"a version twice", func(b *dispatches.Bundle) { b.Versions = append(b.Versions, b.Versions[1]) }, "Version 2 is there twice"},
		{"no version", func(b *dispatches.Bundle) { b.Versions = nil }, "holds no version"},
		{"id", func(b *dispatches.Bundle) { b.Dispatch = "https://b.example/d/2" }, "it is https://b.example/d/1, not"},
		{"reference", func(b *dispatches.Bundle) { b.Reference = "PARIS 2026/000002" }, "its reference is"},
		{"digest", func(b *dispatches.Bundle) { b.Versions[0].Digest = b.Versions[1].Digest }, "as the file says"},
		{"no proof", func(b *dispatches.Bundle) {
			b.Versions[1].Document = without(t, b.Versions[1].Document, "proof")
			b.Versions[1].Digest = digestOf(t, b.Versions[1].Document)
		}, "it carries no proof"},
		{"content of the attachment", func(b *dispatches.Bundle) { b.Attachments[0].Content = []byte("Annex, cut off.") }, "another content"},
		{"length of the attachment", func(b *dispatches.Bundle) { b.Attachments[0].Content = []byte("Annex") }, "has 5 bytes, not 15"},
		{"size of the attachment", func(b *dispatches.Bundle) { b.Attachments[0].Size = 5 }, "in the signed text"},
		{"name of the attachment", func(b *dispatches.Bundle) { b.Attachments[0].Name = "Annex B" }, "in the signed text"},
		{"foreign attachment", func(b *dispatches.Bundle) {
			b.Attachments = append(b.Attachments, dispatches.BundleAttachment{Name: "Annex B", Digest: b.Versions[0].Digest})
		}, "named by no version"},
		{"receipt", func(b *dispatches.Bundle) { swap(&b.Evidence[1].Document, `"delivered"`, `"registered"`) }, `it says "registered"`},
		{"receipt and station", func(b *dispatches.Bundle) {
			swap(&b.Evidence[1].Document, `"delivered"`, `"registered"`)
			b.Evidence[1].Station = models.Registered
		}, "does not match the document"},
		{"station", func(b *dispatches.Bundle) { b.Evidence[1].Station = models.Taken }, `it says "delivered"`},
		{"addressee", func(b *dispatches.Bundle) { b.Evidence[1].Addressee = office }, "it is by https://a.example/o/desk"},
		{"date of the receipt", func(b *dispatches.Bundle) { b.Evidence[1].At = models.At(day(1)) }, "it is dated"},
		{"receipt for another text", func(b *dispatches.Bundle) { b.Versions = b.Versions[1:] }, "it is for another text"},
		{"key of the author", func(b *dispatches.Bundle) {
			swap(&b.Actors[1], newPen(office+"#ed-2").public(), newPen(office+"#ed-9").public())
		}, "The endorsement of the document of https://b.example/o/paris"},
		{"endorsement by somebody else", func(b *dispatches.Bundle) {
			b.Actors[1] = actorDoc(t, office, "Organization", instance, newPen(office+"#ed-2"), newPen(office+"#ed-2"))
		}, "is not one of https://b.example/actor"},
		{"no document of the author", func(b *dispatches.Bundle) { b.Actors = append(b.Actors[:1:1], b.Actors[2:]...) }, "holds no actor document"},
		{"an actor document that is none", func(b *dispatches.Bundle) { b.Actors = append(b.Actors, "{}") }, "Actor document 5 cannot be read"},
		{"no history", func(b *dispatches.Bundle) { b.History = b.History[1:] }, "no key history with the key https://b.example/o/paris#ed-1"},
		{"no history of the instance", func(b *dispatches.Bundle) { b.History = b.History[:1] }, "The key history entry of https://b.example/o/paris#ed-1 does not hold"},
		{"lifetime in the history", func(b *dispatches.Bundle) { swap(&b.History[0], "2026-09-05T08:00:00Z", "2026-09-04T08:00:00Z") }, "The key history entry of https://b.example/o/paris#ed-1 does not hold"},
		{"a history entry that is none", func(b *dispatches.Bundle) { b.History = append(b.History, `{"a":1}`) }, "Key history entry 3 cannot be read"},
		{"withdrawn with text", func(b *dispatches.Bundle) {
			b.Tombstone = string(vocab.Tombstone{ID: dispatch, FormerType: "Article", Deleted: day(9), Disposition: vocab.Withdrawn}.Encode())
		}, "yet the file holds its text"},
		{"tombstone of another", func(b *dispatches.Bundle) {
			b.Tombstone = string(vocab.Tombstone{ID: "https://b.example/d/2", Disposition: vocab.Superseded}.Encode())
		}, "The tombstone is of"},
	} {
		s := tell(t, change{})
		c.tamper(s.bundle)
		r := Bundle(s.bundle)
		if r.Verified || !has(r, Failed, c.want) {
			t.Errorf("%s: no failure says %q", c.name, c.want)
			dump(t, r)
		}
	}
}

// Keys that signed what they must not.
func TestKeys(t *testing.T) {
	intruder := newPen(reader + "#ed-1")
	self := newPen(office + "#ed-1")
	successor := newPen(instance + "#ed-2")
	for _, c := range []struct {
		name   string
		change change
		ok     bool
		want   string
	}{
		{"signed after the key was retired", change{firstAt: day(6)}, false, "outside the lifetime of its key"},
		{"signed before the key was made", change{firstAt: day(1).Add(-time.Hour)}, false, "outside the lifetime of its key"},
		{"signed by another actor", change{firstPen: &intruder}, false, "is not one of https://b.example/o/paris"},
		{"receipt by another actor", change{receiptPen: &self}, false, "is not one of https://a.example/o/desk"},
		{"history entry by the key itself", change{entryPen: &self}, false, "does not hold"},
		{"instance's history entry not by its own key", change{instancePen: &successor}, false, "it is not by the key itself"},
		{"instance key compromised later", change{instanceReason: vocab.RevokedCompromise}, true, "Version 1 of PARIS"},
		{"both keys compromised", change{instanceReason: vocab.RevokedCompromise, entryPen: &self}, false, "does not hold"},
		{"chain to another text", change{second: func(d *vocab.Dispatch) { d.PreviousVersion = "zQmOther" }}, false, "as the digest of version 1"},
		{"correction without a later date", change{second: func(d *vocab.Dispatch) { d.Updated = day(2) }}, false, "is not dated after"},
		{"receipt without a digest", change{receipt: func(r *vocab.Receipt) { r.ObjectDigest = "" }}, false, "for another text"},
		{"compromised, delivered before", change{reason: vocab.RevokedCompromise}, true, "another instance signed on 2026-09-03"},
		{"compromised, delivered after", change{reason: vocab.RevokedCompromise, receiptAt: day(6)}, false, "its key was compromised"},
	} {
		r := Bundle(tell(t, c.change).bundle)
		verdict := Failed
		if c.ok {
			verdict = Proven
		}
		if r.Verified != c.ok || !has(r, verdict, c.want) {
			t.Errorf("%s: verified %t, wanted %t with %q", c.name, r.Verified, c.ok, c.want)
			dump(t, r)
		}
	}
}

// What is missing is not proven, and does not count as a fault.
func TestIncomplete(t *testing.T) {
	signed := func(s *story, d vocab.Tombstone) string {
		return string(prove(t, vocab.Delete{Envelope: vocab.Envelope{ID: "https://b.example/a/9", Actor: office, To: []iri.IRI{reader}, Published: day(9)}, Tombstone: d}.Encode(), s.now, day(9)))
	}
	stone := vocab.Tombstone{ID: dispatch, FormerType: "Article", Deleted: day(9), Disposition: vocab.Withdrawn}
	erase := func(b *dispatches.Bundle) {
		for i := range b.Versions {
			b.Versions[i].Document = ""
		}
		b.Attachments = nil
	}
	for _, c := range []struct {
		name    string
		change  func(*story)
		verdict string
		want    string
	}{
		{"no file", func(s *story) { s.bundle.Attachments[0].Content = nil }, Unproven, "content of the attachment"},
		{"no attachment at all", func(s *story) { s.bundle.Attachments = nil }, Unproven, "which the signed text names"},
		{"no version 1", func(s *story) { s.bundle.Versions[0].Document = "" }, Unproven, "What version 2 replaced"},
		{"no instance document", func(s *story) {
			s.bundle.Actors = s.bundle.Actors[2:]
			s.bundle.Actors = append(s.bundle.Actors, actorDoc(t, office, "Organization", instance, s.inst, s.now, s.old))
			s.bundle.History = nil
		}, Unproven, "the document of https://b.example/actor is not in the file"},
		{"withdrawn, unsigned", func(s *story) { erase(s.bundle); s.bundle.Tombstone = string(stone.Encode()) }, Unproven, "a tombstone without signature"},
		{"withdrawn, signed", func(s *story) { erase(s.bundle); s.bundle.Tombstone = signed(s, stone) }, Proven, "https://b.example/o/paris withdrew it, signed on 2026-09-09"},
		{"superseded, signed", func(s *story) {
			s.bundle.Tombstone = signed(s, vocab.Tombstone{ID: dispatch, Deleted: day(9), Disposition: vocab.Superseded, SupersededBy: "https://b.example/d/2"})
		}, Proven, "replaced it by https://b.example/d/2"},
	} {
		s := tell(t, change{})
		c.change(s)
		if r := Bundle(s.bundle); !r.Verified || !has(r, c.verdict, c.want) {
			t.Errorf("%s: verified %t, %s %q", c.name, r.Verified, c.verdict, c.want)
			dump(t, r)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	text, err := json.Marshal(tell(t, change{}).bundle)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"no JSON": []byte("PARIS 2026/000001"), "another document": []byte(`{"@context":[]}`), "nothing in it": []byte(`{}`),
		"two values": append(bytes.Clone(text), text...), "cut off": text[:len(text)/2],
	} {
		if _, err := Read(bad); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// without returns a document without one of its members.
func without(t *testing.T, document, name string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &members); err != nil {
		t.Fatal(err)
	}
	delete(members, name)
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
