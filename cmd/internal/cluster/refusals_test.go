package cluster_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// court is where the outlaw stands: a ministry with two offices and an embassy, which
// know each other, and the outlaw's own office.
type court struct {
	*cluster.Cluster
	o                              *outlaw
	j                              *journal
	office                         *figure
	desk, anna, post, boris, other iri.IRI
	otto                           iri.IRI // of the other office
}

func newCourt(t *testing.T, options ...cluster.Option) *court {
	t.Helper()
	j := &journal{}
	c := cluster.New(t, []iri.Host{ministry, embassy}, append(options, cluster.Logs(j))...)
	s := &court{Cluster: c, j: j, o: newOutlaw(t, c, outlawHost)}
	s.desk, s.anna = c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	s.other, s.otto = c.Office(ministry, "asia", "ASIA DESK", "Asia desk", "otto")
	s.post, s.boris = c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	s.office = s.o.figure(models.TypeOrganization, "/o/chancery")
	return s
}

// accredited is a court whose ministry has accredited the outlaw.
func accredited(t *testing.T, options ...cluster.Option) *court {
	t.Helper()
	s := newCourt(t, options...)
	s.o.accredit(ministry)
	return s
}

func (s *court) inbox(actor iri.IRI) iri.IRI { return actor + "/inbox" }

func (s *court) create() []byte { return s.o.create(s.office, s.o.article(s.office, s.desk, nil)) }

// signed is a POST that would be accepted.
func (s *court) signed(body []byte) *http.Request {
	r := request(s.T, s.inbox(s.desk), body)
	cluster.Must(s.T, sign.SignRFC9421(r, body, s.office, s.Clock.Now()))
	return r
}

// at is signed with another moment.
func (s *court) at(body []byte, moment time.Time) *http.Request {
	r := request(s.T, s.inbox(s.desk), body)
	cluster.Must(s.T, sign.SignRFC9421(r, body, s.office, moment))
	return r
}

// partly signs only the given components (RFC 9421), correctly.
func (s *court) partly(body []byte, components ...string) *http.Request {
	to := s.inbox(s.desk)
	r := request(s.T, to, body)
	sum := sha256.Sum256(body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	r.Header.Set("Content-Digest", digest)
	values := map[string]string{"@method": "POST", "@target-uri": string(to), "content-digest": digest}
	base, names := "", []string(nil)
	for _, c := range components {
		base += fmt.Sprintf("%q: %s\n", c, values[c])
		names = append(names, fmt.Sprintf("%q", c))
	}
	params := fmt.Sprintf(`(%s);created=%d;keyid=%q;alg="ed25519"`, strings.Join(names, " "), s.Clock.Now().Unix(), s.office.keyID)
	signature := ed25519.Sign(s.office.private, []byte(base+`"@signature-params": `+params))
	r.Header.Set("Signature-Input", "sig1="+params)
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(signature)+":")
	return r
}

// cavage signs the given headers with the office's RSA key, as the draft does.
func (s *court) cavage(body []byte, headers string) *http.Request {
	r := request(s.T, s.inbox(s.desk), body)
	sum := sha256.Sum256(body)
	r.Header.Set("Date", s.Clock.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
	var lines []string
	for _, h := range strings.Fields(headers) {
		switch h {
		case "(request-target)":
			lines = append(lines, h+": post "+r.URL.Path)
		case "host":
			lines = append(lines, "host: "+r.URL.Host)
		default:
			lines = append(lines, h+": "+r.Header.Get(h))
		}
	}
	hash := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	signature, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, hash[:])
	cluster.Must(s.T, err)
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s#rsa",algorithm="hs2019",headers=%q,signature=%q`, s.office.id, headers, base64.StdEncoding.EncodeToString(signature)))
	return r
}

func (s *court) withRSA() {
	pem, err := sign.EncodeRSA(&rsaKey().PublicKey)
	cluster.Must(s.T, err)
	s.office.edit = func(d *vocab.ActorDoc) { d.RSA = &vocab.RSAKey{ID: d.ID + "#rsa", Owner: d.ID, PEM: pem} }
}

func replaceBody(r *http.Request, body []byte) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// The control: what the refusals below change one thing of is accepted and applied.
func TestTheOutlawIsAcceptedWhenItObeys(t *testing.T) {
	cluster.Each(t, testTheOutlawIsAcceptedWhenItObeys)
}

func testTheOutlawIsAcceptedWhenItObeys(t *testing.T) {
	s := accredited(t)
	s.withRSA()
	d := s.o.article(s.office, s.desk, nil)
	s.o.do(s.signed(s.o.create(s.office, d))).mustBe(t, 202, "")
	s.Settle()
	if _, err := s.Nodes[ministry].Dispatches.Show(context.Background(), s.anna, string(d.ID)); err != nil {
		t.Fatalf("a lawful dispatch did not arrive: %v", err)
	}
	s.o.do(s.partly(s.create(), "@method", "@target-uri", "content-digest")).mustBe(t, 202, "")
	s.o.do(s.cavage(s.create(), "(request-target) host date digest")).mustBe(t, 202, "")
	s.Check()
}

func TestSignatureOfTheHopIsRefused(t *testing.T) { cluster.Each(t, testSignatureOfTheHopIsRefused) }

func testSignatureOfTheHopIsRefused(t *testing.T) {
	s := accredited(t)
	s.withRSA()
	s.o.do(s.signed(s.create())).mustBe(t, 202, "")
	s.Settle()
	now := s.Clock.Now
	for _, c := range []struct {
		name string
		code string
		make func() *http.Request
	}{
		{"none", "signature-missing", func() *http.Request { return request(t, s.inbox(s.desk), s.create()) }},
		{"unreadable", "signature-malformed", func() *http.Request {
			r := s.signed(s.create())
			r.Header.Set("Signature-Input", "sig1=;;")
			return r
		}},
		{"unreadable draft", "signature-malformed", func() *http.Request {
			r := request(t, s.inbox(s.desk), s.create())
			r.Header.Set("Signature", `keyId="x`)
			return r
		}},
		{"broken", "signature-invalid", func() *http.Request {
			r := s.signed(s.create())
			r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(make([]byte, 64))+":")
			return r
		}},
		{"stale", "signature-stale", func() *http.Request { return s.at(s.create(), now().Add(-5*time.Minute-2*time.Second)) }},
		{"stale for everybody", "signature-stale", func() *http.Request { return s.at(s.create(), now().Add(-66*time.Minute)) }},
		{"future", "signature-future", func() *http.Request { return s.at(s.create(), now().Add(6*time.Minute)) }},
		{"method not signed", "signature-not-covered", func() *http.Request { return s.partly(s.create(), "@target-uri", "content-digest") }},
		{"target not signed", "signature-not-covered", func() *http.Request { return s.partly(s.create(), "@method", "content-digest") }},
		{"digest not signed", "signature-not-covered", func() *http.Request { return s.partly(s.create(), "@method", "@target-uri") }},
		{"draft without target", "signature-not-covered", func() *http.Request { return s.cavage(s.create(), "host date digest") }},
		{"draft without host", "signature-not-covered", func() *http.Request { return s.cavage(s.create(), "(request-target) date digest") }},
		{"draft without date", "signature-not-covered", func() *http.Request { return s.cavage(s.create(), "(request-target) host digest") }},
		{"draft without digest", "signature-not-covered", func() *http.Request { return s.cavage(s.create(), "(request-target) host date") }},
		{"swapped body", "digest-mismatch", func() *http.Request { return replaceBody(s.signed(s.create()), s.create()) }},
		{"swapped body and digest", "signature-invalid", func() *http.Request {
			body := s.create()
			sum := sha256.Sum256(body)
			r := replaceBody(s.signed(s.create()), body)
			r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
			return r
		}},
		{"signed for another inbox", "signature-invalid", func() *http.Request {
			r := s.signed(s.create())
			r.URL.Path = s.inbox(s.other).Path()
			return r
		}},
		{"signed for another instance", "signature-invalid", func() *http.Request {
			body := s.create()
			r := request(t, s.inbox(s.post), body)
			cluster.Must(t, sign.SignRFC9421(r, body, s.office, now()))
			r.URL.Host, r.Host, r.URL.Path = string(ministry), string(ministry), s.inbox(s.desk).Path()
			return r
		}},
		{"another's key id", "signature-invalid", func() *http.Request {
			body := s.create()
			r := request(t, s.inbox(s.desk), body)
			thief := *s.office
			key, err := models.ActiveKey(context.Background(), s.Nodes[embassy].Store.R, s.post, string(sign.Ed25519))
			cluster.Must(t, err)
			thief.keyID = string(key.KeyID)
			cluster.Must(t, sign.SignRFC9421(r, body, &thief, now()))
			return r
		}},
		{"a key id that nobody lists", "key-unavailable", func() *http.Request {
			body := s.create()
			r := request(t, s.inbox(s.desk), body)
			stray := *s.office
			stray.keyID += "-other"
			cluster.Must(t, sign.SignRFC9421(r, body, &stray, now()))
			return r
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, 401, c.code, func() answer { return s.o.do(c.make()) })
		})
	}
	s.Check()
}

// A request that comes again is answered as the first time and changes nothing; outside
// its window, or at another door, it is no signature at all.
func TestReplayChangesNothing(t *testing.T) { cluster.Each(t, testReplayChangesNothing) }

func testReplayChangesNothing(t *testing.T) {
	s := accredited(t)
	body := s.create()
	r := s.signed(body)
	again := func() *http.Request { return replaceBody(r.Clone(context.Background()), body) }
	s.o.do(again()).mustBe(t, 202, "")
	s.Settle()
	before := state(t, s.Nodes[ministry])
	for range 3 {
		s.o.do(again()).mustBe(t, 202, "")
	}
	s.Settle()
	same(t, before, state(t, s.Nodes[ministry]))
	s.Stop(ministry)
	s.Start(ministry)
	s.o.do(again()).mustBe(t, 202, "")
	s.Settle()
	same(t, before, state(t, s.Nodes[ministry]))
	s.Clock.Forward(6 * time.Minute)
	s.o.refused(t, s.j, ministry, 401, "signature-stale", func() answer { return s.o.do(again()) })
	s.Check()
}

func TestForeignAuthorityIsRefused(t *testing.T) { cluster.Each(t, testForeignAuthorityIsRefused) }

func testForeignAuthorityIsRefused(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	d := s.Send(ministry, s.anna, s.desk, cable("Ours", s.post))
	theirs := s.Send(embassy, s.boris, s.post, cable("Theirs", s.desk))
	s.Settle()
	act, err := models.ActivityByIRI(ctx, s.Nodes[embassy].Store.R, theirs.Activity)
	cluster.Must(t, err)
	colleague := s.o.figure(models.TypeOrganization, "/o/colleague")
	elsewhere := newOutlaw(t, s.Cluster, "elsewhere.example").figure(models.TypeOrganization, "/o/x")
	now := s.Clock.Now
	post := func(by sign.Signer, body []byte) func() answer {
		return func() answer { return s.o.send(by, s.inbox(s.desk), body) }
	}
	activity := func(edit func(e *vocab.Envelope), object []byte) []byte {
		e := s.o.envelope(s.office, string(s.desk))
		edit(&e)
		return prove(t, s.office, vocab.Create{Envelope: e, Object: object}.Encode(), now())
	}
	article := func(by sign.Signer, edit func(*vocab.Dispatch)) []byte {
		return prove(t, by, s.o.article(s.office, s.desk, edit).Encode(), now())
	}
	for _, c := range []struct {
		name   string
		status int
		code   string
		act    func() answer
	}{
		{"another actor's proven activity, posted again by a third party", 403, "foreign-actor", post(s.office, act.Bytes)},
		{"an activity in another's name", 403, "foreign-actor", post(s.office, activity(func(e *vocab.Envelope) { e.Actor = s.post }, article(s.office, nil)))},
		{"an activity id of another origin", 403, "foreign-id", post(s.office, activity(func(e *vocab.Envelope) { e.ID = "https://embassy.example/a/1" }, article(s.office, nil)))},
		{"an activity id of another port", 403, "foreign-id", post(s.office, activity(func(e *vocab.Envelope) { e.ID = "https://outlaw.example:8443/a/1" }, article(s.office, nil)))},
		{"an object id of another origin", 403, "foreign-object", post(s.office, activity(func(*vocab.Envelope) {}, article(s.office, func(d *vocab.Dispatch) { d.ID = theirs.IRI })))},
		{"an object of another owner", 403, "foreign-owner", post(s.office, activity(func(*vocab.Envelope) {}, article(s.office, func(d *vocab.Dispatch) { d.AttributedTo = s.post })))},
		{"an object of a colleague's", 403, "foreign-owner", post(s.office, activity(func(*vocab.Envelope) {}, article(colleague, func(d *vocab.Dispatch) { d.AttributedTo = colleague.id })))},
		{"an object signed by a colleague", 401, "foreign-key", post(s.office, activity(func(*vocab.Envelope) {}, article(colleague, nil)))},
		{"an object signed at another origin", 401, "foreign-key", post(s.office, activity(func(*vocab.Envelope) {}, article(elsewhere, nil)))},
		{"an activity signed by a colleague", 401, "foreign-key", func() answer {
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, colleague, vocab.Create{Envelope: e, Object: article(s.office, nil)}.Encode(), now()))
		}},
		{"an activity without proof", 422, "unproven", func() answer {
			return s.o.send(s.office, s.inbox(s.desk), vocab.Create{Envelope: s.o.envelope(s.office, string(s.desk)), Object: article(s.office, nil)}.Encode())
		}},
		{"a dispatch without proof", 422, "unproven", post(s.office, activity(func(*vocab.Envelope) {}, s.o.article(s.office, s.desk, nil).Encode()))},
		{"a dispatch changed after its proof", 401, "bad-proof", post(s.office, activity(func(*vocab.Envelope) {}, bytes.Replace(article(s.office, nil), []byte("Secret"), []byte("Change"), 1)))},
		{"an activity changed after its proof", 401, "bad-proof", post(s.office, bytes.Replace(s.create(), []byte("/a/"), []byte("/b/"), 1))},
		{"a proof of the future", 401, "bad-proof", func() answer {
			at := now().Add(time.Hour)
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Create{Envelope: e, Object: prove(t, s.office, s.o.article(s.office, s.desk, nil).Encode(), at)}.Encode(), now()))
		}},
		{"an update of ours", 403, "foreign-object", func() answer {
			e := s.o.envelope(s.office, string(s.desk))
			x := article(s.office, func(x *vocab.Dispatch) { x.ID, x.Version, x.Updated, x.PreviousVersion = d.IRI, 2, now(), d.Digest })
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Update{Envelope: e, Object: x}.Encode(), now()))
		}},
		{"a withdrawal of ours", 403, "foreign-object", func() answer {
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Delete{Envelope: e, Tombstone: vocab.Tombstone{ID: d.IRI, FormerType: "Article"}}.Encode(), now()))
		}},
		{"a withdrawal of a third party's", 403, "foreign-object", func() answer {
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Delete{Envelope: e, Tombstone: vocab.Tombstone{ID: theirs.IRI}}.Encode(), now()))
		}},
		{"an undo of another's follow", 403, "foreign-owner", func() answer {
			follow := vocab.New().Str("id", "https://embassy.example/a/f").Str("type", "Follow").IRI("actor", s.boris).IRI("object", s.desk).Bytes()
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Undo{Envelope: e, Subject: vocab.Subject{Raw: follow}}.Encode(), now()))
		}},
		{"an actor of another origin", 403, "foreign-object", func() answer {
			doc, err := s.Nodes[embassy].Serve.ActorDocument(ctx, nil, mustActor(t, s.Cluster, embassy, s.post), true)
			cluster.Must(t, err)
			e := s.o.envelope(s.office, string(s.desk))
			return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Update{Envelope: e, Object: doc}.Encode(), now()))
		}},
	} {
		t.Run(c.name, func(t *testing.T) { s.o.refused(t, s.j, ministry, c.status, c.code, c.act) })
	}
	s.Check()
}

func mustActor(t testing.TB, c *cluster.Cluster, h iri.Host, id iri.IRI) *models.Actor {
	t.Helper()
	a, err := models.ActorByIRI(context.Background(), c.Nodes[h].Store.R, id)
	cluster.Must(t, err)
	return a
}
