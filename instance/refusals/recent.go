package refusals

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// recentMost is how many refusals are remembered: enough to answer "why was this
// refused" of the last hours; the log holds the rest.
const recentMost = 500

// Turned is one request that was turned away at the door, or one arrival that a rule
// set aside, as the log tells it.
type Turned struct {
	At     time.Time
	From   string // address or host
	Path   string
	Status int64
	Rule   string
	Why    string
}

// Recent remembers the refusals that pass through a log. It is safe for concurrent use.
type Recent struct {
	mu   sync.Mutex
	ring [recentMost]Turned
	n    int // refusals seen so far
}

// List returns the refusals, newest first, whose rule is the given one; "" for all.
func (r *Recent) List(rule string) []Turned {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Turned
	for i := r.n - 1; i >= 0 && i >= r.n-recentMost; i-- {
		if t := r.ring[i%recentMost]; rule == "" || t.Rule == rule {
			out = append(out, t)
		}
	}
	return out
}

// Watch returns a handler that passes every record on to next and remembers refusals.
func (r *Recent) Watch(next slog.Handler) slog.Handler { return watcher{next, r} }

type watcher struct {
	slog.Handler
	recent *Recent
}

// Enabled takes refusals even where the log does not: they are of level Info.
func (w watcher) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || w.Handler.Enabled(ctx, level)
}

func (w watcher) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Message == "refused" {
		w.recent.add(rec)
	}
	if !w.Handler.Enabled(ctx, rec.Level) {
		return nil
	}
	return w.Handler.Handle(ctx, rec)
}

func (w watcher) WithAttrs(attrs []slog.Attr) slog.Handler {
	return watcher{w.Handler.WithAttrs(attrs), w.recent}
}

func (w watcher) WithGroup(name string) slog.Handler {
	return watcher{w.Handler.WithGroup(name), w.recent}
}

func (r *Recent) add(rec slog.Record) {
	t := Turned{At: rec.Time}
	rec.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "from":
			t.From = a.Value.String()
		case "path":
			t.Path = clip(a.Value.String(), 200)
		case "status":
			t.Status = a.Value.Int64()
		case "rule":
			t.Rule = a.Value.String()
		case "why":
			t.Why = clip(a.Value.String(), 500)
		}
		return true
	})
	r.mu.Lock()
	r.ring[r.n%recentMost] = t
	r.n++
	r.mu.Unlock()
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
