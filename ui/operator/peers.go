package operator

import (
	"net/http"

	"valise/instance/accreditation"
	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

func (a *area) mountPeers(r *page.Routes) {
	r.Operator("GET", "/operator/peers", a.peers)
	r.Operator("GET", "/operator/peers/propose", func(r *page.Request) error { return a.propose(r, terms{}, "") })
	r.Operator("POST", "/operator/peers/propose", a.sendProposal)
	r.Operator("GET", "/operator/peers/at/:host", func(r *page.Request) error { return a.peer(r, nil, "") })
	r.Operator("POST", "/operator/peers/at/:host/accept", a.peerAct("accept", func(r *page.Request, host string) error {
		_, err := a.Accreditation.Accept(r.Ctx(), a.by(r), host, read(r).terms())
		return err
	}))
	r.Operator("POST", "/operator/peers/at/:host/refuse", a.peerAct("refuse", func(r *page.Request, host string) error {
		return a.Accreditation.Refuse(r.Ctx(), a.by(r), host, r.Field("reason"))
	}))
	r.Operator("POST", "/operator/peers/at/:host/suspend", a.peerAct("suspend", func(r *page.Request, host string) error {
		return a.Accreditation.Suspend(r.Ctx(), a.by(r), host, r.Field("reason"))
	}))
	r.Operator("POST", "/operator/peers/at/:host/resume", a.peerAct("resume", func(r *page.Request, host string) error {
		return a.Accreditation.Resume(r.Ctx(), a.by(r), host, r.Field("reason"))
	}))
	r.Operator("POST", "/operator/peers/at/:host/ceiling", a.peerAct("ceiling", func(r *page.Request, host string) error {
		return a.Accreditation.SetCeiling(r.Ctx(), a.by(r), host, r.Field("ceiling"), r.Field("form"))
	}))
	r.Operator("POST", "/operator/peers/at/:host/pin", a.peerAct("pin", func(r *page.Request, host string) error {
		return a.Accreditation.Pin(r.Ctx(), a.by(r), host, r.Field("fingerprint"))
	}))
}

// terms is what the forms about a peer hold.
type terms struct{ Host, Affiliation, Ceiling, Form, Fingerprint, Contact, Reason string }

func read(r *page.Request) terms {
	return terms{r.Field("host"), r.Field("affiliation"), r.Field("ceiling"), r.Field("form"), r.Field("fingerprint"), r.Field("contact"), r.Field("reason")}
}

func (t terms) terms() accreditation.Terms {
	return accreditation.Terms{Affiliation: t.Affiliation, Ceiling: t.Ceiling, Form: t.Form, Fingerprint: t.Fingerprint, Contact: t.Contact}
}

// choices are what a person may set for a peer.
type choices struct {
	Affiliations, Forms []string
	Ceilings            []string // markings that may federate, lowest first
}

func (a *area) choices() choices {
	c := choices{Affiliations: []string{models.OwnGovernment, models.OtherGovernment, models.Outside}, Forms: []string{models.FormAnnounce, models.FormBulletin}}
	for _, l := range a.Config.Markings.Levels {
		if !l.Classified {
			c.Ceilings = append(c.Ceilings, l.Name)
		}
	}
	return c
}

func (a *area) peers(r *page.Request) error {
	list, err := a.Directory.Peers(r.Ctx(), iri.Host(r.Field("after")), rows)
	if err != nil {
		return err
	}
	v := struct {
		Waiting, Peers []directory.Peer
		Next           string
	}{}
	for _, p := range list {
		if p.State == models.PeerProposed && !p.ProposedByUs {
			v.Waiting = append(v.Waiting, p)
		} else {
			v.Peers = append(v.Peers, p)
		}
	}
	if len(list) == rows {
		v.Next = "/operator/peers?after=" + string(list[rows-1].Host)
	}
	return r.Render(a.frame(r, page.Page{Name: "peers", Title: r.T("operator.peers.title"), At: "/operator/peers", Data: v}))
}

type proposal struct {
	Terms       terms
	Why         string
	Choices     choices
	Fingerprint string
}

func (a *area) propose(r *page.Request, t terms, why string) error {
	print, err := a.Accreditation.Fingerprint(r.Ctx())
	if err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "propose", Title: r.T("operator.propose.title"), At: "/operator/peers", Data: proposal{t, why, a.choices(), print}}))
}

func (a *area) sendProposal(r *page.Request) error {
	t := read(r)
	p, err := a.Accreditation.Propose(r.Ctx(), a.by(r), t.Host, t.terms())
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.propose(r, t, why)
	}
	if err != nil {
		return err
	}
	r.Say("operator.peer.did.propose", "Host", p.Host)
	return r.See("/operator/peers/at/" + string(p.Host))
}

type peerView struct {
	directory.Peer
	Terms   terms
	Why     string // of the form that was refused
	Act     string // its act
	Choices choices
	Own     string
}

func (a *area) peer(r *page.Request, t *terms, why string) error {
	return a.showPeer(r, "", t, why)
}

func (a *area) showPeer(r *page.Request, act string, t *terms, why string) error {
	p, err := a.Directory.Peer(r.Ctx(), r.Param("host"))
	if _, mine := r.Refusal(err); mine {
		return page.NotFound
	}
	if err != nil {
		return err
	}
	v := peerView{Peer: p, Choices: a.choices(), Why: why, Act: act}
	if v.Own, err = a.Accreditation.Fingerprint(r.Ctx()); err != nil {
		return err
	}
	v.Terms = terms{Affiliation: p.Affiliation, Ceiling: a.level(p.Ceiling), Form: p.Form, Contact: p.Contact}
	if p.AskedCeiling > 0 && p.Ceiling == 0 {
		v.Terms.Ceiling = a.level(p.AskedCeiling)
	}
	if t != nil {
		v.Terms = *t
	}
	return r.Render(a.frame(r, page.Page{Name: "peer", Title: string(p.Host), At: "/operator/peers", Data: v}))
}

// peerAct changes one peer; a refusal shows the form again, with what was typed.
func (a *area) peerAct(act string, do func(*page.Request, string) error) page.Handler {
	return func(r *page.Request) error {
		host := r.Param("host")
		err := do(r, host)
		if why, mine := r.Refusal(err); mine {
			t := read(r)
			r.Status(http.StatusUnprocessableEntity)
			return a.showPeer(r, act, &t, why)
		}
		if err != nil {
			return err
		}
		r.Say("operator.peer.did."+act, "Host", host)
		return r.See("/operator/peers/at/" + host)
	}
}
