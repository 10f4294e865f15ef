package operator

import (
	"net/http"

	"valise/models/iri"
	"valise/ui/page"
)

type blockView struct {
	Username, Name, Reason, Why string
	Sessions, Mandates          int
}

// named is the person that an address names.
func (a *area) named(r *page.Request) (iri.IRI, error) {
	id, err := a.Directory.Person(r.Ctx(), r.Param("person"))
	if _, mine := r.Refusal(err); mine {
		return "", page.NotFound
	}
	return id, err
}

// askBlock says what blocking a person means before it is done.
func (a *area) askBlock(r *page.Request, why string) error {
	id, err := a.named(r)
	if err != nil {
		return err
	}
	names, err := a.Directory.Names(r.Ctx(), []iri.IRI{id})
	if err != nil {
		return err
	}
	sessions, err := a.Access.SessionsOf(r.Ctx(), id)
	if err != nil {
		return err
	}
	mandates, err := a.Directory.Mandates(r.Ctx(), "", id)
	if err != nil {
		return err
	}
	v := blockView{r.Param("person"), names[id], r.Field("reason"), why, len(sessions), len(mandates)}
	return r.Render(a.frame(r, page.Page{Name: "block", Title: r.T("operator.block.title", "Name", v.Name), At: "/operator/people", Data: v}))
}

func (a *area) block(r *page.Request) error {
	id, err := a.named(r)
	if err != nil {
		return err
	}
	err = a.Access.Block(r.Ctx(), a.by(r), id, r.Field("reason"))
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.askBlock(r, why)
	}
	if err != nil {
		return err
	}
	r.Say("operator.block.did")
	return r.See("/operator/people")
}

func (a *area) unblock(r *page.Request) error {
	id, err := a.named(r)
	if err != nil {
		return err
	}
	err = a.Access.Unblock(r.Ctx(), a.by(r), id)
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.people(r, "", why, "")
	}
	if err != nil {
		return err
	}
	r.Say("operator.block.lifted")
	return r.See("/operator/people")
}
