package dispatches

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"valise/models"
	"valise/models/iri"
)

// DraftEntry is an open draft in a list, with its subject and marking.
type DraftEntry struct {
	Draft            *models.Draft
	Subject, Marking string
}

// Cursor is where a list goes on after this entry.
func (e DraftEntry) Cursor() string {
	return strconv.FormatInt(int64(e.Draft.UpdatedAt), 10) + "." + e.Draft.ID
}

// Drafts lists the open drafts of one office, or with office "" of every office that the
// person may draft, clear or release for, newest change first, after a Cursor ("": from
// the newest). A mandate to read alone shows no list of drafts.
func (s *Dispatches) Drafts(ctx context.Context, person, office iri.IRI, after string, limit int) ([]DraftEntry, error) {
	mandates, err := models.Mandates(ctx, s.Store.R, "", person, s.now(), 1000)
	if err != nil {
		return nil, fmt.Errorf("read the mandates of %s: %w", person, err)
	}
	var offices []iri.IRI
	for _, m := range mandates {
		if m.Act != models.ActRead && !slices.Contains(offices, m.Office) && (office == "" || office == m.Office) {
			offices = append(offices, m.Office)
		}
	}
	if office != "" && len(offices) == 0 {
		return nil, s.Accounts.Require(ctx, s.Store.R, person, office, models.ActDraft)
	}
	at, id := models.Time(0), ""
	if after != "" {
		moment, rest, ok := strings.Cut(after, ".")
		n, err := strconv.ParseInt(moment, 10, 64)
		if err != nil || !ok || n <= 0 {
			return nil, invalid("%q is no place in a list of drafts; take the one that the page before named", after)
		}
		at, id = models.Time(n), rest
	}
	rows, err := models.Drafts(ctx, s.Store.R, offices, at, id, min(max(limit, 1), 200))
	if err != nil {
		return nil, fmt.Errorf("list drafts: %w", err)
	}
	out := make([]DraftEntry, len(rows))
	for i, d := range rows {
		c, err := ParseContent(d.Content)
		if err != nil {
			return nil, err
		}
		out[i] = DraftEntry{Draft: d, Subject: c.Subject, Marking: c.Marking}
	}
	return out, nil
}
