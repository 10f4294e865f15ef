// Package clearance decides, purely, whether a draft may be released: who must agree
// to which revision, and what one person may not do alone.
package clearance

import (
	"fmt"
	"slices"

	"valise/models"
	"valise/models/iri"
)

// Round is everything that was decided about one exact revision.
type Round struct {
	Revision int64
	// Authors wrote the draft: its drafter and whoever saved a revision.
	Authors []iri.IRI
	Asked   []*models.Clearance
}

// Missing says in words why the revision cannot be released by this person, or "" when
// it can. Only decisions on the round's own revision count: an edit makes a new round.
func Missing(rules models.Rules, r Round, releaser iri.IRI) string {
	agreed := map[iri.IRI]bool{}
	for _, c := range r.Asked {
		if c.Revision != r.Revision {
			continue
		}
		switch c.Decision {
		case models.ClearanceChanges:
			return fmt.Sprintf("%s asks for a change: %s", c.Clearer, c.Note)
		case models.ClearanceAsked:
			return fmt.Sprintf("%s has not answered", c.Clearer)
		case models.ClearanceAgreed:
			agreed[c.Clearer] = true
		}
	}
	for _, must := range rules.Clearers {
		if !agreed[must] {
			return fmt.Sprintf("%s must clear revision %d", must, r.Revision)
		}
	}
	if !rules.NobodyAlone {
		if n := len(agreed); n < rules.MinClearances {
			return fmt.Sprintf("%d of %d clearances of revision %d are there", n, rules.MinClearances, r.Revision)
		}
		return ""
	}
	if slices.Contains(r.Authors, releaser) && len(r.Authors) == 1 && !othersAgreed(agreed, r.Authors, releaser) {
		return "nobody alone drafts, clears and releases here: another person must clear or release this revision"
	}
	others := 0
	for who := range agreed {
		if !slices.Contains(r.Authors, who) {
			others++
		}
	}
	if others < rules.MinClearances {
		return fmt.Sprintf("%d of %d clearances of revision %d by people who did not write it are there", others, rules.MinClearances, r.Revision)
	}
	return ""
}

func othersAgreed(agreed map[iri.IRI]bool, authors []iri.IRI, releaser iri.IRI) bool {
	for who := range agreed {
		if who != releaser && !slices.Contains(authors, who) {
			return true
		}
	}
	return false
}
