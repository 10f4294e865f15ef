package vocab

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"valise/models/iri"
)

func groupEnvelope(id iri.IRI, to ...iri.IRI) Envelope {
	return Envelope{ID: id, Actor: group, To: to, Published: at("2026-09-01T08:00:04Z")}
}

func parsed(t *testing.T, raw []byte) *Activity {
	t.Helper()
	a, err := ParseActivity(raw, production)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if err := Check(a.Node); err != nil {
		t.Errorf("go-fed cannot type what we send: %v", err)
	}
	return a
}

func TestFormA(t *testing.T) {
	// Spaces and escapes of the inner activity are not ours to change.
	inner := []byte("{ \"@context\": " + CTX + ",\n \"id\":\"https://b.example/act/1\", \"type\":\"Create\",\"actor\":\"https://b.example/m/paris\"," +
		"\"object\":{\"id\":\"https://b.example/d/1\",\"type\":\"Article\",\"content\":\"<&\\u003c\\/>\"} }")
	e := groupEnvelope("https://a.example/g/r7/a/118", group, group+"/followers")
	raw := Announce{Envelope: e, Sequence: 118, PreviousDigest: "zQmPrev", Salt: "c2FsdA", Object: inner}.Encode()
	golden(t, "form-a", raw)
	a := parsed(t, raw)
	if !bytes.Equal(a.Object.Raw(), inner) {
		t.Errorf("inner bytes changed: %s", a.Object.Raw())
	}
	n, previous, err := a.Sequence()
	if n != 118 || previous != "zQmPrev" || err != nil {
		t.Errorf("sequence %d %q %v", n, previous, err)
	}
	in, err := a.Inner(production)
	if err != nil || in.Type != "Create" || in.ObjectID != "https://b.example/d/1" {
		t.Errorf("inner %+v %v", in, err)
	}
	golden(t, "form-a-withheld", WithheldEntry{Sequence: 117, Digest: "zQm117"}.Encode())
}

func bulletin() Bulletin {
	return Bulletin{ID: "https://a.example/g/r7/b/118", ActivityID: "https://a.example/g/r7/b/118/create/01K", Group: group,
		To: []iri.IRI{group + "/followers"}, Summary: "LIMITED · PARIS 2026/000118 · Consultations on water sharing", Sensitive: true,
		Content: `<p>From: Embassy of B, Paris<br>Priority · reply by 20 Sept</p><p><a href="https://a.example/read/118">Read the dispatch</a></p>`,
		URL:     "https://a.example/read/118", Published: at("2026-09-01T08:00:04Z")}
}

func TestFormB(t *testing.T) {
	b := bulletin()
	// PROTOCOL §4.3, member for member.
	want := `{"@context":["https://www.w3.org/ns/activitystreams",{"sensitive":"as:sensitive"}],` +
		`"actor":"https://a.example/g/r7","id":"https://a.example/g/r7/b/118/create/01K",` +
		`"object":{"attributedTo":"https://a.example/g/r7",` +
		`"content":"<p>From: Embassy of B, Paris<br>Priority · reply by 20 Sept</p><p><a href=\"https://a.example/read/118\">Read the dispatch</a></p>",` +
		`"id":"https://a.example/g/r7/b/118","published":"2026-09-01T08:00:04Z","sensitive":true,` +
		`"summary":"LIMITED · PARIS 2026/000118 · Consultations on water sharing",` +
		`"to":["https://a.example/g/r7/followers"],"type":"Note","url":"https://a.example/read/118"},` +
		`"published":"2026-09-01T08:00:04Z","to":["https://a.example/g/r7/followers"],"type":"Create"}`
	if got := string(b.Create()); got != want {
		t.Errorf("Form B\n got %s\nwant %s", got, want)
	}
	golden(t, "form-b-create", b.Create())
	b.ActivityID, b.Updated, b.Language = "https://a.example/g/r7/b/118/update/1/01K", at("2026-09-02T08:00:00Z"), "en"
	b.Cc, b.Mentions = []iri.IRI{"https://m.example/users/eva"}, []Mention{{"https://m.example/users/eva", "@eva@m.example"}}
	golden(t, "form-b-update", b.Update())
	updated := parsed(t, b.Update())
	if s, _ := updated.Object.Get("published").Str(); s != "2026-09-01T08:00:04Z" {
		t.Errorf("an update must repeat published, has %q", s)
	}
	b.ActivityID = "https://a.example/g/r7/b/118/delete/01K"
	golden(t, "form-b-delete", b.Delete(at("2026-09-03T08:00:00Z")))
	b = bulletin()
	b.Article, b.Name = true, "Consultations on water sharing"
	golden(t, "form-b-article", b.Create())
	if strings.Contains(string(b.Create()), "summary") {
		t.Error("an Article bulletin with summary loses its subject at GoToSocial")
	}
	golden(t, "form-b-post", b.Post())
	for _, raw := range [][]byte{b.Create(), b.Post(), b.Delete(time.Now())} {
		if bytes.Contains(raw, []byte("w3id.org")) {
			t.Errorf("Form B names an extension context: %s", raw)
		}
	}
}

func TestMembershipActs(t *testing.T) {
	invitee := iri.IRI("https://c.example/u/eva")
	invite := Invite{Envelope: groupEnvelope("https://a.example/g/r7/i/1", invitee), Invitee: invitee, Group: group,
		GroupName: "Regional working group 7", Summary: "Please join us.",
		Sponsor: "https://a.example/u/ambassador", Role: "member", EndTime: at("2027-01-01T00:00:00Z"),
		HistoryFrom: at("2026-08-01T00:00:00Z"), Ceiling: Grade{"https://w3id.org/valise/marking/v1", "LIMITED", 3},
		Charter: "# Purpose\n\nWater *and* peace.", CharterDigest: "zQmCharter"}
	golden(t, "invite", invite.Encode())
	a := parsed(t, invite.Encode())
	if back, err := ParseInvite(a, production); err != nil || !reflect.DeepEqual(back, invite) {
		t.Errorf("invite %+v, %v", back, err)
	}
	hers := Envelope{ID: "https://c.example/act/1", Actor: invitee, To: []iri.IRI{group}, Published: at("2026-09-01T09:00:00Z")}
	golden(t, "accept-invite", Answer{Envelope: hers, Subject: Subject{ID: invite.ID}}.Accept())
	follow := Follow{Envelope: hers, Object: group, Invitation: invite.ID}.Encode()
	golden(t, "follow", follow)
	if f := parsed(t, follow); f.Instrument != invite.ID || f.ObjectID != group {
		t.Errorf("follow %+v", f)
	}
	plain := groupEnvelope("https://a.example/g/r7/f/1", invitee)
	plain.Plain = true
	golden(t, "accept-follow-plain", Answer{Envelope: plain, Subject: Subject{Raw: follow}}.Accept())
	golden(t, "reject-reason", Answer{Envelope: groupEnvelope("https://a.example/g/r7/x/1", invitee), Subject: Subject{ID: "https://c.example/act/2"},
		Reason: "above-ceiling", Summary: "The marking is above the ceiling of the community."}.Reject())
	block := Block{Envelope: plain, Object: invitee}.Encode()
	golden(t, "block", block)
	undo := Undo{Envelope: plain, Subject: Subject{Raw: block}}.Encode()
	golden(t, "undo-block", undo)
	if u := parsed(t, undo); u.ObjectType != "Block" || u.Object.Get("object") == nil {
		t.Errorf("undo %+v", u)
	}
	for _, raw := range [][]byte{block, undo} {
		if bytes.Contains(raw, []byte("w3id.org")) {
			t.Errorf("plain activity names our context: %s", raw)
		}
	}
	for old, new := range map[string]string{`"target":"https://a.example/g/r7",`: ``, `"ceiling":{`: `"ceiling":7,"x":{`} {
		raw := bytes.Replace(invite.Encode(), []byte(old), []byte(new), 1)
		if _, err := ParseInvite(parsed(t, raw), production); err == nil {
			t.Errorf("read an Invite with %q in place of %s", new, old)
		}
	}
}

func TestAccreditationOffer(t *testing.T) {
	offer := Offer{Envelope: Envelope{ID: "https://b.example/act/9", Actor: "https://b.example/actor",
		To: []iri.IRI{"https://a.example/actor"}, Published: at("2026-09-01T08:00:00Z")},
		Subject: "https://b.example/actor", Object: "https://a.example/actor", Name: "Embassy of B",
		Fingerprint: "1f2e 3d4c", Contact: "registry@b.example", Affiliation: "other government",
		Ceiling: Grade{"https://w3id.org/valise/marking/v1", "LIMITED", 3}}
	golden(t, "offer", offer.Encode())
	a := parsed(t, offer.Encode())
	if back, err := ParseOffer(a, production); err != nil || !reflect.DeepEqual(back, offer) {
		t.Errorf("offer %+v, %v", back, err)
	}
	other := bytes.Replace(offer.Encode(), []byte("#accreditation"), []byte("#friendship"), 1)
	if _, err := ParseOffer(parsed(t, other), production); codeOf(t, err) != CodeUnknownType {
		t.Error("read another relationship as a proposal")
	}
}

func TestReceipts(t *testing.T) {
	e := Envelope{ID: "https://a.example/act/5", Actor: "https://a.example/u/desk-europe",
		To: []iri.IRI{"https://b.example/m/paris"}, Published: at("2026-09-01T08:05:00Z")}
	for _, r := range []Receipt{
		{Envelope: e, Kind: ReceiptDelivered, Object: "https://b.example/act/01J", ObjectDigest: "zQmD"},
		{Envelope: e, Kind: ReceiptRegistered, Object: "https://b.example/act/01J", ObjectDigest: "zQmD", RegistryNumber: "E-2026-77"},
		{Envelope: e, Kind: ReceiptRead, Object: "https://b.example/act/01J", ObjectDigest: "zQmD"},
		{Envelope: e, Kind: ReceiptErased, Object: "https://b.example/act/02D", ObjectDigest: "zQmD", Retained: []string{"backup"}},
		{Envelope: e, Kind: ReceiptErased, Object: "https://b.example/act/02D"},
	} {
		raw := r.Encode()
		name := "receipt-" + r.Kind
		if r.Kind == ReceiptErased && r.Retained == nil {
			name += "-whole"
		}
		golden(t, name, raw)
		back, ok, err := ParseReceipt(parsed(t, raw))
		if err != nil || !ok || !reflect.DeepEqual(back, r) {
			t.Errorf("%s: %+v, %v, %v", name, back, ok, err)
		}
	}
	plainAccept := Answer{Envelope: e, Subject: Subject{ID: "https://b.example/act/1"}}.Accept()
	if _, ok, err := ParseReceipt(parsed(t, plainAccept)); ok || err != nil {
		t.Errorf("an Accept without receiptType: %v, %v", ok, err)
	}
	unknown := bytes.Replace(Receipt{Envelope: e, Kind: ReceiptTaken, Object: "https://b.example/act/1"}.Encode(), []byte(`"taken"`), []byte(`"eaten"`), 1)
	if _, _, err := ParseReceipt(parsed(t, unknown)); codeOf(t, err) != CodeInvalidValue {
		t.Errorf("unknown receipt type: %v", err)
	}
}

func TestWithdrawalAndNotes(t *testing.T) {
	e := envelope()
	stone := Tombstone{ID: "https://b.example/d/01J", FormerType: "Article", Deleted: at("2026-09-05T10:00:00Z"),
		Disposition: Superseded, SupersededBy: "https://b.example/d/02J"}
	golden(t, "delete", Delete{Envelope: e, Tombstone: stone}.Encode())
	golden(t, "tombstone", stone.Encode())
	a := parsed(t, Delete{Envelope: e, Tombstone: stone}.Encode())
	if back, err := ParseTombstone(a, production); err != nil || back != stone {
		t.Errorf("tombstone %+v, %v", back, err)
	}
	note := &Note{ID: "https://a.example/g/r7/n/1", AttributedTo: group, To: []iri.IRI{group, group + "/followers"}, Audience: group,
		Content: "<p>Agreed.</p>", Published: at("2026-09-01T10:00:00Z"), Context: "https://a.example/g/r7/threads/42",
		InReplyTo: "https://b.example/d/01J", Mentions: []Mention{{"https://m.example/users/eva", "@eva@m.example"}},
		AttestedFor: "https://m.example/users/eva", ReceivedDigest: "zQmBody", ReceivedAt: at("2026-09-01T09:59:58Z")}
	golden(t, "note-attested", note.Encode())
	n, _ := ParseJSON(note.Encode())
	if back, err := ParseNote(n, production); err != nil || !reflect.DeepEqual(back, note) {
		t.Errorf("note %+v, %v", back, err)
	}
	direct := Envelope{Plain: true, ID: "https://a.example/act/7", Actor: group, To: []iri.IRI{"https://m.example/users/eva"}, Published: at("2026-09-01T10:00:00Z")}
	raw := Create{Envelope: direct, Object: note.EncodePlain()}.Encode()
	golden(t, "create-note-plain", raw)
	if bytes.Contains(raw, []byte("attestedFor")) || bytes.Contains(raw, []byte("w3id.org")) {
		t.Error("a plain note carries terms of ours")
	}
	parsed(t, Update{Envelope: e, Object: fullActor().Full()}.Encode())
}

func TestEncoder(t *testing.T) {
	got := string(New().Str("empty", "").Strs("none", nil).Objs("no", nil).Obj("nothing", New()).Raw("raw", nil).
		Time("zero", time.Time{}).Decimal("d0", 0).Strs("one", []string{"x"}).Int("i", 0).Bool("b", false).
		Str("s", "<&>\u2028\"\\\b\f\n\r\t\x01\x1f\x7f\xff\x00é").Raw("r", []byte(" [1 ] ")).Bytes())
	want := `{"b":false,"i":0,"one":["x"],"r": [1 ] ,"s":"<&>` + "\u2028" + `\"\\\b\f\n\r\t\u0001\u001f` + "\x7f\uFFFD\uFFFDé" + `"}`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if s := string(New().Bytes()); s != "{}" {
		t.Errorf("empty object %s", s)
	}
	for in, want := range map[string]string{"{}": `{"p":1}`, "{ }\n": "{ \"p\":1}\n", `{"a":2} `: `{"a":2,"p":1} `} {
		if got := string(AppendMember([]byte(in), "p", []byte("1"))); got != want {
			t.Errorf("AppendMember(%q) = %q, want %q", in, got, want)
		}
	}
	doc := []byte(`{"a":1}`)
	AppendMember(doc[:7], "p", []byte("1"))
	if string(doc) != `{"a":1}` {
		t.Error("AppendMember wrote into its argument")
	}
}
