package main

import (
	"fmt"
	"net/url"
	"strings"

	"valise/ui/machine"
)

// PeerCommands are about other instances.
type PeerCommands struct {
	Propose     PeerPropose     `cmd:"" help:"Ask another instance for accreditation."`
	List        PeerList        `cmd:"" help:"List other instances."`
	Show        PeerShow        `cmd:"" help:"Show one, with its first offices."`
	Offices     PeerOffices     `cmd:"" help:"List the known offices of one."`
	Accept      PeerAccept      `cmd:"" help:"Accredit one, after its fingerprint was compared."`
	Refuse      PeerRefuse      `cmd:"" help:"Refuse a proposal."`
	Suspend     PeerSuspend     `cmd:"" help:"Accept nothing from one and send it nothing."`
	Resume      PeerResume      `cmd:"" help:"End a suspension."`
	Ceiling     PeerCeiling     `cmd:"" help:"Set the highest marking that one may receive."`
	Pin         PeerPin         `cmd:"" help:"Believe the new key of one, after its fingerprint was compared."`
	Fingerprint PeerFingerprint `cmd:"" help:"Print our own fingerprint, to be read out."`
}

// terms of an accreditation.
type terms struct {
	Affiliation string `help:"own government, other government (default) or outside."`
	Ceiling     string `help:"Highest marking that it may receive; default by affiliation."`
	Form        string `help:"announce (default) or bulletin."`
	Contact     string `help:"Who answers for it."`
}

func (t terms) with(host, fingerprint string) machine.PeerTerms {
	return machine.PeerTerms{Host: host, Affiliation: t.Affiliation, Ceiling: t.Ceiling, Form: t.Form, Contact: t.Contact, Fingerprint: fingerprint}
}

// PeerPropose asks.
type PeerPropose struct {
	Host string `arg:""`
	terms
	Fingerprint string `help:"What its operator has read out. With it, its acceptance accredits it at once."`
}

func (c *PeerPropose) Run(a *app) error {
	return a.peerAct("/peers", c.with(c.Host, c.Fingerprint))
}

// PeerAccept accredits.
type PeerAccept struct {
	Host string `arg:""`
	terms
	Fingerprint string `required:"" help:"What its operator has read out, by another way than this network."`
}

func (c *PeerAccept) Run(a *app) error {
	return a.peerAct(peerPath(c.Host)+"/accept", c.with("", c.Fingerprint))
}

// reason of an act against or for a peer.
type reason struct {
	Host   string `arg:""`
	Reason string `required:"" help:"Why."`
}

func (c reason) do(a *app, act string) error {
	return a.peerAct(peerPath(c.Host)+"/"+act, machine.PeerTerms{Reason: c.Reason})
}

// PeerRefuse refuses.
type PeerRefuse struct{ reason }

func (c *PeerRefuse) Run(a *app) error { return c.do(a, "refuse") }

// PeerSuspend suspends.
type PeerSuspend struct{ reason }

func (c *PeerSuspend) Run(a *app) error { return c.do(a, "suspend") }

// PeerResume resumes.
type PeerResume struct{ reason }

func (c *PeerResume) Run(a *app) error { return c.do(a, "resume") }

// PeerCeiling sets the ceiling.
type PeerCeiling struct {
	Host    string `arg:""`
	Marking string `arg:""`
	Form    string `help:"Change the form too: announce or bulletin."`
}

func (c *PeerCeiling) Run(a *app) error {
	return a.peerAct(peerPath(c.Host)+"/ceiling", machine.PeerTerms{Ceiling: c.Marking, Form: c.Form})
}

// PeerPin pins a key.
type PeerPin struct {
	Host        string `arg:""`
	Fingerprint string `arg:"" help:"What its operator has read out; quote it, it has blanks."`
}

func (c *PeerPin) Run(a *app) error {
	return a.peerAct(peerPath(c.Host)+"/pin", machine.PeerTerms{Fingerprint: c.Fingerprint})
}

// PeerFingerprint prints ours.
type PeerFingerprint struct{}

func (*PeerFingerprint) Run(a *app) error {
	var f machine.Fingerprint
	if err := a.get("/fingerprint", nil, &f); err != nil {
		return err
	}
	return a.show(f, func(p *printer) { p.fields("Host", string(f.Host), "Fingerprint", f.Fingerprint) })
}

// PeerShow shows one.
type PeerShow struct {
	Host string `arg:""`
}

func (c *PeerShow) Run(a *app) error {
	var peer machine.Peer
	if err := a.get(peerPath(c.Host), nil, &peer); err != nil {
		return err
	}
	var l machine.List[machine.PeerOffice]
	if peer.Offices > 0 {
		if err := a.get(peerPath(c.Host)+"/offices", nil, &l); err != nil {
			return err
		}
	}
	return a.show(peerShown{peer, l.Items}, func(p *printer) {
		p.peer(peer)
		if len(l.Items) > 0 {
			p.gap()
			rows := make([][]string, len(l.Items))
			for i, o := range l.Items {
				rows[i] = officeRow(o)
			}
			p.table(officeHeads, rows)
		}
		if l.Next != "" {
			p.linef("There is more: valise peer offices %s", c.Host)
		}
	})
}

// peerShown is a peer with its first offices.
type peerShown struct {
	machine.Peer
	FirstOffices []machine.PeerOffice `json:"firstOffices,omitempty"`
}

var officeHeads = []string{"CODE", "NAME", "POST", "HANDLE", "ID"}

func officeRow(o machine.PeerOffice) []string {
	return []string{o.Code, o.Name, o.Post, o.Handle, string(o.ID)}
}

// PeerOffices lists the offices of one.
type PeerOffices struct {
	Host string `arg:""`
	page
}

func (c *PeerOffices) Run(a *app) error {
	var l machine.List[machine.PeerOffice]
	if err := a.get(peerPath(c.Host)+"/offices", query{"after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, officeHeads, officeRow)
}

// DirectoryCommands are about whom one can write to.
type DirectoryCommands struct {
	Find DirectoryFind `cmd:"" help:"Find offices, communities and collective addresses by the beginnings of words."`
}

// DirectoryFind finds addresses.
type DirectoryFind struct {
	as
	Text  []string `arg:"" help:"Beginnings of words of the name, code, city or handle; case and accents do not matter."`
	Limit int      `help:"At most this many, 1 to 50." default:"20"`
}

func (c *DirectoryFind) Run(a *app) error {
	var l machine.List[machine.Address]
	if err := a.get("/addresses", query{"as", c.As, "text", strings.Join(c.Text, " "), "limit", fmt.Sprint(c.Limit)}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"KIND", "CODE", "NAME", "POST", "HANDLE", "ID"}, func(o machine.Address) []string {
		return []string{o.Kind, o.Code, o.Name, o.Post, o.Handle, o.ID}
	})
}

// PeerList lists.
type PeerList struct{ page }

func (c *PeerList) Run(a *app) error {
	var l machine.List[machine.Peer]
	if err := a.get("/peers", query{"after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"HOST", "STATE", "AFFILIATION", "CEILING", "FORM", "FAILURES", "REASON"}, func(o machine.Peer) []string {
		return []string{string(o.Host), o.State, o.Affiliation, o.Ceiling, o.Form, fmt.Sprint(o.Failures), o.Reason}
	})
}

func peerPath(host string) string { return "/peers/" + url.PathEscape(host) }

func (a *app) peerAct(path string, in machine.PeerTerms) error {
	var peer machine.Peer
	if err := a.ask("POST", path, in, &peer); err != nil {
		return err
	}
	return a.showPeer(peer)
}

func (a *app) showPeer(o machine.Peer) error {
	return a.show(o, func(p *printer) { p.peer(o) })
}

func (p *printer) peer(o machine.Peer) {
	proposed := "by them"
	if o.ProposedByUs {
		proposed = "by us"
	}
	p.fields("Host", string(o.Host), "State", o.State, "Affiliation", o.Affiliation, "Ceiling", o.Ceiling, "Asked ceiling", o.AskedCeiling, "Form", o.Form,
		"Proposed", proposed, "Reason", o.Reason, "Contact", o.Contact, "Instance actor", string(o.InstanceActor), "Pinned key", o.PinnedFingerprint,
		"Offered key", o.OfferedFingerprint, "Signatures", o.Scheme, "Since", zulu(o.CreatedAt), "Changed", zulu(o.UpdatedAt), "Last answer", zulu(o.LastAnswerAt),
		"Backs off until", zulu(o.BackOffUntil), "Last fault", o.LastReason, "Offices read", zulu(o.OfficesReadAt), "Offices not read", o.OfficesFault)
}
