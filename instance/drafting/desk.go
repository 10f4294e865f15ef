package drafting

import (
	"context"
	"encoding/json"
	"slices"

	"valise/instance/clearance"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Desk is a draft with everything that stands around its text.
type Desk struct {
	Draft   *models.Draft
	Office  *models.Office
	Content *dispatches.Content
	Right   Right
	// Names of addressees, their hosts where they are elsewhere.
	Names    map[iri.IRI]string
	Comments []Remark
	Clashes  []Clash
	Present  []Presence
	Clearers []Clearer
	// Releasers are the people who may release for the office.
	Releasers []models.OfficePerson
	// Missing says why the person cannot release it yet, or "".
	Missing string
	// Seen is the revision that the person was shown last on a page for deciding.
	Seen int64
	// CanClear are those of the office who may be asked.
	CanClear []models.OfficePerson
}

// Remark is a comment with the answers to it.
type Remark struct {
	models.MarginEntry
	Answers []models.MarginEntry
}

// Clash is a text that waits beside the draft's.
type Clash struct {
	ID     int64
	Part   string
	Author iri.IRI
	Name   string
	Base   int64
	Text   string
	Mark   string
	At     models.Time
}

// Presence is a person who is in the draft now.
type Presence struct {
	Person iri.IRI
	Name   string
	Part   string
	Since  models.Time
}

// Clearer is a person who must or may clear, with her last word.
type Clearer struct {
	Person   iri.IRI
	Name     string
	Required bool
	// Decision is "" when she was not asked yet.
	Decision string
	Revision int64 // that she was asked about or decided on
	Note     string
	At       models.Time
	// Words says how many words have changed since that revision; -1 where it is no
	// longer kept.
	Words int
}

// Current reports whether her word is about the draft as it is.
func (c Clearer) Current(revision int64) bool { return c.Decision != "" && c.Revision == revision }

// office checks that a person may write a draft, and returns its office.
func (s *Drafting) office(ctx context.Context, person iri.IRI, draft string) (iri.IRI, error) {
	d, _, err := s.read(ctx, person, draft)
	if err != nil {
		return "", err
	}
	return d.Office, s.Dispatches.Accounts.Require(ctx, s.Store.R, person, d.Office, models.ActDraft)
}

// read returns a draft that a person may see.
func (s *Drafting) read(ctx context.Context, person iri.IRI, id string) (*models.Draft, *dispatches.Content, error) {
	d, err := models.DraftByID(ctx, s.Store.R, id)
	if models.NotFound(err) {
		return nil, nil, dispatches.NotFound("draft")
	}
	if err != nil {
		return nil, nil, err
	}
	if ok, err := models.HasMandate(ctx, s.Store.R, person, d.Office, models.ActRead, s.now()); err != nil || !ok {
		if err == nil {
			err = dispatches.NotFound("draft")
		}
		return nil, nil, err
	}
	c, err := dispatches.ParseContent(d.Content)
	return d, c, err
}

// Open returns a draft for a person of its office, in five queries.
func (s *Drafting) Open(ctx context.Context, person iri.IRI, id string) (*Desk, error) {
	db := s.Store.R
	d, o, err := models.DraftWithOffice(ctx, db, id)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("draft")
	}
	if err != nil {
		return nil, err
	}
	people, err := models.OfficePeople(ctx, db, d.Office, s.now())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(people, func(p models.OfficePerson) bool { return p.Person == person })
	if i < 0 {
		return nil, dispatches.NotFound("draft")
	}
	me := people[i]
	desk := &Desk{Draft: d, Office: o, Right: Right{me.May(models.ActDraft), me.May(models.ActClear), me.May(models.ActRelease)}, Names: map[iri.IRI]string{}}
	if desk.Content, err = dispatches.ParseContent(d.Content); err != nil {
		return nil, err
	}
	if err := desk.Content.Gone(); err != nil {
		return nil, err
	}
	for _, p := range people {
		if p.May(models.ActRelease) {
			desk.Releasers = append(desk.Releasers, p)
		}
		if p.May(models.ActClear) {
			desk.CanClear = append(desk.CanClear, p)
		}
	}
	margin, err := models.DraftMargin(ctx, db, id, person, s.now())
	if err != nil {
		return nil, err
	}
	if err := s.margin(ctx, desk, margin, people, person); err != nil {
		return nil, err
	}
	c := desk.Content
	ids := slices.Concat(c.Action, c.Info)
	if c.Community != "" {
		ids = append(ids, c.Community)
	}
	rows, err := models.ActorsByIRI(ctx, db, ids)
	for _, a := range rows {
		desk.Names[a.IRI] = a.Name
	}
	return desk, err
}

// margin sorts what stands beside the text.
func (s *Drafting) margin(ctx context.Context, desk *Desk, margin []models.MarginEntry, people []models.OfficePerson, person iri.IRI) error {
	at := map[int64]int{}
	var asked []*models.Clearance
	for _, e := range margin {
		switch e.Kind {
		case models.MarginComment:
			if i, ok := at[e.Ref]; ok && e.Ref != 0 {
				desk.Comments[i].Answers = append(desk.Comments[i].Answers, e)
				continue
			}
			at[e.ID] = len(desk.Comments)
			desk.Comments = append(desk.Comments, Remark{MarginEntry: e})
		case models.MarginClash:
			var body dispatches.PartBody
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
			desk.Clashes = append(desk.Clashes, Clash{ID: e.ID, Part: e.Part, Author: e.Person, Name: e.Name, Base: e.Ref, Text: body.Text, Mark: body.Marking, At: e.At})
		case models.MarginPresence:
			desk.Present = append(desk.Present, Presence{e.Person, e.Name, e.Part, e.At})
		case models.MarginSeen:
			desk.Seen = e.Ref
		case models.MarginClearance:
			desk.Clearers = append(desk.Clearers, Clearer{Person: e.Person, Name: e.Name, Decision: e.State, Revision: e.Ref, Note: e.Text, At: e.At})
			asked = append(asked, &models.Clearance{Draft: desk.Draft.ID, Revision: e.Ref, Clearer: e.Person, Decision: e.State, Note: e.Text})
		}
	}
	for _, must := range desk.Office.Rules.Clearers {
		i := slices.IndexFunc(desk.Clearers, func(c Clearer) bool { return c.Person == must })
		if i < 0 {
			name := string(must)
			if i := slices.IndexFunc(people, func(p models.OfficePerson) bool { return p.Person == must }); i >= 0 {
				name = people[i].Name
			} else if a, err := models.ActorByIRI(ctx, s.Store.R, must); err == nil {
				name = a.Name // her mandate has ended, or she is blocked
			}
			desk.Clearers = append(desk.Clearers, Clearer{Person: must, Name: name})
			i = len(desk.Clearers) - 1
		}
		desk.Clearers[i].Required = true
	}
	if err := s.changedSince(ctx, desk); err != nil {
		return err
	}
	if !desk.Right.Release {
		return nil
	}
	authors, err := models.RevisionAuthors(ctx, s.Store.R, desk.Draft.ID)
	desk.Missing = clearance.Missing(desk.Office.Rules, clearance.Round{Revision: desk.Draft.Revision, Authors: authors, Asked: asked}, person)
	return err
}

// changedSince counts what has changed since each clearer's word.
func (s *Drafting) changedSince(ctx context.Context, desk *Desk) error {
	var wanted []int64
	for _, c := range desk.Clearers {
		if c.Decision != "" && c.Revision != desk.Draft.Revision && !slices.Contains(wanted, c.Revision) {
			wanted = append(wanted, c.Revision)
		}
	}
	kept, err := models.RevisionsOf(ctx, s.Store.R, desk.Draft.ID, wanted)
	if err != nil {
		return err
	}
	words := map[int64]int{}
	for _, n := range wanted {
		words[n] = -1
		if r := kept[n]; r != nil {
			was, err := dispatches.ParseContent(r.Content)
			if err != nil {
				return err
			}
			words[n] = Compare(was, desk.Content).Words
		}
	}
	for i, c := range desk.Clearers {
		if c.Revision != desk.Draft.Revision {
			desk.Clearers[i].Words = words[c.Revision]
		}
	}
	return nil
}
