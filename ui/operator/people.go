package operator

import (
	"net/http"
	"net/url"
	"strings"

	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

func (a *area) mountPeople(r *page.Routes) {
	r.Operator("GET", "/operator/offices", func(r *page.Request) error { return a.offices(r, "", "") })
	r.Operator("POST", "/operator/offices", a.addOffice)
	r.Operator("GET", "/operator/offices/:office", func(r *page.Request) error { return a.office(r, "", "") })
	r.Operator("POST", "/operator/offices/:office/rules", a.setRules)
	r.Operator("POST", "/operator/offices/:office/grant", a.grant)
	r.Operator("POST", "/operator/offices/:office/revoke", a.revoke)
	r.Operator("GET", "/operator/people", func(r *page.Request) error { return a.people(r, "", "", "") })
	r.Operator("POST", "/operator/people", a.addPerson)
	r.Operator("POST", "/operator/people/:person/link", a.link)
	r.Operator("GET", "/operator/people/:person/block", func(r *page.Request) error { return a.askBlock(r, "") })
	r.Operator("POST", "/operator/people/:person/block", a.block)
	r.Operator("POST", "/operator/people/:person/unblock", a.unblock)
}

func (a *area) offices(r *page.Request, at, why string) error {
	list, err := a.Directory.Offices(r.Ctx(), r.Field("after"), rows)
	if err != nil {
		return err
	}
	v := struct {
		Offices                     []directory.OfficeEntry
		Next                        string
		At, Why                     string // the field that is wrong, "" for none alone
		Username, Code, Name, Post_ string
	}{Offices: list, At: at, Why: why, Username: r.Field("username"), Code: r.Field("code"), Name: r.Field("title"), Post_: r.Field("post")}
	if len(list) == rows {
		v.Next = "/operator/offices?after=" + list[rows-1].Code
	}
	return r.Render(a.frame(r, page.Page{Name: "offices", Title: r.T("operator.offices.title"), At: "/operator/offices", Data: v}))
}

func (a *area) addOffice(r *page.Request) error {
	o, err := a.Accounts.AddOffice(r.Ctx(), a.by(r), r.Field("username"), r.Field("code"), r.Field("title"), r.Field("post"))
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.offices(r, r.Wrong(err), why)
	}
	if err != nil {
		return err
	}
	r.Say("operator.offices.did", "Name", o.Title)
	return r.See("/operator/offices/" + strings.ToLower(strings.TrimSpace(r.Field("username"))))
}

type officeView struct {
	Office     directory.OfficeEntry
	Holders    []holder
	Acts       []string
	Why, Act   string
	Person     string
	Ends       string
	Chosen     map[string]bool
	Candidates []*models.Actor
}

// holder is a person with her rights in one office.
type holder struct {
	Person  iri.IRI
	Name    string
	Clears  bool // must clear every dispatch
	Blocked bool
	Rights  []models.Mandate
}

var acts = []string{models.ActDraft, models.ActClear, models.ActRelease, models.ActRead}

func (a *area) office(r *page.Request, act, why string) error {
	id, err := a.Directory.Office(r.Ctx(), r.Param("office"))
	if _, mine := r.Refusal(err); mine {
		return page.NotFound
	}
	if err != nil {
		return err
	}
	o, err := a.Directory.OfficeOf(r.Ctx(), id)
	if err != nil {
		return err
	}
	v := &officeView{Office: o, Acts: acts, Why: why, Act: act, Person: r.Field("person"), Ends: r.Field("ends"), Chosen: map[string]bool{}}
	for _, x := range r.Fields("acts") {
		v.Chosen[x] = true
	}
	mandates, err := a.Directory.Mandates(r.Ctx(), id, "")
	if err != nil {
		return err
	}
	names, err := a.Directory.Names(r.Ctx(), persons(mandates))
	if err != nil {
		return err
	}
	blocked, err := a.Access.Blocked(r.Ctx(), persons(mandates))
	if err != nil {
		return err
	}
	index := map[iri.IRI]int{}
	for _, m := range mandates {
		i, ok := index[m.Person]
		if !ok {
			i = len(v.Holders)
			index[m.Person] = i
			v.Holders = append(v.Holders, holder{Person: m.Person, Name: names[m.Person], Blocked: blocked[m.Person] != nil})
			for _, c := range o.Rules.Clearers {
				if c == m.Person {
					v.Holders[i].Clears = true
				}
			}
		}
		v.Holders[i].Rights = append(v.Holders[i].Rights, *m)
	}
	if v.Candidates, err = a.Directory.Open(r.Ctx(), "", directory.Most); err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "office", Title: o.Title, At: "/operator/offices", Data: v}))
}

func persons(ms []*models.Mandate) []iri.IRI {
	out := make([]iri.IRI, len(ms))
	for i, m := range ms {
		out[i] = m.Person
	}
	return out
}

// change does one act about an office and shows the office again.
func (a *area) change(r *page.Request, act string, do func(office iri.IRI) error) error {
	id, err := a.Directory.Office(r.Ctx(), r.Param("office"))
	if _, mine := r.Refusal(err); mine {
		return page.NotFound
	}
	if err == nil {
		err = do(id)
	}
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.office(r, act, why)
	}
	if err != nil {
		return err
	}
	r.Say("operator.office.did." + act)
	return r.See("/operator/offices/" + r.Param("office"))
}

func (a *area) setRules(r *page.Request) error {
	return a.change(r, "rules", func(office iri.IRI) error {
		rules := models.Rules{MinClearances: int(r.Int("min", 0)), NobodyAlone: r.Field("alone") != ""}
		for _, c := range r.Fields("clearers") {
			rules.Clearers = append(rules.Clearers, iri.IRI(c))
		}
		return a.Accounts.SetRules(r.Ctx(), a.by(r), office, rules)
	})
}

func (a *area) grant(r *page.Request) error {
	return a.change(r, "grant", func(office iri.IRI) error {
		person, err := a.Directory.Person(r.Ctx(), r.Field("person"))
		if err != nil {
			return err
		}
		ends, why := r.Day("ends")
		if why != "" {
			return page.Invalid("%s", why)
		}
		if !ends.IsZero() {
			ends = ends.AddDate(0, 0, 1) // the day named is the last one
		}
		return a.Accounts.Grant(r.Ctx(), a.by(r), office, person, r.Fields("acts"), ends)
	})
}

func (a *area) revoke(r *page.Request) error {
	return a.change(r, "revoke", func(office iri.IRI) error {
		return a.Accounts.Revoke(r.Ctx(), a.by(r), office, iri.IRI(r.Field("person")), r.Fields("acts"))
	})
}

// troublesMost bounds the mails that failed on one page.
const troublesMost = 20

func (a *area) people(r *page.Request, at, why, link string) error {
	list, err := a.Directory.Persons(r.Ctx(), r.Field("after"), rows)
	if err != nil {
		return err
	}
	ids := make([]iri.IRI, len(list))
	for i, p := range list {
		ids[i] = p.IRI
	}
	blocked, err := a.Access.Blocked(r.Ctx(), ids)
	if err != nil {
		return err
	}
	troubles, err := a.Troubles(r.Ctx(), iri.IRI(r.Field("mail")), troublesMost)
	if err != nil {
		return err
	}
	ids = ids[:0]
	for _, t := range troubles {
		ids = append(ids, t.Person)
	}
	names, err := a.Directory.Names(r.Ctx(), ids)
	if err != nil {
		return err
	}
	v := struct {
		People         []*models.Actor
		Blocked        map[iri.IRI]*models.BlockedPerson
		Troubles       []*models.MailTrouble
		Names          map[iri.IRI]string
		More           string // the next persons whom mails do not reach
		Next           string
		At, Why        string // the field that is wrong, "" for none alone
		Username, Name string
		Link, For      string
	}{People: list, Blocked: blocked, Troubles: troubles, Names: names, At: at, Why: why, Username: r.Field("username"), Name: r.Field("name"), Link: link, For: r.Param("person")}
	if len(list) == rows {
		v.Next = "/operator/people?after=" + list[rows-1].Username
	}
	if len(troubles) == troublesMost {
		v.More = "/operator/people?mail=" + url.QueryEscape(string(troubles[troublesMost-1].Person)) + "#mail"
	}
	return r.Render(a.frame(r, page.Page{Name: "people", Title: r.T("operator.people.title"), At: "/operator/people", Data: v}))
}

func (a *area) addPerson(r *page.Request) error {
	p, err := a.Accounts.AddPerson(r.Ctx(), a.by(r), r.Field("username"), r.Field("name"))
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.people(r, r.Wrong(err), why, "")
	}
	if err != nil {
		return err
	}
	r.Say("operator.people.did", "Name", p.Name)
	return r.See("/operator/people")
}

// link shows a one-time link once; it is kept nowhere.
func (a *area) link(r *page.Request) error {
	id, err := a.Directory.Person(r.Ctx(), r.Param("person"))
	if _, mine := r.Refusal(err); mine {
		return page.NotFound
	}
	if err != nil {
		return err
	}
	link, err := a.Link(r.Ctx(), a.by(r), id)
	if err != nil {
		return err
	}
	return a.people(r, "", "", link)
}
