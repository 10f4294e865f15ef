package main

import (
	"net/url"

	"valise/ui/machine"
)

// PersonPassword prints a one-time link: a password in a command line would stay in the
// shell's history.
type PersonPassword struct {
	Person           string `arg:""`
	LostSecondFactor bool   `help:"Her second factors, passkeys and recovery codes end when she uses the link: for somebody who has lost them."`
}

func (c *PersonPassword) Run(a *app) error {
	var l machine.Link
	if err := a.ask("POST", "/persons/"+url.PathEscape(c.Person)+"/link", machine.LinkRequest{LostSecondFactor: c.LostSecondFactor}, &l); err != nil {
		return err
	}
	return a.show(l, func(p *printer) {
		p.linef("Give this link to %s, and to nobody else. It works once, within 24 hours, and ends the ones before:", c.Person)
		p.block("  ", l.URL)
	})
}

// PersonOperator names an operator or ends the role.
type PersonOperator struct {
	Person string `arg:""`
	Revoke bool   `help:"End the role."`
}

func (c *PersonOperator) Run(a *app) error {
	if err := a.ask("POST", "/persons/"+url.PathEscape(c.Person)+"/operator", machine.OperatorChange{Revoke: c.Revoke}, nil); err != nil {
		return err
	}
	if c.Revoke {
		return a.done("%s may no longer administer this instance.", c.Person)
	}
	return a.done("%s may now administer this instance.", c.Person)
}

// PersonBlock blocks a person.
type PersonBlock struct {
	Person string `arg:""`
	Reason string `required:"" help:"Why; it is kept in the audit trail."`
}

func (c *PersonBlock) Run(a *app) error {
	if err := a.ask("POST", "/persons/"+url.PathEscape(c.Person)+"/block", machine.BlockChange{Reason: c.Reason}, nil); err != nil {
		return err
	}
	return a.done("%s is blocked: her sessions are ended, she is let in by no way, and nobody acts in her name.", c.Person)
}

// PersonUnblock lifts a block.
type PersonUnblock struct {
	Person string `arg:""`
}

func (c *PersonUnblock) Run(a *app) error {
	if err := a.ask("POST", "/persons/"+url.PathEscape(c.Person)+"/block", machine.BlockChange{Lift: true}, nil); err != nil {
		return err
	}
	return a.done("%s may sign in again.", c.Person)
}
