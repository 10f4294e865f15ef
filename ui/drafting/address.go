package drafting

import (
	"net/http"
	"strings"

	"valise/instance/drafting"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// find completes what is typed: addresses of an office's drafts, or dispatches to cite.
func (a *area) find(r *page.Request) error {
	type hit struct {
		Value string `json:"value"`
		Text  string `json:"text"`
	}
	hits := []hit{}
	if r.Field("of") == "reference" {
		rows, err := a.Drafting.FindReference(r.Ctx(), r.Person(), r.Field("q"))
		if err != nil {
			return err
		}
		for _, c := range rows {
			hits = append(hits, hit{page.Shown(c.Reference), page.Shown(c.Subject)})
		}
	} else {
		rows, err := a.Drafting.FindAddress(r.Ctx(), r.Person(), iri.IRI(r.Field("office")), r.Field("q"))
		if err != nil {
			return err
		}
		for _, d := range rows {
			value := d.Handle
			if value == "" {
				value = d.Name
			}
			hits = append(hits, hit{page.Shown(value), page.Shown(strings.TrimSpace(d.Name + " " + d.Post))})
		}
	}
	r.Context.JSON(http.StatusOK, map[string]any{"hits": hits})
	return nil
}

// address adds an addressee, changes her role, or takes her out.
func (a *area) address(r *page.Request) error {
	id, role := r.Param("id"), r.Field("role")
	actor, collective := iri.IRI(r.Field("actor")), r.Field("collective")
	remove := r.Field("do") == "remove"
	f := form{Of: "address", Query: r.Field("query"), Role: role}
	var err error
	switch {
	case collective != "" && remove:
		err = a.Drafting.RemoveCollective(r.Ctx(), r.Person(), id, collective)
	case collective != "":
		err = a.Drafting.AddCollective(r.Ctx(), r.Person(), id, collective, role)
	case actor != "" && remove:
		err = a.Drafting.RemoveAddressee(r.Ctx(), r.Person(), id, actor)
	case actor != "":
		err = a.Drafting.AddAddressee(r.Ctx(), r.Person(), id, actor, role)
	default:
		found, added, aerr := a.Drafting.Address(r.Ctx(), r.Person(), id, f.Query, role)
		if err = aerr; err == nil && !added {
			f.Found, f.Searched = found, true
			f.Why = r.N("drafting.address.several", len(found))
			if len(found) == 0 {
				f.Why = r.T("drafting.address.none")
			}
			return a.show(r, http.StatusUnprocessableEntity, f)
		}
	}
	if err != nil {
		return a.refused(r, err, f)
	}
	return done(r, map[string]bool{"done": true}, "addressees")
}

// refer cites a dispatch or takes a reference out.
func (a *area) refer(r *page.Request) error {
	id := r.Param("id")
	f := form{Of: "refer", Query: strings.TrimSpace(r.Field("query"))}
	var err error
	switch target := r.Field("target"); {
	case r.Field("do") == "remove":
		err = a.Drafting.RemoveReference(r.Ctx(), r.Person(), id, iri.IRI(target))
	case target != "":
		err = a.Drafting.AddReference(r.Ctx(), r.Person(), id, target, r.Field("answers") != "")
	default:
		found, ferr := a.Drafting.FindReference(r.Ctx(), r.Person(), f.Query)
		if ferr != nil {
			return ferr
		}
		if len(found) == 1 || len(found) > 1 && found[0].Reference == strings.ToUpper(f.Query) {
			err = a.Drafting.AddReference(r.Ctx(), r.Person(), id, string(found[0].IRI), r.Field("answers") != "")
			break
		}
		f.Cited, f.Searched = found, true
		f.Why = r.N("drafting.refer.several", len(found))
		if len(found) == 0 {
			f.Why = r.T("drafting.refer.none")
		}
		return a.show(r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return a.refused(r, err, f)
	}
	return done(r, map[string]bool{"done": true}, "references")
}

type addressesView struct {
	Offices []drafting.Office
	Lists   []*models.Collective
	Names   map[iri.IRI]string
	Edit    *models.Collective
	Office  string
	Name    string
	Members string
	Why     string
}

// addresses shows the collective addresses of her offices.
func (a *area) addresses(r *page.Request) error {
	return a.showAddresses(r, addressesView{})
}

func (a *area) showAddresses(r *page.Request, v addressesView) error {
	var err error
	if v.Lists, v.Offices, err = a.Drafting.Collectives(r.Ctx(), r.Person()); err != nil {
		return err
	}
	var all []iri.IRI
	for _, c := range v.Lists {
		all = append(all, c.Members...)
		if c.ID == r.Field("edit") && v.Why == "" {
			v.Edit, v.Office, v.Name = c, string(c.Office), c.Name
			for _, m := range c.Members {
				v.Members += string(m) + "\n"
			}
		}
	}
	if v.Names, err = a.Drafting.Names(r.Ctx(), all); err != nil {
		return err
	}
	return r.Render(page.Page{Name: "drafting/addresses", Title: r.T("drafting.addresses.title"), Nav: "drafts", At: "/drafts", Data: v})
}

// define makes, changes or ends a collective address.
func (a *area) define(r *page.Request) error {
	office, id := iri.IRI(r.Field("office")), r.Field("id")
	var err error
	if r.Field("do") == "end" {
		err = a.Drafting.DropCollective(r.Ctx(), r.Person(), office, id)
	} else {
		var members []iri.IRI
		if members, err = a.Drafting.ResolveAll(r.Ctx(), r.Person(), office, r.Field("members")); err == nil {
			_, err = a.Drafting.DefineCollective(r.Ctx(), r.Person(), office, id, r.Field("name"), members)
		}
	}
	if why, mine := r.Refusal(err); mine {
		v := addressesView{Office: string(office), Name: r.Field("name"), Members: r.Field("members"), Why: why}
		if id != "" {
			v.Edit = &models.Collective{ID: id, Office: office}
		}
		r.Status(http.StatusUnprocessableEntity)
		return a.showAddresses(r, v)
	}
	if err != nil {
		return err
	}
	r.Say("drafting.done.saved")
	return r.See("/drafts/addresses")
}
