package dispatches

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

const (
	// threadMost bounds the dispatches of one thread that are shown.
	threadMost = 200
	// threadDeep bounds how many answers to answers are followed, each way.
	threadDeep = 30
)

// ThreadEntry is one dispatch of a thread, without its text.
type ThreadEntry struct {
	Dispatch *models.Dispatch
	// Answers are those dispatches of the thread that this one answers.
	Answers []iri.IRI
	// Depth is 0 for the dispatch that was asked about, below 0 for what it answers,
	// above 0 for what answers it.
	Depth int
}

// Thread returns a dispatch by id or reference number with what it answers, directly or
// not, and what answers it, oldest first. The person sees only what she may read; what
// lies behind something that she may not is not shown either.
func (s *Dispatches) Thread(ctx context.Context, person iri.IRI, name string) ([]ThreadEntry, error) {
	d, r, err := s.find(ctx, s.Store.R, person, name)
	if err != nil {
		return nil, err
	}
	d.Document, d.Tombstone = nil, nil
	out := []ThreadEntry{{Dispatch: d}}
	at := map[iri.IRI]int{d.IRI: 0} // index in out
	for _, step := range []int{-1, 1} {
		level := []iri.IRI{d.IRI}
		for depth := step; len(level) > 0 && depth*step <= threadDeep && len(out) < threadMost; depth += step {
			follow := models.AnswersTo
			if step < 0 {
				follow = models.AnswersOf
			}
			links, err := follow(ctx, s.Store.R, level, threadMost)
			if err != nil {
				return nil, fmt.Errorf("follow the thread of %s: %w", d.IRI, err)
			}
			if level, err = s.readable(ctx, r, links, at, threadMost-len(out), func(found *models.Dispatch) {
				at[found.IRI] = len(out)
				out = append(out, ThreadEntry{Dispatch: found, Depth: depth})
			}); err != nil {
				return nil, fmt.Errorf("read the thread of %s: %w", d.IRI, err)
			}
			for _, l := range links {
				i, answer := at[l.Dispatch]
				if _, target := at[l.Target]; answer && target && !slices.Contains(out[i].Answers, l.Target) {
					out[i].Answers = append(out[i].Answers, l.Target)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b ThreadEntry) int {
		// Times are whole seconds: within one, an answer follows what it answers.
		return cmp.Or(cmp.Compare(a.Dispatch.PublishedAt, b.Dispatch.PublishedAt), cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.Dispatch.ID, b.Dispatch.ID))
	})
	return out, nil
}

// readable hands over the ends of the links that are new and may be read, and returns
// their ids.
func (s *Dispatches) readable(ctx context.Context, r audience.Reader, links []models.Answer, known map[iri.IRI]int, most int, add func(*models.Dispatch)) ([]iri.IRI, error) {
	var ids []iri.IRI
	for _, l := range links {
		for _, id := range []iri.IRI{l.Dispatch, l.Target} {
			if _, have := known[id]; !have && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 || most <= 0 {
		return nil, nil
	}
	cond, args := audience.Where(r, audience.Dispatches, s.now())
	rows, err := models.DispatchesWhere(ctx, s.Store.R, cond, args, 0, most, "d.iri IN (?)", bun.List(ids))
	var level []iri.IRI
	for _, d := range rows {
		add(d)
		level = append(level, d.IRI)
	}
	return level, err
}

// conversation is the context of a new dispatch: that of the first dispatch which it
// answers, if that is here and has one; else a new one of ours.
func (s *Dispatches) conversation(ctx context.Context, c *Content) (iri.IRI, error) {
	for _, ref := range c.References {
		if !ref.Answers {
			continue
		}
		d, err := models.DispatchByIRI(ctx, s.Store.R, ref.Target)
		if err == nil && d.Context != "" {
			return d.Context, nil
		}
		if err != nil && !models.NotFound(err) {
			return "", fmt.Errorf("read what is answered, %s: %w", ref.Target, err)
		}
	}
	return s.Out.NewID("t")
}
