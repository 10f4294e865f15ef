package search

import (
	"context"
	"fmt"
	"math"
	"strings"

	"valise/models"
	"valise/models/iri"
	"valise/models/lexicon"
)

// completionMost bounds what a completion looks at and returns.
const (
	completionMost = 20
	completionScan = 200
)

// Completion is one thing that the reader may be about to name.
type Completion struct {
	Text    string  // the reference or the tag
	Subject string  // of the dispatch; "" for a tag
	ID      iri.IRI // of the dispatch; "" for a tag
	Count   int     // dispatches among the newest with the tag; 0 for a reference
}

// CompleteReference returns dispatches whose reference has the given words, the last one
// begun, the newest first. Its statements are at most five.
func (s *Search) CompleteReference(ctx context.Context, person iri.IRI, text string, limit int) ([]Completion, error) {
	sc, found, err := s.begun(ctx, person, text, refWord, false, min(max(limit, 1), completionMost))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	ids := make([]int64, len(found))
	for i, e := range found {
		ids[i] = e.ID
	}
	hits, err := models.SearchHits(ctx, s.Store.R, sc.SearchScope, ids)
	if err != nil {
		return nil, fmt.Errorf("complete a reference: %w", err)
	}
	var out []Completion
	for _, id := range ids {
		if h := hits[id]; h != nil {
			out = append(out, Completion{Text: h.Dispatch.Reference, Subject: h.Dispatch.Subject, ID: h.Object})
		}
	}
	return out, nil
}

// CompleteTag returns tags that begin so, those of the newest dispatches first.
func (s *Search) CompleteTag(ctx context.Context, person iri.IRI, text string, limit int) ([]Completion, error) {
	_, found, err := s.begun(ctx, person, text, tagName, true, completionScan)
	if err != nil {
		return nil, err
	}
	begin := strings.Join(lexicon.Fold(text), gap)
	at := map[string]int{}
	var out []Completion
	for _, e := range found {
		for _, tag := range e.Tags {
			if !strings.HasPrefix(strings.Join(lexicon.Fold(tag), gap), begin) {
				continue
			}
			if i, ok := at[tag]; ok {
				out[i].Count++
			} else if len(out) < min(max(limit, 1), completionMost) {
				at[tag] = len(out)
				out = append(out, Completion{Text: tag, Count: 1})
			}
		}
	}
	return out, nil
}

// begun finds the newest entries with marks that begin with a text.
func (s *Search) begun(ctx context.Context, person iri.IRI, text, mark string, one bool, limit int) (*scope, []*models.SearchEntry, error) {
	if len(text) > queryMost {
		return nil, nil, &QueryError{queryMost + 1, "this is too long"}
	}
	words := lexicon.Fold(text)
	if len(words) == 0 || len(words) > termsMost {
		return nil, nil, nil
	}
	sc, err := s.scope(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	if sc.Ahead, err = s.ahead(ctx, sc); err != nil {
		return nil, nil, err
	}
	var list []models.SearchExpr
	if one {
		words = []string{strings.Join(words, gap)}
	}
	for i, w := range words {
		list = append(list, models.SearchTerm{Token: mark + w, Prefix: i == len(words)-1})
	}
	sc.Expr, sc.To = allOf(list), math.MaxInt64
	found, err := models.SearchCandidates(ctx, s.Store.R, sc.SearchScope, false, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("complete %q: %w", text, err)
	}
	return sc, found, nil
}
