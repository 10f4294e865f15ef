package drafting

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"valise/instance/drafting"
	"valise/models/iri"
	"valise/ui/page"
)

const (
	// streamsMost bounds the streams of one person, over all her windows.
	streamsMost = 4
	// streamLasts ends a stream; the browser asks again, and is asked who it is.
	streamLasts = 2 * time.Minute
	// pulseEvery is how often a stream looks.
	pulseEvery = 1500 * time.Millisecond
)

// streams counts the open streams of each person in this process.
type streams struct {
	mu   sync.Mutex
	open map[iri.IRI]int
}

func (s *streams) enter(who iri.IRI) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[iri.IRI]int{}
	}
	if s.open[who] >= streamsMost {
		return false
	}
	s.open[who]++
	return true
}

func (s *streams) leave(who iri.IRI) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[who]--; s.open[who] <= 0 {
		delete(s.open, who)
	}
}

// presence says that she is in the draft and in which paragraph, or that she leaves.
func (a *area) presence(r *page.Request) error {
	var err error
	if r.Field("do") == "leave" {
		err = a.Drafting.Leave(r.Ctx(), r.Person(), r.Param("id"))
	} else {
		err = a.Drafting.Enter(r.Ctx(), r.Person(), r.Param("id"), r.Field("part"))
	}
	if err != nil {
		return err
	}
	return a.pulse(r)
}

// pulse answers a script that cannot keep a stream open.
func (a *area) pulse(r *page.Request) error {
	p, err := a.Drafting.Pulse(r.Ctx(), r.Person(), r.Param("id"))
	if err != nil {
		return err
	}
	r.Context.JSON(http.StatusOK, p)
	return nil
}

// events is a stream of server-sent events, one each time the draft's pulse changes. The
// session was checked when it began; a mandate that ends, ends it.
func (a *area) events(r *page.Request) error {
	who := r.Person()
	last, err := a.Drafting.Pulse(r.Ctx(), who, r.Param("id"))
	if err != nil {
		return err
	}
	if !a.streams.enter(who) {
		return &page.Problem{Status: http.StatusTooManyRequests, Code: "too-many-streams", Detail: r.T("drafting.edit.streams")}
	}
	defer a.streams.leave(who)
	h := r.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	r.Status(http.StatusOK)
	if err := send(r, last); err != nil {
		return nil
	}
	end := time.NewTimer(streamLasts)
	defer end.Stop()
	look := time.NewTicker(pulseEvery)
	defer look.Stop()
	for {
		select {
		case <-r.Ctx().Done():
			return nil
		case <-end.C:
			return nil
		case <-look.C:
		}
		p, err := a.Drafting.Pulse(r.Ctx(), who, r.Param("id"))
		if err != nil {
			return nil
		}
		if p == last {
			continue
		}
		last = p
		if err := send(r, p); err != nil {
			return nil
		}
	}
}

func send(r *page.Request, p drafting.Pulse) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.Writer, "event: pulse\ndata: %s\n\n", b); err != nil {
		return err
	}
	r.Writer.Flush()
	return nil
}
