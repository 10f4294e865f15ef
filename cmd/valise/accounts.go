package main

import (
	"fmt"
	"net/url"
	"strings"

	"valise/cmd/internal/dispatchfile"
	"valise/ui/machine"
)

var parseMoment = dispatchfile.Moment

// InstanceCommands are about the instance itself.
type InstanceCommands struct {
	Init InstanceInit `cmd:"" help:"Fix the host name of a fresh data folder, for good."`
}

// InstanceInit fixes the host name.
type InstanceInit struct {
	Host string `required:"" help:"Name under which other instances will know this one."`
}

func (c *InstanceInit) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if cfg.Host != "" && cfg.Host != c.Host {
		return usageError(fmt.Sprintf("the configuration names %s, not %s: change one of them", cfg.Host, c.Host))
	}
	cfg.Host = c.Host
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := a.open(cfg); err != nil {
		return err
	}
	var f machine.Fingerprint
	if err := a.get("/fingerprint", nil, &f); err != nil {
		return err
	}
	return a.show(f, func(p *printer) {
		p.linef("This instance is %s, for good. Its data are in %s.", f.Host, cfg.DataDir)
		p.linef("Copy the seal key %s to another safe place: no backup contains it.", cfg.SealKeyPath())
		p.linef("Fingerprint of its key, to be read out to other operators:")
		p.block("  ", f.Fingerprint)
	})
}

// OfficeCommands are about offices.
type OfficeCommands struct {
	Add   OfficeAdd   `cmd:"" help:"Open an office."`
	List  OfficeList  `cmd:"" help:"List offices by code."`
	Rules OfficeRules `cmd:"" help:"Show or set who must clear what."`
}

// OfficeAdd opens an office.
type OfficeAdd struct {
	Username string `arg:"" help:"User name: a-z, 0-9, - and _."`
	Code     string `required:"" help:"Begins its reference numbers, such as PARIS."`
	Title    string `required:"" help:"Full name."`
	Post     string `help:"City of the post; none for a directorate."`
}

func (c *OfficeAdd) Run(a *app) error {
	var o machine.Office
	if err := a.ask("POST", "/offices", machine.NewOffice{Username: c.Username, Code: c.Code, Title: c.Title, Post: c.Post}, &o); err != nil {
		return err
	}
	return a.show(o, func(p *printer) { p.linef("Opened %s (%s): %s", o.Code, o.Title, o.ID) })
}

// OfficeList lists offices.
type OfficeList struct{ page }

func (c *OfficeList) Run(a *app) error {
	var l machine.List[machine.Office]
	if err := a.get("/offices", query{"after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"CODE", "USER NAME", "TITLE", "POST", "ID"}, func(o machine.Office) []string {
		return []string{o.Code, o.Username, o.Title, o.Post, string(o.ID)}
	})
}

// OfficeRules shows or sets clearance rules.
type OfficeRules struct {
	Office      string   `arg:""`
	Clearer     []string `help:"Must clear each dispatch; may be repeated." placeholder:"PERSON"`
	Min         int      `help:"How many clearances are needed." placeholder:"N"`
	NobodyAlone bool     `help:"Nobody alone drafts, clears and releases."`
	None        bool     `help:"Ask for nothing."`
}

func (c *OfficeRules) Run(a *app) error {
	path := "/offices/" + url.PathEscape(c.Office) + "/rules"
	var r machine.Rules
	set := len(c.Clearer) > 0 || c.Min != 0 || c.NobodyAlone
	if set && c.None {
		return usageError("office rules: --none goes with no other rule")
	}
	var err error
	if set || c.None {
		err = a.ask("PUT", path, machine.Rules{Clearers: c.Clearer, MinClearances: c.Min, NobodyAlone: c.NobodyAlone}, &r)
	} else {
		err = a.get(path, nil, &r)
	}
	if err != nil {
		return err
	}
	return a.show(r, func(p *printer) {
		clearers := strings.Join(r.Clearers, ", ")
		if clearers == "" {
			clearers = "nobody in particular"
		}
		p.fields("Must clear", clearers, "Clearances", fmt.Sprint(r.MinClearances), "Nobody alone", yes(r.NobodyAlone))
	})
}

// PersonCommands are about persons.
type PersonCommands struct {
	Add      PersonAdd      `cmd:"" help:"Add a person."`
	List     PersonList     `cmd:"" help:"List persons by user name."`
	Password PersonPassword `cmd:"" help:"Print a one-time link with which a person sets her password and signs in."`
	Operator PersonOperator `cmd:"" help:"Let a person administer the instance in the portal, or end that."`
	Block    PersonBlock    `cmd:"" help:"End a person's sessions and let her in by no way; her mandates rest."`
	Unblock  PersonUnblock  `cmd:"" help:"Let a person in again."`
}

// PersonAdd adds a person.
type PersonAdd struct {
	Username string `arg:"" help:"User name: a-z, 0-9, - and _."`
	Name     string `required:"" help:"Display name."`
}

func (c *PersonAdd) Run(a *app) error {
	var o machine.Person
	if err := a.ask("POST", "/persons", machine.NewPerson{Username: c.Username, Name: c.Name}, &o); err != nil {
		return err
	}
	return a.show(o, func(p *printer) { p.linef("Added %s: %s", o.Name, o.ID) })
}

// PersonList lists persons.
type PersonList struct{ page }

func (c *PersonList) Run(a *app) error {
	var l machine.List[machine.Person]
	if err := a.get("/persons", query{"after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"USER NAME", "NAME", "ID", "STATE"}, func(o machine.Person) []string {
		state := ""
		if o.Blocked {
			state = "blocked"
		}
		return []string{o.Username, o.Name, string(o.ID), state}
	})
}

// MandateCommands are about rights.
type MandateCommands struct {
	Grant  MandateGrant  `cmd:"" help:"Give a person rights for an office."`
	Revoke MandateRevoke `cmd:"" help:"End rights."`
	List   MandateList   `cmd:"" help:"List the rights in force."`
}

// MandateGrant gives rights.
type MandateGrant struct {
	Office string   `arg:""`
	Person string   `arg:""`
	Acts   []string `arg:"" name:"right" help:"read, draft, clear, release."`
	Ends   moment   `help:"End of the term; without it there is none." placeholder:"DATE"`
}

func (c *MandateGrant) Run(a *app) error {
	if err := a.ask("POST", "/mandates", machine.MandateChange{Office: c.Office, Person: c.Person, Acts: c.Acts, Ends: c.Ends.set()}, nil); err != nil {
		return err
	}
	return a.done("%s may now %s for %s.", c.Person, strings.Join(c.Acts, ", "), c.Office)
}

// MandateRevoke ends rights.
type MandateRevoke struct {
	Office string   `arg:""`
	Person string   `arg:""`
	Acts   []string `arg:"" name:"right" help:"read, draft, clear, release."`
}

func (c *MandateRevoke) Run(a *app) error {
	if err := a.ask("POST", "/mandates/revoke", machine.MandateChange{Office: c.Office, Person: c.Person, Acts: c.Acts}, nil); err != nil {
		return err
	}
	return a.done("%s may no longer %s for %s.", c.Person, strings.Join(c.Acts, ", "), c.Office)
}

// MandateList lists rights.
type MandateList struct {
	Office string `help:"Only of this office."`
	Person string `help:"Only of this person."`
}

func (c *MandateList) Run(a *app) error {
	var l machine.List[machine.Mandate]
	if err := a.get("/mandates", query{"office", c.Office, "person", c.Person}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"OFFICE", "PERSON", "RIGHT", "SINCE", "UNTIL", "BY"}, func(m machine.Mandate) []string {
		return []string{string(m.Office), string(m.Person), m.Act, zulu(m.GrantedAt), zulu(m.EndsAt), m.GrantedBy}
	})
}
