package inbox

import (
	"net"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"valise/federation/policy"
	"valise/models/iri"
)

// Limits are token buckets for each source address, origin and key. They live in
// memory, so with several processes each has its own.
type Limits struct {
	origin, key           rate.Limit
	originBurst, keyBurst int
	first                 int
	buckets               *otter.Cache[string, *rate.Limiter]
}

const bucketsMax = 50000

// NewLimits takes requests a second and bursts, and first contacts an hour.
func NewLimits(origin float64, originBurst int, key float64, keyBurst int, firstContacts int) *Limits {
	return &Limits{rate.Limit(origin), rate.Limit(key), originBurst, keyBurst, firstContacts,
		otter.Must(&otter.Options[string, *rate.Limiter]{MaximumSize: bucketsMax, ExpiryCalculator: otter.ExpiryAccessing[string, *rate.Limiter](2 * time.Hour)})}
}

func (l *Limits) allow(name string, r rate.Limit, burst int) bool {
	b, ok := l.buckets.GetIfPresent(name)
	if !ok {
		b, _ = l.buckets.SetIfAbsent(name, rate.NewLimiter(r, burst))
	}
	return b.Allow()
}

// Address limits one source address before anything is verified. It is four times an
// origin's rate: several origins may share an address.
func (l *Limits) Address(remote string) error {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	return slow(l.allow("a "+host, 4*l.origin, 4*l.originBurst))
}

// Key limits a verified origin and key.
func (l *Limits) Key(host iri.Host, key iri.IRI) error {
	if err := slow(l.allow("o "+string(host), l.origin, l.originBurst)); err != nil {
		return err
	}
	return slow(l.allow("k "+string(key), l.key, l.keyBurst))
}

// FirstContact limits what a host without standing may ask of a person.
func (l *Limits) FirstContact(host iri.Host) error {
	return slow(l.allow("f "+string(host), rate.Limit(float64(l.first)/3600), l.first))
}

func slow(ok bool) error {
	if ok {
		return nil
	}
	return &policy.Refusal{Code: "too-many", Status: http.StatusTooManyRequests, Detail: "too many requests; come again", RetryAfter: 5}
}
