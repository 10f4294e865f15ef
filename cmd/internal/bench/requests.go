package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"valise/cmd/internal/sample"
	"valise/config"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models/iri"
)

// writer turns real texts into the dispatches of peers, signed as our software signs.
type writer struct {
	peers  []*peer
	to     iri.IRI // the office that they are for
	grades map[string]vocab.Grade
	seed   uint64
}

func newWriter(peers []*peer, to iri.IRI) *writer {
	w := &writer{peers: peers, to: to, grades: map[string]vocab.Grade{}}
	cfg := config.Defaults()
	for _, l := range cfg.Markings.Levels {
		w.grades[l.Name] = vocab.Grade{Scheme: cfg.Markings.Scheme, Level: l.Name, Rank: l.Rank}
	}
	profile := cfg.PrecedenceInUse()
	for _, l := range profile.Levels {
		w.grades[l.Name] = vocab.Grade{Scheme: profile.Scheme, Level: l.Name, Rank: l.Rank}
	}
	return w
}

// posts returns n requests, ready to send, each with a new dispatch: a Create with its
// proof, the Article with its own, and the signature of the hop.
func (w *writer) posts(n int) ([][]byte, error) {
	w.seed++
	var drafts []sample.Draft
	for d := range sample.Generate(n, w.seed) {
		drafts = append(drafts, d)
	}
	out := make([][]byte, n)
	return out, parallel(n, func(i int) (err error) {
		out[i], err = w.post(w.peers[i%len(w.peers)], drafts[i], i)
		return err
	})
}

func (w *writer) post(p *peer, d sample.Draft, number int) ([]byte, error) {
	now := time.Now().UTC().Truncate(time.Second)
	article, err := w.article(p, d, number, now)
	if err != nil {
		return nil, err
	}
	id, err := newID(p, "a")
	if err != nil {
		return nil, err
	}
	create := vocab.Create{Envelope: vocab.Envelope{ID: id, Actor: p.office, To: []iri.IRI{w.to}, Published: now}, Object: article}.Encode()
	if create, err = sign.Prove(create, p.pen, now); err != nil {
		return nil, err
	}
	return request(http.MethodPost, w.to+"/inbox", create, p.pen)
}

func (w *writer) article(p *peer, d sample.Draft, number int, now time.Time) ([]byte, error) {
	id, err := newID(p, "d")
	if err != nil {
		return nil, err
	}
	a := vocab.Dispatch{ID: id, AttributedTo: p.office, To: []iri.IRI{w.to}, Name: d.Subject, Published: now, ReferenceNumber: fmt.Sprintf("BENCH %d/%06d", now.Year(), number+1),
		DispatchType: "cable", Precedence: w.grades[d.Precedence], Marking: w.grades[d.Marking], ActionAddressee: []iri.IRI{w.to}, Signatory: p.office,
		ReceiptRequested: []string{"delivered", "registered", "read", "taken"}, Version: 1, AuthenticLanguage: "en"}
	for i, text := range d.Paragraphs {
		html, err := dispatches.Paragraph{Text: text}.HTML()
		if err != nil {
			return nil, err
		}
		a.Paragraphs = append(a.Paragraphs, vocab.Paragraph{ID: fmt.Sprint(i + 1), Marking: d.Marking, Language: "en", Content: html})
		a.Content += html
	}
	return sign.Prove(a.Encode(), p.pen, now)
}

func newID(p *peer, segment string) (iri.IRI, error) {
	u, err := uuid.NewV7()
	return iri.IRI(p.host.Base() + "/" + segment + "/" + u.String()), err
}

// gets returns n signed requests for the given objects in turn.
func gets(n int, objects []iri.IRI, by *pen) ([][]byte, error) {
	out := make([][]byte, n)
	return out, parallel(n, func(i int) (err error) {
		out[i], err = request(http.MethodGet, objects[i%len(objects)], nil, by)
		return err
	})
}

// request is a signed request as it goes over the wire.
func request(method string, to iri.IRI, body []byte, by *pen) ([]byte, error) {
	r, err := http.NewRequest(method, string(to), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/activity+json")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/activity+json")
	} else {
		r.Body, r.ContentLength = nil, 0
	}
	if err := sign.SignRFC9421(r, body, by, time.Now()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = r.Write(&b)
	return b.Bytes(), err
}

// parallel runs f for 0 to n-1 on all processors.
func parallel(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for worker := range errs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := worker; i < n && errs[worker] == nil; i += len(errs) {
				errs[worker] = f(i)
			}
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
