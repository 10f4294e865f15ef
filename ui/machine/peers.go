package machine

import (
	"context"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/accreditation"
	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
)

// peers serves accreditation.
func (a *api) peers(r *gin.Engine) {
	r.GET("/fingerprint", a.do(func(c *gin.Context) (any, error) {
		print, err := a.Accreditation.Fingerprint(c.Request.Context())
		return Fingerprint{a.Own, print}, err
	}))
	r.GET("/peers", a.do(func(c *gin.Context) (any, error) {
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := a.Directory.Peers(c.Request.Context(), iri.Host(c.Query("after")), limit)
		return list(rows, limit, a.peer, func(p directory.Peer) string { return string(p.Host) }), err
	}))
	r.GET("/peers/:host", a.do(func(c *gin.Context) (any, error) { return a.showPeer(c, c.Param("host")) }))
	r.GET("/peers/:host/offices", a.do(a.peerOffices))
	r.GET("/addresses", a.do(a.complete))
	r.POST("/peers", a.do(func(c *gin.Context) (any, error) {
		in, err := read[PeerTerms](c)
		if err != nil {
			return nil, err
		}
		if err := only(in, "a proposal", in.Host != "" && in.Reason == ""); err != nil {
			return nil, err
		}
		if _, err := a.Accreditation.Propose(c.Request.Context(), operator, in.Host, in.terms()); err != nil {
			return nil, err
		}
		return a.showPeer(c, in.Host)
	}))
	r.POST("/peers/:host/accept", a.peerAct("an acceptance", func(in PeerTerms) bool { return in.Reason == "" },
		func(ctx context.Context, host string, in PeerTerms) error {
			_, err := a.Accreditation.Accept(ctx, operator, host, in.terms())
			return err
		}))
	reasonOnly := func(in PeerTerms) bool { return in == PeerTerms{Reason: in.Reason} && in.Reason != "" }
	r.POST("/peers/:host/refuse", a.peerAct("a refusal needs a reason and", reasonOnly, func(ctx context.Context, host string, in PeerTerms) error {
		return a.Accreditation.Refuse(ctx, operator, host, in.Reason)
	}))
	r.POST("/peers/:host/suspend", a.peerAct("a suspension needs a reason and", reasonOnly, func(ctx context.Context, host string, in PeerTerms) error {
		return a.Accreditation.Suspend(ctx, operator, host, in.Reason)
	}))
	r.POST("/peers/:host/resume", a.peerAct("a resumption needs a reason and", reasonOnly, func(ctx context.Context, host string, in PeerTerms) error {
		return a.Accreditation.Resume(ctx, operator, host, in.Reason)
	}))
	r.POST("/peers/:host/ceiling", a.peerAct("a ceiling, with or without a form,", func(in PeerTerms) bool {
		return in == PeerTerms{Ceiling: in.Ceiling, Form: in.Form} && in.Ceiling != ""
	},
		func(ctx context.Context, host string, in PeerTerms) error {
			return a.Accreditation.SetCeiling(ctx, operator, host, in.Ceiling, in.Form)
		}))
	r.POST("/peers/:host/pin", a.peerAct("a pin needs a fingerprint and", func(in PeerTerms) bool { return in == PeerTerms{Fingerprint: in.Fingerprint} && in.Fingerprint != "" },
		func(ctx context.Context, host string, in PeerTerms) error {
			return a.Accreditation.Pin(ctx, operator, host, in.Fingerprint)
		}))
}

// peerAct changes one peer and shows it. Input that the act would pass over is refused.
func (a *api) peerAct(what string, fits func(PeerTerms) bool, act func(context.Context, string, PeerTerms) error) gin.HandlerFunc {
	return a.do(func(c *gin.Context) (any, error) {
		in, err := read[PeerTerms](c)
		if err != nil {
			return nil, err
		}
		host := c.Param("host")
		if err := only(in, what, in.Host == "" && fits(in)); err != nil {
			return nil, err
		}
		if err := act(c.Request.Context(), host, in); err != nil {
			return nil, err
		}
		return a.showPeer(c, host)
	})
}

func only(_ PeerTerms, what string, fits bool) error {
	if !fits {
		return accounts.Invalid("%s takes nothing else", what)
	}
	return nil
}

func (t PeerTerms) terms() accreditation.Terms {
	return accreditation.Terms{Affiliation: t.Affiliation, Ceiling: t.Ceiling, Form: t.Form, Fingerprint: t.Fingerprint, Contact: t.Contact}
}

func (a *api) showPeer(c *gin.Context, host string) (any, error) {
	p, err := a.Directory.Peer(c.Request.Context(), host)
	if err != nil {
		return nil, err
	}
	return a.peer(p), nil
}

func (a *api) peerOffices(c *gin.Context) (any, error) {
	limit, err := limitOf(c)
	if err != nil {
		return nil, err
	}
	rows, err := a.Directory.PeerOffices(c.Request.Context(), c.Param("host"), iri.IRI(c.Query("after")), limit)
	return list(rows, limit, func(o *models.PeerOffice) PeerOffice {
		return PeerOffice{o.IRI, iri.Handle{Name: o.Username, Host: o.Host}.String(), o.Name, o.Code, o.Post}
	}, func(o *models.PeerOffice) string { return string(o.IRI) }), err
}

// complete lists what a typed text may stand for among addressees.
func (a *api) complete(c *gin.Context) (any, error) {
	person, err := a.person(c, c.Query("as"))
	if err != nil {
		return nil, err
	}
	limit, err := limitTo(c, directory.MostAddresses)
	if err != nil {
		return nil, err
	}
	rows, err := a.Directory.Complete(c.Request.Context(), person, c.Query("text"), limit)
	return whole(rows, func(d directory.Address) Address { return Address(d) }), err
}

func (a *api) peer(p directory.Peer) Peer {
	out := Peer{Host: p.Host, State: p.State, Affiliation: p.Affiliation, Ceiling: a.level(p.Ceiling), Form: p.Form, InstanceActor: p.InstanceActor,
		PinnedFingerprint: p.PinnedFingerprint, OfferedFingerprint: p.OfferedFingerprint, Contact: p.Contact, ProposedByUs: p.ProposedByUs, Reason: p.Reason,
		Scheme: p.Scheme, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
	if p.AskedCeiling > 0 {
		out.AskedCeiling = a.level(p.AskedCeiling)
	}
	out.Offices = p.Offices
	if d := p.Directory; d != nil {
		out.OfficesReadAt, out.OfficesFault = d.FetchedAt, d.Reason
	}
	if d := p.Deliveries; d != nil {
		out.Failures, out.BackOffUntil, out.LastAnswerAt, out.LastReason = d.Failures, d.BackOffUntil, d.LastAnswerAt, d.LastReason
	}
	return out
}

// level names a rank of ours.
func (a *api) level(rank int64) string { return a.Dispatches.Guard.Name(rank) }
