package main

import (
	"errors"
	"fmt"

	"valise/ui/machine"
)

// KeyCommands are about keys.
type KeyCommands struct {
	List   KeyList   `cmd:"" help:"List the keys of one of our actors."`
	Rotate KeyRotate `cmd:"" help:"Replace a key of one of our actors, and tell the peers that know it."`
}

// KeyList lists.
type KeyList struct {
	Actor string `arg:"" optional:"" help:"Without it, the instance itself."`
}

func (c *KeyList) Run(a *app) error {
	var l machine.List[machine.Key]
	if err := a.get("/keys", query{"actor", c.Actor}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"TYPE", "STATE", "FROM", "UNTIL", "REASON", "ID", "FINGERPRINT"}, func(k machine.Key) []string {
		return []string{k.Type, k.State, zulu(k.CreatedAt), zulu(k.RevokedAt), k.Reason, string(k.ID), k.Fingerprint}
	})
}

// KeyRotate rotates.
type KeyRotate struct {
	Actor  string `arg:"" optional:"" help:"Without it, the instance itself."`
	Reason string `required:"" help:"Why."`
	RSA    bool   `help:"The RSA key, with which requests to other software are signed, and not the Ed25519 key." name:"rsa" xor:"key"`
	Since  moment `help:"The key is compromised since then: it vouches for nothing that was recorded later." placeholder:"TIME" name:"compromised-since" xor:"key"`
}

func (c *KeyRotate) Run(a *app) error {
	if err := a.ask("POST", "/keys/rotate", machine.Rotation{Actor: c.Actor, Reason: c.Reason, RSA: c.RSA, Compromised: !c.Since.IsZero(), Since: c.Since.set()}, nil); err != nil {
		return err
	}
	who := c.Actor
	if who == "" {
		who = "the instance"
	}
	if c.RSA {
		return a.done("The RSA key of %s is replaced; the hosts of other software that know it are told. Until one has answered, the old key signs towards it.", who)
	}
	return a.done("The key of %s is replaced; every peer is told.", who)
}

// QueueCommands are about deliveries and arrivals.
type QueueCommands struct {
	Show         QueueShow         `cmd:"" help:"List deliveries."`
	Held         QueueHeld         `cmd:"" help:"List the hosts that do not believe our signatures (401, 403): what is for them waits."`
	Retry        QueueRetry        `cmd:"" help:"Give a delivery a try now."`
	Aside        QueueAside        `cmd:"" help:"List arrivals that were set aside."`
	ShowArrival  QueueShowArrival  `cmd:"" help:"Show one arrival whole."`
	RetryArrival QueueRetryArrival `cmd:"" help:"Give an arrival that was set aside another try."`
}

// QueueShow lists deliveries.
type QueueShow struct {
	page
	State string `help:"pending, handed-over, failed, cancelled; without it, all."`
}

func (c *QueueShow) Run(a *app) error {
	var l machine.List[machine.Delivery]
	if err := a.get("/queue", query{"state", c.State, "after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"NO", "STATE", "HOST", "TYPE", "TRIES", "NEXT", "STATUS", "REASON", "OBJECT"}, func(d machine.Delivery) []string {
		status := ""
		if d.Status != 0 {
			status = fmt.Sprint(d.Status)
		}
		return []string{fmt.Sprint(d.ID), d.State, string(d.Host), d.Type, fmt.Sprint(d.Attempts), zulu(d.NextAt), status, d.Reason, string(d.Object)}
	})
}

// QueueHeld lists hosts.
type QueueHeld struct{ page }

func (c *QueueHeld) Run(a *app) error {
	var l machine.List[machine.HeldHost]
	if err := a.get("/queue/held", query{"after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"HOST", "SINCE", "LAST ANSWER", "REASON"}, func(h machine.HeldHost) []string {
		return []string{string(h.Host), zulu(h.Since), zulu(h.LastAnswerAt), h.Reason}
	})
}

// QueueRetry retries a delivery.
type QueueRetry struct {
	Number int64 `arg:""`
}

func (c *QueueRetry) Run(a *app) error {
	if err := a.ask("POST", fmt.Sprintf("/queue/%d/retry", c.Number), nil, nil); err != nil {
		return err
	}
	return a.done("Delivery %d is due now.", c.Number)
}

// QueueAside lists arrivals.
type QueueAside struct {
	page
	State string `help:"set-aside, pending or applied." default:"set-aside"`
}

func (c *QueueAside) Run(a *app) error {
	var l machine.List[machine.Arrival]
	if err := a.get("/arrivals", query{"state", c.State, "after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"NO", "DATE", "FROM", "TYPE", "TRIES", "REASON", "ACTIVITY"}, func(d machine.Arrival) []string {
		return []string{fmt.Sprint(d.ID), zulu(d.ReceivedAt), string(d.Actor), d.Type, fmt.Sprint(d.Attempts), d.Reason, string(d.Activity)}
	})
}

// QueueShowArrival shows an arrival.
type QueueShowArrival struct {
	Number int64 `arg:""`
}

func (c *QueueShowArrival) Run(a *app) error {
	var d machine.Arrival
	if err := a.get(fmt.Sprintf("/arrivals/%d", c.Number), nil, &d); err != nil {
		return err
	}
	return a.show(d, func(p *printer) {
		p.fields("Arrival", fmt.Sprint(d.ID), "State", d.State, "Reason", d.Reason, "Tries", fmt.Sprint(d.Attempts), "Type", d.Type, "Object type", d.ObjectType,
			"Activity", string(d.Activity), "Object", string(d.Object), "Actor", string(d.Actor), "Host", string(d.Host), "Inbox", string(d.Inbox), "Received", zulu(d.ReceivedAt),
			"Applied", zulu(d.AppliedAt), "Key", string(d.KeyID), "Digest", d.Digest)
		p.gap()
		p.block("", d.Request)
		p.gap()
		body := d.Body
		if body == "" {
			body = "(erased)"
		}
		p.block("", body)
	})
}

// QueueRetryArrival retries an arrival.
type QueueRetryArrival struct {
	Number int64 `arg:""`
}

func (c *QueueRetryArrival) Run(a *app) error {
	if err := a.ask("POST", fmt.Sprintf("/arrivals/%d/retry", c.Number), nil, nil); err != nil {
		return err
	}
	return a.done("Arrival %d is tried again.", c.Number)
}

// AuditCommands are about the audit trail.
type AuditCommands struct {
	List   AuditList   `cmd:"" help:"List entries, oldest first."`
	Verify AuditVerify `cmd:"" help:"Check that every entry follows from the one before it."`
}

// AuditList lists.
type AuditList struct {
	page
	Object string `help:"Only entries about this id or host."`
	Act    string `help:"Only entries of this act."`
}

func (c *AuditList) Run(a *app) error {
	var l machine.List[machine.AuditEntry]
	if err := a.get("/audit", query{"object", c.Object, "act", c.Act, "after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"NO", "DATE", "BY", "ACT", "OBJECT", "DETAIL"}, func(e machine.AuditEntry) []string {
		return []string{fmt.Sprint(e.ID), zulu(e.At), e.Actor, e.Act, e.Object, string(e.Detail)}
	})
}

// AuditVerify verifies.
type AuditVerify struct{}

func (*AuditVerify) Run(a *app) error {
	var v machine.AuditVerdict
	if err := a.get("/audit/verify", nil, &v); err != nil {
		return err
	}
	if err := a.show(v, func(p *printer) { p.linef("%d entries follow from one another.", v.Entries) }); err != nil {
		return err
	}
	if v.Fault != "" {
		return errors.New(v.Fault)
	}
	return nil
}

// Notices lists notices.
type Notices struct {
	page
	For string `arg:"" optional:"" help:"User name of an office or person; without it, the operator."`
}

func (c *Notices) Run(a *app) error {
	var l machine.List[machine.Notice]
	if err := a.get("/notices", query{"for", c.For, "before", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"DATE", "NOTICE", "SUBJECT", "DETAIL"}, func(n machine.Notice) []string {
		return []string{zulu(n.CreatedAt), n.Kind, n.Subject, n.Detail}
	})
}

// StatusCommand prints the status.
type StatusCommand struct{}

func (*StatusCommand) Run(a *app) error {
	var s machine.Status
	if err := a.get("/status", nil, &s); err != nil {
		return err
	}
	return a.show(s, func(p *printer) {
		p.fields("Host", string(s.Host), "Federates", yes(s.Federates), "Running", yes(a.node == nil), "Fingerprint", s.Fingerprint,
			"Deliveries", fmt.Sprintf("%d pending, %d failed", s.DeliveriesPending, s.DeliveriesFailed),
			"Arrivals", fmt.Sprintf("%d pending, %d set aside", s.ArrivalsPending, s.ArrivalsSetAside))
	})
}

// Check checks the whole state.
type Check struct{}

func (*Check) Run(a *app) error {
	var r machine.CheckResult
	if err := a.get("/check", nil, &r); err != nil {
		return err
	}
	err := a.show(r, func(p *printer) {
		if len(r.Findings) == 0 {
			p.linef("Every invariant holds.")
			return
		}
		rows := make([][]string, len(r.Findings))
		for i, f := range r.Findings {
			rows[i] = []string{f.Invariant, f.Subject, f.Problem}
		}
		p.table([]string{"INVARIANT", "SUBJECT", "PROBLEM"}, rows)
	})
	if err == nil && len(r.Findings) > 0 {
		err = fmt.Errorf("check the whole state: %d violations; stop the instance and keep a copy of its data before anything else", len(r.Findings))
	}
	return err
}
