package finding

import (
	"net/http"

	"valise/instance/search"
	"valise/ui/page"
)

// offers is how many completions are offered at once.
const offers = 8

// complete answers the script beside a field with tags or references that begin with what
// was typed. Nobody else asks for it.
func (a *area) complete(r *page.Request) error {
	if !r.Scripted() {
		return page.NotFound
	}
	type hit struct {
		Value string `json:"value"`
		Text  string `json:"text"` // what is said beside it
	}
	var found []search.Completion
	var err error
	tags := r.Field("of") == "tag"
	switch {
	case tags:
		found, err = a.search.CompleteTag(r.Ctx(), r.Person(), r.Field("q"), offers)
	case r.Field("of") == "ref":
		found, err = a.search.CompleteReference(r.Ctx(), r.Person(), r.Field("q"), offers)
	default:
		return page.NotFound
	}
	if err != nil {
		return err
	}
	hits := make([]hit, len(found))
	for i, c := range found {
		hits[i] = hit{page.Shown(c.Text), page.Shown(c.Subject)}
		if tags {
			hits[i].Text = r.N("finding.offer.tagged", c.Count)
		}
	}
	r.Context.JSON(http.StatusOK, map[string]any{"hits": hits})
	return nil
}
