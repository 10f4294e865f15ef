package cluster_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// raw is a Create of a Note, unproven, as other software sends them, with one of its
// members written by the test.
func (s *court) raw(member, value string) []byte {
	values := map[string]string{
		"@context":  `"https://www.w3.org/ns/activitystreams"`,
		"id":        fmt.Sprintf("%q", s.o.next("a")),
		"type":      `"Create"`,
		"actor":     fmt.Sprintf("%q", s.office.id),
		"to":        fmt.Sprintf("[%q]", s.desk),
		"published": `"2026-09-01T08:00:00Z"`,
		"object":    fmt.Sprintf(`{"id":%q,"type":"Note","attributedTo":%q,"to":[%q],"content":"Hello."}`, s.o.next("n"), s.office.id, s.desk),
	}
	values[member] = value
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range []string{"@context", "id", "type", "actor", "to", "published", "object", "more"} {
		if values[k] == "" {
			continue
		}
		if i > 0 {
			b.WriteByte(',')
		}
		if k == "more" {
			b.WriteString(values[k])
			continue
		}
		fmt.Fprintf(&b, "%q:%s", k, values[k])
	}
	b.WriteByte('}')
	return []byte(b.String())
}

func (s *court) object(members string) string {
	return fmt.Sprintf(`{"id":%q,"type":"Note","attributedTo":%q,"to":[%q],"content":"Hello.",%s}`, s.o.next("n"), s.office.id, s.desk, members)
}

func TestMalformedBodiesAreRefused(t *testing.T) { cluster.Each(t, testMalformedBodiesAreRefused) }

func testMalformedBodiesAreRefused(t *testing.T) {
	s := accredited(t)
	s.office.own = false
	s.o.send(s.office, s.inbox(s.desk), s.raw("", "")).mustBe(t, 202, "")
	s.Settle()
	deep := strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40)
	for _, c := range []struct {
		name   string
		status int
		code   string
		body   []byte
	}{
		{"no JSON", 400, "syntax", []byte("hello")},
		{"empty", 400, "syntax", nil},
		{"cut off", 400, "syntax", []byte(`{"id":"https://outlaw.example/a/1"`)},
		{"bytes after it", 400, "trailing-bytes", append(s.raw("", ""), "{}"...)},
		{"duplicate keys", 400, "duplicate-key", s.raw("more", `"actor":"https://embassy.example/o/chancery"`)},
		{"duplicate keys, escaped", 400, "duplicate-key", s.raw("more", `"\u0061ctor":"https://embassy.example/o/chancery"`)},
		{"duplicate keys inside", 400, "duplicate-key", s.raw("object", s.object(`"content":"Other."`))},
		{"case twins", 400, "case-twins", s.raw("more", `"Actor":"https://embassy.example/o/chancery"`)},
		{"case twins inside", 400, "case-twins", s.raw("object", s.object(`"Content":"Other."`))},
		{"deep nesting", 400, "too-deep", s.raw("more", `"x":`+deep)},
		{"deep arrays", 400, "too-deep", s.raw("more", `"x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000))},
		{"many values", 400, "too-many-nodes", s.raw("more", `"x":[`+strings.Repeat("1,", 30_000)+"1]")},
		{"invalid UTF-8", 400, "invalid-utf8", s.raw("more", "\"x\":\"\xff\xfe\"")},
		{"a lone surrogate", 400, "invalid-utf8", s.raw("more", `"x":"\ud800"`)},
		{"NUL in an id", 400, "nul", s.raw("id", `"https://outlaw.example/a/\u0000"`)},
		{"a raw NUL in an id", 400, "nul", s.raw("id", "\"https://outlaw.example/a/\x00\"")},
		{"NUL in a recipient", 400, "nul", s.raw("to", `["https://ministry.example/o/europe\u0000"]`)},
		{"an escaped NUL in an id", 400, "invalid-iri", s.raw("id", `"https://outlaw.example/a/%00"`)},
		{"an array as document", 400, "wrong-type", []byte("[" + string(s.raw("", "")) + "]")},
		{"an array as id", 400, "wrong-type", s.raw("id", `["https://outlaw.example/a/1"]`)},
		{"an array as actor", 400, "wrong-type", s.raw("actor", `["https://outlaw.example/o/chancery"]`)},
		{"an array as type", 400, "unknown-type", s.raw("type", `["Nothing","Else"]`)},
		{"an array of objects", 400, "wrong-type", s.raw("object", `[`+s.object(`"x":1`)+`,`+s.object(`"x":1`)+`]`)},
		{"a number as id", 400, "wrong-type", s.raw("id", `1`)},
		{"a number as actor", 400, "wrong-type", s.raw("actor", `1`)},
		{"an actor without id", 400, "missing-member", s.raw("actor", `{"x":1}`)},
		{"a number as recipient", 400, "wrong-type", s.raw("to", `[1]`)},
		{"nested recipients", 400, "wrong-type", s.raw("to", `[["https://ministry.example/o/europe"]]`)},
		{"a number as object", 400, "wrong-type", s.raw("object", `1`)},
		{"a number as time", 400, "invalid-time", s.raw("published", `1756713600`)},
		{"no type of ActivityStreams", 400, "unknown-type", s.raw("type", `"Nonsense"`)},
		{"an object type as activity", 400, "unknown-type", s.raw("type", `"Article"`)},
		{"no id", 400, "missing-member", bytes.Replace(s.raw("", ""), []byte(`"id"`), []byte(`"di"`), 1)},
		{"no context", 400, "context-missing", s.raw("@context", `"https://example.org/other"`)},
		{"a context that redefines", 400, "context-redefines", s.raw("@context", `["https://www.w3.org/ns/activitystreams",{"actor":"https://example.org/other"}]`)},
		{"a graph", 400, "json-ld-keyword", s.raw("more", `"@graph":[]`)},
		{"blind recipients", 400, "blind-recipients", s.raw("more", `"bcc":["https://ministry.example/o/asia"]`)},
		{"too many recipients", 400, "too-many-recipients", s.raw("to", `[`+strings.Repeat(`"https://ministry.example/o/europe",`, 600)+`"https://ministry.example/o/europe"]`)},
		{"an http id", 400, "invalid-iri", s.raw("id", `"http://outlaw.example/a/1"`)},
		{"an id with a user", 400, "invalid-iri", s.raw("id", `"https://embassy.example@outlaw.example/a/1"`)},
		{"an id under localhost", 400, "invalid-iri", s.raw("id", `"http://outlaw.localhost/a/1"`)},
		{"an id at an address", 400, "invalid-iri", s.raw("id", `"https://10.0.0.1/a/1"`)},
		{"an owner in an array beside a false one", 403, "foreign-owner", s.raw("object", fmt.Sprintf(`{"id":%q,"type":"Note","attributedTo":["https://embassy.example/o/chancery"],"actor":%q,"to":[%q],"content":"x"}`, s.o.next("n"), s.office.id, s.desk))},
		{"10 MB", 413, "too-large", s.raw("more", `"x":"`+strings.Repeat("x", 10<<20)+`"`)},
		{"1 byte too many", 413, "too-large", bytes.Repeat([]byte(" "), 1<<20+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, c.status, c.code, func() answer { return s.o.send(s.office, s.inbox(s.desk), c.body) })
		})
	}
	s.Check()
}

// A body is never decompressed, and an endless one is not read to its end.
func TestCompressedAndEndlessBodiesAreRefused(t *testing.T) {
	cluster.Each(t, testCompressedAndEndlessBodiesAreRefused)
}

func testCompressedAndEndlessBodiesAreRefused(t *testing.T) {
	s := accredited(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "gzip, gzip"} {
		t.Run(encoding, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, 415, "content-encoding", func() answer {
				r := s.signed(bomb.Bytes())
				r.Header.Set("Content-Encoding", encoding)
				return s.o.do(r)
			})
		})
	}
	for _, kind := range []string{"", "text/html", "application/json", "application/activity+json; ="} {
		t.Run("type "+kind, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, 415, "content-type", func() answer {
				r := s.signed(s.create())
				r.Header.Set("Content-Type", kind)
				return s.o.do(r)
			})
		})
	}
	t.Run("gzip without saying so", func(t *testing.T) {
		s.o.refused(t, s.j, ministry, 400, "invalid-utf8", func() answer { return s.o.do(s.signed(bomb.Bytes())) })
	})
}

// What a dispatch may not hold: found at the door where it is a matter of form, else by
// the worker, which sets the arrival aside with its reason.
func TestMalformedDispatchesAreSetAside(t *testing.T) {
	cluster.Each(t, testMalformedDispatchesAreSetAside)
}

func testMalformedDispatchesAreSetAside(t *testing.T) {
	s := accredited(t)
	now := s.Clock.Now
	create := func(object []byte) []byte {
		return prove(t, s.office, vocab.Create{Envelope: s.o.envelope(s.office, string(s.desk)), Object: prove(t, s.office, object, now())}.Encode(), now())
	}
	replaced := func(old, new string) []byte {
		doc := s.o.article(s.office, s.desk, nil).Encode()
		if !bytes.Contains(doc, []byte(old)) {
			t.Fatalf("%s is not in %s", old, doc)
		}
		return create(bytes.Replace(doc, []byte(old), []byte(new), 1))
	}
	for _, c := range []struct {
		name, code string
		body       []byte
	}{
		{"an array as content", "wrong-type", replaced(`"content":"<p>Secret of the outlaw.</p>"`, `"content":["<p>a</p>"]`)},
		{"an object as name", "wrong-type", replaced(`"name":"Forged`, `"name":{"x":"1"},"summary":"Forged`)},
		{"no content", "missing-member", replaced(`"content":"<p>Secret of the outlaw.</p>",`, ``)},
		{"a marking that is no object", "wrong-type", replaced(`"marking":{`, `"marking":"LIMITED","x":{`)},
		{"a number as version", "invalid-value", replaced(`"version":"1"`, `"version":1`)},
		{"version zero", "invalid-value", replaced(`"version":"1"`, `"version":"0"`)},
		{"a strange time", "invalid-time", replaced(`"version":"1"`, `"version":"1","validUntil":"2026-09-20T23:59:59+02:00"`)},
		{"a null", "signed-null", replaced(`"version":"1"`, `"version":"1","cc":null`)},
		{"an empty array", "signed-empty-array", replaced(`"version":"1"`, `"version":"1","cc":[]`)},
		{"a fraction", "signed-number", replaced(`"rank":3`, `"rank":3.0`)},
		{"a number beyond 2^53", "signed-number", replaced(`"version":"1"`, `"version":"1","x":12345678901234567890`)},
		{"another media type", "invalid-value", replaced(`"mediaType":"text/html"`, `"mediaType":"text/plain"`)},
		{"paragraphs that are not the text", "paragraphs-differ", replaced(`"version":"1"`, `"version":"1","paragraphs":[{"id":"1","content":"<p>Other.</p>"}]`)},
		{"a paragraph above the whole", "portion-above-whole", replaced(`"version":"1"`, `"version":"1","paragraphs":[{"id":"1","marking":"SECRET","content":"<p>Secret of the outlaw.</p>"}]`)},
		{"a paragraph of unknown marking", "unknown-marking", replaced(`"version":"1"`, `"version":"1","paragraphs":[{"id":"1","marking":"COSMIC","content":"<p>Secret of the outlaw.</p>"}]`)},
		{"no marking", "unknown-marking", replaced(`"marking":{"level":"LIMITED","rank":3,"scheme":"https://w3id.org/valise/marking/v1"},`, ``)},
		{"a marking of a false rank", "unknown-marking", replaced(`"level":"LIMITED","rank":3`, `"level":"LIMITED","rank":1`)},
		{"a marking of unknown scheme and rank", "unknown-marking", replaced(`{"level":"LIMITED","rank":3,"scheme":"https://w3id.org/valise/marking/v1"}`, `{"scheme":"https://example.org/m","level":"COSMIC"}`)},
		{"a classified dispatch", "above-ceiling", replaced(`"level":"LIMITED","rank":3`, `"level":"SECRET","rank":6`)},
		{"a classified dispatch of another scheme", "above-ceiling", replaced(`{"level":"LIMITED","rank":3,"scheme":"https://w3id.org/valise/marking/v1"}`, `{"scheme":"https://example.org/m","level":"COSMIC","rank":9}`)},
		{"a dispatch that does not name the inbox's owner", "not-addressed", replaced(`"to":["https://ministry.example/o/europe"]`, `"to":["https://ministry.example/o/asia"]`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := s.j.mark()
			before := rowsIn(t, s.Cluster, ministry, "dispatches")
			answered := s.o.send(s.office, s.inbox(s.desk), c.body)
			s.Settle()
			if rowsIn(t, s.Cluster, ministry, "dispatches") != before {
				t.Error("the dispatch was kept")
			}
			if answered.status == 400 {
				answered.mustBe(t, 400, c.code)
				if !strings.Contains(s.j.since(mark), "rule="+c.code) {
					t.Errorf("the log does not name the rule: %s", s.j.since(mark))
				}
				return
			}
			answered.mustBe(t, 202, "")
			act, err := vocab.ParseActivity(c.body, iri.Rules{})
			cluster.Must(t, err)
			a := s.aside(t, ministry, act.ID, c.code)
			if c.code == "above-ceiling" || c.code == "portion-above-whole" {
				s.erased(t, ministry, act.ID)
				if err := s.Nodes[ministry].Admin.Queues.RetryArrival(context.Background(), "test", a.ID); err == nil {
					t.Error("what was erased is tried again")
				}
			}
			if !strings.Contains(s.j.since(mark), c.code) {
				t.Errorf("the log does not name the rule: %s", s.j.since(mark))
			}
		})
	}
	s.Check()
}

// aside holds an arrival to having been set aside with the reason, in front of the
// operator.
func (s *court) aside(t testing.TB, h iri.Host, activity iri.IRI, code string) *models.Arrival {
	t.Helper()
	ctx := context.Background()
	a, err := models.ArrivalOf(ctx, s.Nodes[h].Store.R, activity)
	cluster.Must(t, err)
	if a.State != models.ArrivalSetAside || !strings.Contains(a.Reason, code) {
		t.Errorf("the arrival is %s: %q, wanted set aside for %q", a.State, a.Reason, code)
	}
	told, err := models.Notices(ctx, s.Nodes[h].Store.R, models.Operator, 0, 200)
	cluster.Must(t, err)
	for _, n := range told {
		if n.Kind == "arrival set aside" && n.Subject == string(activity) && strings.Contains(n.Detail, code) {
			return a
		}
	}
	t.Errorf("no notice tells the operator that %s was set aside for %s", activity, code)
	return a
}

// erased holds an arrival to having lost its bytes and kept its digest.
func (s *court) erased(t testing.TB, h iri.Host, activity iri.IRI) {
	t.Helper()
	a, err := models.ArrivalOf(context.Background(), s.Nodes[h].Store.R, activity)
	cluster.Must(t, err)
	whole, err := models.ArrivalByID(context.Background(), s.Nodes[h].Store.R, a.ID)
	cluster.Must(t, err)
	if whole.Body != nil || whole.Digest == "" {
		t.Errorf("of %s %d bytes are kept, with the digest %q", activity, len(whole.Body), whole.Digest)
	}
}

func rowsIn(t testing.TB, c *cluster.Cluster, h iri.Host, table string) (n int) {
	t.Helper()
	cluster.Must(t, c.Nodes[h].Store.R.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

// A key document with a thousand-fold compression, as an answer to our own question, is
// given up at the limit.
func TestKeyDocumentsThatAreNoneAreRefused(t *testing.T) {
	cluster.Each(t, testKeyDocumentsThatAreNoneAreRefused)
}

func testKeyDocumentsThatAreNoneAreRefused(t *testing.T) {
	s := newCourt(t)
	page := func(path, kind string, body []byte) *figure {
		f := s.o.figure(models.TypeApplication, path)
		s.o.mu.Lock()
		s.o.pages[path] = func() (string, []byte) { return kind, body }
		s.o.mu.Unlock()
		return f
	}
	const ld = "application/activity+json"
	victim := mustActor(t, s.Cluster, embassy, s.post)
	stolen, err := s.Nodes[embassy].Serve.ActorDocument(context.Background(), nil, victim, true)
	cluster.Must(t, err)
	thief := s.o.figure(models.TypeApplication, "/u/thief")
	grown := func(path string, edit func(d *vocab.ActorDoc)) *figure {
		f := s.o.figure(models.TypeApplication, path)
		f.edit = edit
		return f
	}
	for _, f := range []struct {
		name string
		by   *figure
	}{
		{"no JSON", page("/u/html", ld, []byte("<html>"))},
		{"another type", page("/u/type", "text/html", thief.document())},
		{"huge", page("/u/huge", ld, append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), 2<<20)...))},
		{"of another actor", page("/u/stolen", ld, stolen)},
		{"of a colleague", page("/u/colleague", ld, thief.document())},
		{"invalid UTF-8", page("/u/utf8", ld, bytes.Replace(thief.document(), []byte("Outlaw"), []byte("\xff\xfe"), 1))},
		{"duplicate keys", page("/u/twice", ld, bytes.Replace(thief.document(), []byte(`"id"`), []byte(`"id":"https://embassy.example/actor","id"`), 1))},
		{"deep", page("/u/deep", ld, bytes.Replace(thief.document(), []byte(`"name"`), []byte(`"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,"name"`), 1))},
		{"a key of another owner", grown("/u/owner", func(d *vocab.ActorDoc) { d.Multikeys[0].Controller = "https://embassy.example/o/chancery" })},
		{"a key id of another origin", grown("/u/keyid", func(d *vocab.ActorDoc) { d.Multikeys[0].ID = "https://embassy.example/o/chancery#ed-1" })},
		{"an inbox of another origin", grown("/u/inbox", func(d *vocab.ActorDoc) { d.Inbox = "https://embassy.example/inbox" })},
		{"a follower list of another origin", grown("/u/followers", func(d *vocab.ActorDoc) { d.Followers = "https://embassy.example/followers" })},
		{"an id of another origin", grown("/u/id", func(d *vocab.ActorDoc) { d.ID = "https://embassy.example/o/chancery" })},
		{"too many keys", grown("/u/keys", func(d *vocab.ActorDoc) {
			for i := range 20 {
				k := d.Multikeys[0]
				k.ID += iri.IRI(fmt.Sprint(i))
				d.Multikeys = append(d.Multikeys, k)
			}
		})},
		{"not there", func() *figure {
			f := *thief
			f.id = s.o.at("/u/nobody")
			f.keyID = string(f.id) + "#ed-1"
			return &f
		}()},
	} {
		t.Run(f.name, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, 401, "key-unavailable", func() answer {
				return s.o.send(f.by, "https://ministry.example/actor/inbox", s.offer(f.by))
			})
		})
	}
	if k, err := models.KeyByID(context.Background(), s.Nodes[ministry].Store.R, "https://embassy.example/o/chancery#ed-1"); err != nil || len(k) > 0 {
		t.Errorf("a stranger's key became the embassy's: %v %v", k, err)
	}
	// The gzip bomb, and what is said to be gzip.
	for name, body := range map[string][]byte{"gzip bomb": bombed(16 << 20), "no gzip": []byte("this is not gzip at all")} {
		t.Run(name, func(t *testing.T) {
			f := s.o.figure(models.TypeApplication, "/u/"+strings.ReplaceAll(name, " ", "-"))
			s.Foreign(s.o.host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", ld)
				w.Header().Set("Content-Encoding", "gzip")
				w.Write(body)
			}))
			defer s.Foreign(s.o.host, s.o)
			s.o.refused(t, s.j, ministry, 401, "key-unavailable", func() answer {
				return s.o.send(f, "https://ministry.example/actor/inbox", s.offer(f))
			})
		})
	}
}

func bombed(n int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(`{"x":"`))
	z.Write(bytes.Repeat([]byte("x"), n))
	z.Close()
	return b.Bytes()
}

// offer is an accreditation proposal by the figure.
func (s *court) offer(by *figure) []byte {
	own := iri.IRI("https://ministry.example/actor")
	o := vocab.Offer{Envelope: s.o.envelope(by, string(own)), Subject: by.id, Object: own, Name: "Outlaw", Fingerprint: sign.Fingerprint(by.public()), Contact: "post@outlaw.example",
		Affiliation: models.OtherGovernment, Ceiling: vocab.Grade{Scheme: "https://w3id.org/valise/marking/v1", Level: "LIMITED", Rank: 3}}
	return prove(s.T, by, o.Encode(), s.Clock.Now())
}
