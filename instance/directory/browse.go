package directory

import (
	"context"
	"fmt"

	"valise/federation/policy"
	"valise/models"
	"valise/models/iri"
)

var errNoInstance = &policy.Refusal{Code: "not-found", Status: 404, Detail: "there is no instance of that name that you may see"}

// Own is one page of our offices. Next is where it goes on, "" after the last one.
type Own struct {
	Offices []Address
	Next    iri.IRI
	// Drafts says that the person drafts for an office, and can write to these.
	Drafts bool
}

func officeAddress(o models.OfficeHit) Address {
	return Address{Kind: KindOffice, ID: string(o.IRI), Name: o.Name, Code: o.Code, Post: o.Post, Handle: iri.Handle{Name: o.Username, Host: o.Host}.String(), Own: o.Own}
}

// Ours lists our offices by id, after an id.
func (d *Directory) Ours(ctx context.Context, person, after iri.IRI, limit int) (*Own, error) {
	limit = page(limit)
	rows, err := models.OfficePage(ctx, d.Store.R, after, limit+1)
	if err != nil {
		return nil, fmt.Errorf("list our offices: %w", err)
	}
	out := &Own{}
	if len(rows) > limit {
		rows = rows[:limit]
		out.Next = rows[limit-1].IRI
	}
	for _, o := range rows {
		out.Offices = append(out.Offices, officeAddress(o))
	}
	out.Drafts, err = models.MayDraft(ctx, d.Store.R, person, models.At(d.Now()))
	return out, err
}

// Accredited lists the instances whose offices everybody here may know, by host, after a
// host. next is "" after the last one.
func (d *Directory) Accredited(ctx context.Context, after iri.Host, limit int) (rows []models.DirectoryPeer, next iri.Host, err error) {
	limit = page(limit)
	if rows, err = models.DirectoryPeers(ctx, d.Store.R, after, limit+1); err != nil {
		return nil, "", fmt.Errorf("list accredited instances: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Host
	}
	return rows, next, nil
}

// Theirs is one page of the offices of an accredited instance.
type Theirs struct {
	Peer models.DirectoryPeer
	Own
}

// OfficesAt lists the known offices of an accredited instance by id, after an id. One that
// is not accredited is not found.
func (d *Directory) OfficesAt(ctx context.Context, person iri.IRI, hostname string, after iri.IRI, limit int) (*Theirs, error) {
	host, err := d.Rules.ParseHost(hostname)
	if err != nil {
		return nil, errNoInstance
	}
	p, err := models.DirectoryPeerOf(ctx, d.Store.R, host)
	if models.NotFound(err) {
		return nil, errNoInstance
	}
	if err != nil {
		return nil, fmt.Errorf("look up the instance %s: %w", host, err)
	}
	limit = page(limit)
	rows, err := models.PeerOffices(ctx, d.Store.R, host, after, limit+1)
	if err != nil {
		return nil, fmt.Errorf("list the offices of %s: %w", host, err)
	}
	out := &Theirs{Peer: *p}
	if len(rows) > limit {
		rows = rows[:limit]
		out.Next = rows[limit-1].IRI
	}
	for _, o := range rows {
		out.Offices = append(out.Offices, officeAddress(models.OfficeHit{IRI: o.IRI, Host: o.Host, Username: o.Username, Name: o.Name, Code: o.Code, Post: o.Post}))
	}
	out.Drafts, err = models.MayDraft(ctx, d.Store.R, person, models.At(d.Now()))
	return out, err
}

// Colleague is a person of ours with what she does for which office.
type Colleague struct {
	Name     string
	Username string
	Handle   string
	Offices  []Work
}

// Work is what a person does for an office.
type Work struct {
	Title, Code string
	Acts        []string // models.Act…
}

// Colleagues lists our persons who are not blocked by user name, after a user name; next is "" after the last.
func (d *Directory) Colleagues(ctx context.Context, after string, limit int) (out []Colleague, next string, err error) {
	limit = page(limit)
	rows, err := models.OpenPersons(ctx, d.Store.R, after, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list our persons: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Username
	}
	ids := make([]iri.IRI, len(rows))
	at := map[iri.IRI]int{}
	for i, a := range rows {
		ids[i], at[a.IRI] = a.IRI, i
		out = append(out, Colleague{Name: a.Name, Username: a.Username, Handle: iri.Handle{Name: a.Username, Host: a.Host}.String()})
	}
	if len(ids) == 0 {
		return out, next, nil
	}
	mandates, err := models.MandatesOf(ctx, d.Store.R, ids, models.At(d.Now()))
	if err != nil {
		return nil, "", fmt.Errorf("list the mandates of our persons: %w", err)
	}
	var last models.PersonMandate
	for _, m := range mandates {
		c := &out[at[m.Person]]
		if m.Person != last.Person || m.Office != last.Office {
			c.Offices = append(c.Offices, Work{Title: m.Title, Code: m.Code})
		}
		w := &c.Offices[len(c.Offices)-1]
		w.Acts = append(w.Acts, m.Act)
		last = m
	}
	return out, next, nil
}

// Expanded is a collective address of an office that a person drafts for, with whom it
// stands for.
type Expanded struct {
	ID      string
	Office  iri.IRI
	Title   string // of the office
	Name    string
	Members []Named
}

// Named is an actor with its name, "" where it is not known.
type Named struct {
	IRI  iri.IRI
	Name string
}

// Collectives lists the collective addresses of the offices that a person drafts for.
func (d *Directory) Collectives(ctx context.Context, person iri.IRI) ([]Expanded, error) {
	mandates, err := models.MandatesOf(ctx, d.Store.R, []iri.IRI{person}, models.At(d.Now()))
	if err != nil {
		return nil, fmt.Errorf("list collective addresses: %w", err)
	}
	titles := map[iri.IRI]string{}
	var offices []iri.IRI
	for _, m := range mandates {
		if m.Act == models.ActDraft {
			offices, titles[m.Office] = append(offices, m.Office), m.Title
		}
	}
	rows, err := models.Collectives(ctx, d.Store.R, offices)
	if err != nil {
		return nil, fmt.Errorf("list collective addresses: %w", err)
	}
	var ids []iri.IRI
	for _, c := range rows {
		ids = append(ids, c.Members...)
	}
	names, err := models.NamesOf(ctx, d.Store.R, ids)
	if err != nil {
		return nil, fmt.Errorf("name the members of collective addresses: %w", err)
	}
	var out []Expanded
	for _, c := range rows {
		e := Expanded{ID: c.ID, Office: c.Office, Title: titles[c.Office], Name: c.Name}
		for _, m := range c.Members {
			e.Members = append(e.Members, Named{m, names[m]})
		}
		out = append(out, e)
	}
	return out, nil
}
