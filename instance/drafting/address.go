package drafting

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"valise/instance/audit"
	"valise/instance/directory"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

const findMost = 12

// FindAddress lists what a typed text may stand for among addressees.
func (s *Drafting) FindAddress(ctx context.Context, person, office iri.IRI, text string) ([]directory.Address, error) {
	rows, err := s.Directory.Complete(ctx, person, text, 3*findMost)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(a directory.Address) bool {
		return a.Kind == directory.KindCollective && a.Office != office || a.ID == string(office)
	})
	return rows[:min(len(rows), findMost)], nil
}

// Address addresses a draft to what a person typed: a handle, an id, or words that stand
// for one address alone. Where they stand for several, or for none, found lists what they
// may stand for and nothing is changed.
func (s *Drafting) Address(ctx context.Context, person iri.IRI, draft, text, role string) (found []directory.Address, done bool, err error) {
	office, err := s.office(ctx, person, draft)
	if err != nil {
		return nil, false, err
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, false, invalid("name an addressee: an office, a city, a handle @name@host, or a collective address")
	}
	if strings.HasPrefix(text, "@") || strings.Contains(text, "://") {
		id, err := s.Directory.Resolve(ctx, text)
		if err != nil {
			return nil, false, err
		}
		return nil, true, s.AddAddressee(ctx, person, draft, id, role)
	}
	if found, err = s.FindAddress(ctx, person, office, text); err != nil || len(found) != 1 {
		return found, false, err
	}
	if found[0].Kind == directory.KindCollective {
		return nil, true, s.AddCollective(ctx, person, draft, found[0].ID, role)
	}
	return nil, true, s.AddAddressee(ctx, person, draft, iri.IRI(found[0].ID), role)
}

// Citation is a dispatch that may be cited.
type Citation = models.Citation

// FindReference lists dispatches that a person may read, by the beginning of their
// reference number or by words of their subject, the newest first.
func (s *Drafting) FindReference(ctx context.Context, person iri.IRI, text string) ([]Citation, error) {
	text = strings.TrimSpace(text)
	if len(text) < 2 || len(text) > 200 {
		return nil, nil
	}
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Where(r, audience.Dispatches, s.now())
	return models.FindCitations(ctx, s.Store.R, text, cond, args, findMost)
}

const (
	collectiveMembersMost = 200
	collectiveNameMost    = 200 // bytes
)

// Collectives lists the collective addresses of the offices for which a person drafts.
func (s *Drafting) Collectives(ctx context.Context, person iri.IRI) ([]*models.Collective, []Office, error) {
	offices, err := s.Offices(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	offices = slices.DeleteFunc(offices, func(o Office) bool { return !o.Draft })
	rows, err := models.Collectives(ctx, s.Store.R, with(offices, func(Right) bool { return true }))
	return rows, offices, err
}

// DefineCollective names several actors for an office; id "" makes a new name. A name
// stands for its present members in every draft that uses it, until that is released.
func (s *Drafting) DefineCollective(ctx context.Context, person, office iri.IRI, id, name string, members []iri.IRI) (string, error) {
	if err := s.Dispatches.Accounts.Require(ctx, s.Store.R, person, office, models.ActDraft); err != nil {
		return "", err
	}
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || len(name) > collectiveNameMost {
		return "", invalid("a collective address needs a name of at most %d bytes", collectiveNameMost)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	if len(members) == 0 || len(members) > collectiveMembersMost {
		return "", invalid("a collective address stands for 1 to %d addressees, not %d", collectiveMembersMost, len(members))
	}
	for _, m := range members {
		a, err := s.Dispatches.Actors.Get(ctx, m)
		if err != nil {
			return "", err
		}
		if a.Type == models.TypeGroup || a.Type == models.TypeApplication {
			return "", invalid("%s is no office or person; a collective address stands for those alone", a.Name)
		}
	}
	act := "collective address changed"
	if id == "" {
		act = "collective address defined"
		u, err := uuid.NewV7FromReader(s.Rand)
		if err != nil {
			return "", err
		}
		id = u.String()
	} else if rows, err := models.CollectivesByID(ctx, s.Store.R, office, []string{id}); err != nil || len(rows) == 0 {
		if err == nil {
			err = invalid("this office has no such collective address")
		}
		return "", err
	}
	c := &models.Collective{ID: id, Office: office, Name: name, Folded: strings.ToLower(name), UpdatedAt: s.now(), UpdatedBy: person, Members: members}
	err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := models.SaveCollective(ctx, tx, c); models.IsConflict(err) {
			return invalid("this office has a collective address %q already", name)
		} else if err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), act, string(office), map[string]any{"name": name, "members": members})
	})
	return id, err
}

// DropCollective ends a collective address. What was sent through it stays recorded.
func (s *Drafting) DropCollective(ctx context.Context, person, office iri.IRI, id string) error {
	if err := s.Dispatches.Accounts.Require(ctx, s.Store.R, person, office, models.ActDraft); err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		had, err := models.DeleteCollective(ctx, tx, office, id)
		if err != nil || !had {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "collective address ended", string(office), map[string]any{"id": id})
	})
}

// Names returns the names of actors that are known here.
func (s *Drafting) Names(ctx context.Context, ids []iri.IRI) (map[iri.IRI]string, error) {
	out := map[iri.IRI]string{}
	rows, err := models.ActorsByIRI(ctx, s.Store.R, ids)
	for _, a := range rows {
		out[a.IRI] = a.Name
	}
	return out, err
}

// ResolveAll reads addressees one a line: handles, ids, or words that stand for one
// office alone.
func (s *Drafting) ResolveAll(ctx context.Context, person, office iri.IRI, text string) ([]iri.IRI, error) {
	var out []iri.IRI
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(out) >= collectiveMembersMost {
			return nil, invalid("a collective address stands for at most %d addressees", collectiveMembersMost)
		}
		if strings.HasPrefix(line, "@") || strings.Contains(line, "://") {
			id, err := s.Directory.Resolve(ctx, line)
			if err != nil {
				return nil, err
			}
			out = append(out, id)
			continue
		}
		found, err := s.FindAddress(ctx, person, office, line)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(a directory.Address) bool { return a.Kind != directory.KindOffice })
		if len(found) != 1 {
			return nil, invalid("line %d, %q, stands for %d offices; write a handle @name@host", i+1, line, len(found))
		}
		out = append(out, iri.IRI(found[0].ID))
	}
	return out, nil
}
