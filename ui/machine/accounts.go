package machine

import (
	"time"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
)

// accounts serves offices, persons and mandates.
func (a *api) accounts(r *gin.Engine) {
	r.POST("/offices", a.do(func(c *gin.Context) (any, error) {
		in, err := read[NewOffice](c)
		if err != nil {
			return nil, err
		}
		o, err := a.Accounts.AddOffice(c.Request.Context(), operator, in.Username, in.Code, in.Title, in.Post)
		if err != nil {
			return nil, err
		}
		return office(directory.OfficeEntry{Office: *o, Username: in.Username}), nil
	}))
	r.GET("/offices", a.do(func(c *gin.Context) (any, error) {
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := a.Directory.Offices(c.Request.Context(), c.Query("after"), limit)
		return list(rows, limit, office, func(o directory.OfficeEntry) string { return o.Code }), err
	}))
	r.GET("/offices/:office/rules", a.do(func(c *gin.Context) (any, error) {
		id, err := a.Directory.Office(c.Request.Context(), c.Param("office"))
		if err != nil {
			return nil, err
		}
		have, err := a.Directory.OfficeRules(c.Request.Context(), id)
		return rules(have), err
	}))
	r.PUT("/offices/:office/rules", a.do(a.setRules))
	r.POST("/persons", a.do(func(c *gin.Context) (any, error) {
		in, err := read[NewPerson](c)
		if err != nil {
			return nil, err
		}
		p, err := a.Accounts.AddPerson(c.Request.Context(), operator, in.Username, in.Name)
		if err != nil {
			return nil, err
		}
		return person(p), nil
	}))
	r.GET("/persons", a.do(func(c *gin.Context) (any, error) {
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := a.Directory.Persons(c.Request.Context(), c.Query("after"), limit)
		if err != nil {
			return nil, err
		}
		ids := make([]iri.IRI, len(rows))
		for i, p := range rows {
			ids[i] = p.IRI
		}
		blocked, err := a.Access.Blocked(c.Request.Context(), ids)
		return list(rows, limit, func(p *models.Actor) Person {
			out := person(p)
			out.Blocked = blocked[p.IRI] != nil
			return out
		}, func(p *models.Actor) string { return p.Username }), err
	}))
	r.POST("/mandates", a.do(a.mandate(func(c *gin.Context, office, person iri.IRI, in MandateChange) error {
		ends := time.Time{}
		if in.Ends != nil {
			ends = *in.Ends
		}
		return a.Accounts.Grant(c.Request.Context(), operator, office, person, in.Acts, ends)
	})))
	r.POST("/mandates/revoke", a.do(a.mandate(func(c *gin.Context, office, person iri.IRI, in MandateChange) error {
		if in.Ends != nil || len(in.Acts) == 0 {
			return accounts.Invalid("a revocation names the rights that it ends, and no term")
		}
		return a.Accounts.Revoke(c.Request.Context(), operator, office, person, in.Acts)
	})))
	r.GET("/mandates", a.do(a.mandates))
}

func (a *api) setRules(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	in, err := read[Rules](c)
	if err != nil {
		return nil, err
	}
	id, err := a.Directory.Office(ctx, c.Param("office"))
	if err != nil {
		return nil, err
	}
	want := models.Rules{MinClearances: in.MinClearances, NobodyAlone: in.NobodyAlone}
	for _, name := range in.Clearers {
		who, err := a.Directory.Person(ctx, name)
		if err != nil {
			return nil, err
		}
		want.Clearers = append(want.Clearers, who)
	}
	return rules(want), a.Accounts.SetRules(ctx, operator, id, want)
}

func (a *api) mandate(act func(*gin.Context, iri.IRI, iri.IRI, MandateChange) error) func(*gin.Context) (any, error) {
	return func(c *gin.Context) (any, error) {
		in, err := read[MandateChange](c)
		if err != nil {
			return nil, err
		}
		office, err := a.Directory.Office(c.Request.Context(), in.Office)
		if err != nil {
			return nil, err
		}
		person, err := a.Directory.Person(c.Request.Context(), in.Person)
		if err != nil {
			return nil, err
		}
		return Done{true}, act(c, office, person, in)
	}
}

func (a *api) mandates(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	var office, person iri.IRI
	var err error
	if name := c.Query("office"); name != "" {
		if office, err = a.Directory.Office(ctx, name); err != nil {
			return nil, err
		}
	}
	if name := c.Query("person"); name != "" {
		if person, err = a.Directory.Person(ctx, name); err != nil {
			return nil, err
		}
	}
	rows, err := a.Directory.Mandates(ctx, office, person)
	return whole(rows, func(m *models.Mandate) Mandate {
		return Mandate{m.Office, m.Person, m.Act, m.GrantedAt, m.GrantedBy, m.EndsAt}
	}), err
}

func office(o directory.OfficeEntry) Office {
	return Office{ID: o.IRI, Username: o.Username, Code: o.Code, Title: o.Title, Post: o.Post, Rules: rules(o.Rules), CreatedAt: o.CreatedAt}
}

func rules(r models.Rules) Rules {
	out := Rules{MinClearances: r.MinClearances, NobodyAlone: r.NobodyAlone}
	for _, who := range r.Clearers {
		out.Clearers = append(out.Clearers, string(who))
	}
	return out
}

func person(p *models.Actor) Person {
	return Person{ID: p.IRI, Username: p.Username, Name: p.Name, CreatedAt: p.CreatedAt}
}
