package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
)

// gather is how long a host that was served is left alone while others wait for a place:
// what comes for it meanwhile goes in one round, which costs hardly more than one row.
const gather = 150 * time.Millisecond

// line is the leased hosts that wait for a place, and the places.
type line struct {
	healthy   bool
	ask       bool // the store may have a host that is due
	waiting   []*models.Host
	places    chan struct{}
	slow      chan struct{} // nil: no place is given up for being slow
	freed     chan struct{}
	most      int                 // hosts leased at once
	ahead     int                 // of hosts that wait, so few that more are leased meanwhile
	leasing   chan []*models.Host // nil: none is under way
	recording chan struct{}
}

// asks tells whether the store is to be asked, or is being asked.
func (l *line) asks() bool { return l.ask || l.leasing != nil }

// refill leases more hosts while few wait, beside those that are being served. The answer
// of an earlier call comes with a later one, which freed announces.
func (c *Courier) refill(ctx context.Context, l *line) {
	if l.leasing != nil {
		select {
		case hosts := <-l.leasing:
			l.take(hosts)
		default:
		}
	}
	// After the answer: what asked while it was on its way begins here.
	if l.leasing == nil && l.ask && len(l.waiting) <= l.ahead {
		l.ask, l.leasing = false, make(chan []*models.Host, 1)
		answer := l.leasing
		c.hands.do(func() {
			hosts, err := c.lease(ctx, l.healthy, l.most)
			if err != nil && ctx.Err() == nil {
				c.Log.Error("deliveries: hosts cannot be leased", "err", err)
				time.Sleep(time.Second)
			}
			answer <- hosts
			signal(l.freed)
		})
	}
}

func (l *line) take(hosts []*models.Host) {
	l.leasing = nil
	l.waiting = append(l.waiting, hosts...)
	l.ask = l.ask || len(hosts) == l.most
}

// advance gives free places to the hosts that wait and returns how many it served.
func (c *Courier) advance(ctx context.Context, wg *sync.WaitGroup, l *line) int {
	c.refill(ctx, l)
	free := cap(l.places) - len(l.places)
	if free == 0 || l.slow != nil && len(l.slow) == cap(l.slow) {
		return 0
	}
	hosts := l.waiting[:min(free, len(l.waiting))]
	l.waiting = l.waiting[len(hosts):]
	for _, h := range hosts {
		l.places <- struct{}{}
		wg.Add(1)
		c.hands.do(func() {
			defer wg.Done()
			place := newPlace(l.places, l.slow, l.freed)
			defer place.leave()
			pressed := false
			last := func() {
				pressed = c.Pressed()
				l.recording <- struct{}{}
				place.leave()
			}
			// An attempt under way ends by its own time limit, not with ctx.
			if _, err := c.serve(context.WithoutCancel(ctx), h, func(r *result) error {
				if r.release && pressed && len(r.rows) > 0 {
					r.rest = models.At(c.Now().Add(gather))
				}
				err := c.record(r)
				if r.release {
					<-l.recording
				}
				return err
			}, last); err != nil && ctx.Err() == nil {
				c.Log.Error("deliveries: a host cannot be served", "host", h.Host, "err", err)
			}
		})
	}
	return len(hosts)
}

// lease takes hosts from the store. It asks before it writes: most of the time nothing
// is due.
func (c *Courier) lease(ctx context.Context, healthy bool, most int) ([]*models.Host, error) {
	now := models.At(c.Now())
	due, err := models.HostsDue(ctx, c.Store.R, now, healthy)
	if err != nil || !due {
		return nil, err
	}
	var hosts []*models.Host
	err = c.Store.InAsyncTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		hosts, err = models.LeaseHosts(ctx, tx, c.Name, now, now.Add(leaseFor), healthy, most)
		return err
	})
	if err != nil {
		return nil, err
	}
	return hosts, nil
}

// place is one host's seat among those served at once. After slowAfter it moves to the
// slow ones, so that a host which does not answer delays no other.
type place struct {
	mu          sync.Mutex
	fast, slow  chan struct{}
	freed       chan struct{}
	timer       *time.Timer
	inSlow, out bool
}

func newPlace(fast, slow, freed chan struct{}) *place {
	p := &place{fast: fast, slow: slow, freed: freed}
	if slow != nil {
		p.timer = time.AfterFunc(slowAfter, p.move)
	}
	return p
}

func (p *place) move() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return
	}
	select {
	case p.slow <- struct{}{}:
		p.inSlow = true
		<-p.fast
		signal(p.freed)
	default:
	}
}

func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return
	}
	p.out = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.inSlow {
		<-p.slow
	} else {
		<-p.fast
	}
	signal(p.freed)
}

func signal(freed chan struct{}) {
	select {
	case freed <- struct{}{}:
	default:
	}
}
