package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// answered is what a load brought.
type answered struct {
	took      time.Duration // from the first request to the last answer
	latencies []time.Duration
}

// load sends each request once over a number of kept connections and holds every answer
// to one status. The requests are bytes ready to send, so that the generator costs little.
func load(ctx context.Context, addr string, conns int, requests [][]byte, want int) (*answered, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dialed := make([]net.Conn, 0, conns)
	defer func() {
		for _, c := range dialed {
			c.Close()
		}
	}()
	for range conns {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return nil, fmt.Errorf("reach the server: %w", err)
		}
		dialed = append(dialed, c)
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range dialed {
			c.SetDeadline(time.Now())
		}
	})
	defer stop()
	var next atomic.Int64
	took := make([][]time.Duration, conns)
	var wg sync.WaitGroup
	began := time.Now()
	for i, c := range dialed {
		wg.Add(1)
		go func() {
			defer wg.Done()
			in := bufio.NewReaderSize(c, 4096)
			for {
				n := int(next.Add(1)) - 1
				if n >= len(requests) {
					return
				}
				start := time.Now()
				if err := exchange(c, in, requests[n], want); err != nil {
					cancel(fmt.Errorf("request %d: %w", n, err))
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		}()
	}
	wg.Wait()
	a := &answered{took: time.Since(began), latencies: slices.Concat(took...)}
	return a, context.Cause(ctx)
}

func exchange(c net.Conn, in *bufio.Reader, request []byte, want int) error {
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		words, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("answered %s, not %d: %s", res.Status, want, words)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
