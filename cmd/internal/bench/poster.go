package bench

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"valise/federation/sign"
	"valise/models/iri"
)

// postsAtOnce is as many as an instance with default settings posts: eight hosts with
// eight lanes each.
const postsAtOnce = 64

// poster is the bare limit of a fan-out: one signature and one post for each delivery.
type poster struct {
	client *http.Client
	signer sign.Signer
	hosts  []iri.Host
	body   []byte
}

type posterArgs struct {
	Hosts []iri.Host
	RSA   bool
	Size  int // bytes of each body
}

// rsaPen signs as draft-cavage asks.
type rsaPen struct{ private *rsa.PrivateKey }

func (p rsaPen) KeyID() string      { return "http://bench.localhost/actor#rsa" }
func (p rsaPen) Type() sign.KeyType { return sign.RSA }
func (p rsaPen) Sign(m []byte) ([]byte, error) {
	sum := sha256.Sum256(m)
	return p.private.Sign(nil, sum[:], crypto.SHA256)
}

func (l *limit) poster(_ context.Context, a posterArgs) (any, error) {
	p := &poster{hosts: a.Hosts, body: bytes.Repeat([]byte{' '}, a.Size)}
	if a.RSA {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		p.signer = rsaPen{private}
	} else {
		signer, err := newPen("http://bench.localhost/actor")
		if err != nil {
			return nil, err
		}
		p.signer = signer
	}
	d := &net.Dialer{}
	p.client = &http.Client{Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 8, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}}}
	l.post = p
	return nil, nil
}

type sendArgs struct{ N int }

// send posts n times, host after host, and returns the seconds that it took.
func (l *limit) send(_ context.Context, a sendArgs) (any, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, postsAtOnce)
	began := time.Now()
	for range postsAtOnce {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				n := int(next.Add(1)) - 1
				if n >= a.N {
					return
				}
				if err := l.post.post(l.post.hosts[n%len(l.post.hosts)]); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	took := time.Since(began).Seconds()
	select {
	case err := <-errs:
		return nil, err
	default:
		return took, nil
	}
}

func (p *poster) post(host iri.Host) error {
	r, err := http.NewRequest(http.MethodPost, host.Base()+"/inbox", bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/activity+json")
	if p.signer.Type() == sign.RSA {
		err = sign.SignCavage(r, p.body, p.signer, time.Now())
	} else {
		err = sign.SignRFC9421(r, p.body, p.signer, time.Now())
	}
	if err != nil {
		return err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s answered %s", host, res.Status)
	}
	return nil
}
