package dispatches

import (
	"context"
	"slices"

	"valise/models"
	"valise/models/iri"
)

// expand puts the members of the draft's collective addresses beside its addressees and
// returns who was reached through which. Who is named by herself keeps that role, and
// ACTION goes before INFO.
func (s *Dispatches) expand(ctx context.Context, office iri.IRI, c *Content) ([]models.CollectiveUse, error) {
	if len(c.Collectives) == 0 {
		return nil, nil
	}
	var ids []string
	for _, u := range c.Collectives {
		ids = append(ids, u.ID)
	}
	rows, err := models.CollectivesByID(ctx, s.Store.R, office, ids)
	if err != nil {
		return nil, err
	}
	var uses []models.CollectiveUse
	for _, role := range []string{models.RoleAction, models.RoleInfo} {
		for _, u := range c.Collectives {
			if u.Role != role {
				continue
			}
			i := slices.IndexFunc(rows, func(r *models.Collective) bool { return r.ID == u.ID })
			if i < 0 {
				return nil, invalid("the collective address %s is no longer defined; take it out or define it again", u.Name)
			}
			if len(rows[i].Members) == 0 {
				return nil, invalid("the collective address %s names nobody; add to it or take it out", rows[i].Name)
			}
			for _, m := range rows[i].Members {
				uses = append(uses, models.CollectiveUse{Collective: u.ID, Name: rows[i].Name, Role: role, Actor: m})
				if m == office || slices.Contains(c.Action, m) || slices.Contains(c.Info, m) {
					continue
				}
				if role == models.RoleAction {
					c.Action = append(c.Action, m)
				} else {
					c.Info = append(c.Info, m)
				}
			}
		}
	}
	return uses, nil
}
