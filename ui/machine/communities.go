package machine

import (
	"context"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// communities serves communities and invitations.
func (a *api) communities(r *gin.Engine) {
	r.POST("/communities", a.do(a.openCommunity))
	r.GET("/communities", a.do(func(c *gin.Context) (any, error) {
		person, err := a.person(c, c.Query("as"))
		if err != nil {
			return nil, err
		}
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := a.Communities.List(c.Request.Context(), person, iri.IRI(c.Query("after")), limit)
		return list(rows, limit, a.community, func(g *models.Community) string { return string(g.IRI) }), err
	}))
	r.GET("/community", a.do(a.showCommunity))
	r.GET("/community/comments", a.do(a.comments))
	r.POST("/community/comment", a.inCommunity(func(ctx context.Context, person, community iri.IRI, in CommunityAct) (any, error) {
		var on iri.IRI
		if in.Dispatch != "" {
			v, err := a.Dispatches.Show(ctx, person, in.Dispatch)
			if err != nil {
				return nil, err
			}
			on = v.Dispatch.IRI
		}
		m, err := a.Communities.Comment(ctx, person, community, on, in.Text)
		if err != nil {
			return nil, err
		}
		return comment(m), nil
	}))
	r.POST("/community/leave", a.inCommunity(func(ctx context.Context, person, community iri.IRI, _ CommunityAct) (any, error) {
		return Done{true}, a.Communities.Leave(ctx, person, community)
	}))
	r.POST("/community/remove", a.inCommunity(func(ctx context.Context, person, community iri.IRI, in CommunityAct) (any, error) {
		member, err := a.Directory.Resolve(ctx, in.Member)
		if err != nil {
			return nil, err
		}
		return Done{true}, a.Communities.Remove(ctx, person, community, member, in.Reason)
	}))
	r.POST("/community/ceiling", a.inCommunity(func(ctx context.Context, person, community iri.IRI, in CommunityAct) (any, error) {
		if in.Ceiling == "" {
			return nil, accounts.Invalid("name the marking that is to be the ceiling")
		}
		return Done{true}, a.Communities.SetCeiling(ctx, person, community, in.Ceiling)
	}))
	r.POST("/invitations", a.do(a.invite))
	r.GET("/invitations", a.do(func(c *gin.Context) (any, error) {
		person, err := a.person(c, c.Query("as"))
		if err != nil {
			return nil, err
		}
		rows, err := a.Communities.Invitations(c.Request.Context(), person)
		return whole(rows, a.invitation), err
	}))
	r.GET("/invitation", a.do(a.showInvitation))
	r.POST("/invitation/accept", a.answer(a.Communities.Accept))
	r.POST("/invitation/decline", a.answer(a.Communities.Decline))
	r.POST("/invitation/revoke", a.answer(a.Communities.Revoke))
}

func (a *api) openCommunity(c *gin.Context) (any, error) {
	in, err := read[NewCommunity](c)
	if err != nil {
		return nil, err
	}
	person, err := a.acting(c, in.As)
	if err != nil {
		return nil, err
	}
	office, err := a.Directory.Office(c.Request.Context(), in.Office)
	if err != nil {
		return nil, err
	}
	g, err := a.Communities.Open(c.Request.Context(), person, communities.Opening{Office: office, Username: in.Username, Name: in.Name, Charter: in.Charter, Kind: in.Kind, Ceiling: in.Ceiling,
		Posting: in.Posting, Commenting: in.Commenting, Rendering: in.Rendering, HistoryDays: in.HistoryDays, SubjectInNotice: in.SubjectInNotice})
	if err != nil {
		return nil, err
	}
	return a.community(g), nil
}

// inCommunity does something in a person's name in a community.
func (a *api) inCommunity(act func(ctx context.Context, person, community iri.IRI, in CommunityAct) (any, error)) gin.HandlerFunc {
	return a.do(func(c *gin.Context) (any, error) {
		in, err := read[CommunityAct](c)
		if err != nil {
			return nil, err
		}
		person, err := a.acting(c, in.As)
		if err != nil {
			return nil, err
		}
		community, err := a.Directory.Resolve(c.Request.Context(), in.Community)
		if err != nil {
			return nil, err
		}
		return act(c.Request.Context(), person, community, in)
	})
}

// asked finds the reader and the community of a GET.
func (a *api) asked(c *gin.Context) (person, community iri.IRI, err error) {
	if person, err = a.person(c, c.Query("as")); err != nil {
		return "", "", err
	}
	community, err = a.Directory.Resolve(c.Request.Context(), c.Query("name"))
	return person, community, err
}

func (a *api) showCommunity(c *gin.Context) (any, error) {
	person, community, err := a.asked(c)
	if err != nil {
		return nil, err
	}
	v, err := a.Communities.Show(c.Request.Context(), person, community)
	if err != nil {
		return nil, err
	}
	out := CommunityView{Community: a.community(v.Community), Charter: v.Community.Charter, Members: []Member{}}
	if out.CharterHTML, err = communities.RenderCharter(out.Charter); err != nil {
		return nil, err
	}
	for _, m := range v.Members {
		out.Members = append(out.Members, Member{m.Actor, m.Role, a.level(m.Ceiling), m.State, m.Form, m.Since, m.HistoryFrom, m.EndsAt, m.LeftAt})
	}
	for _, i := range v.Invitations {
		out.Invitations = append(out.Invitations, a.invitation(i))
	}
	return out, nil
}

func (a *api) comments(c *gin.Context) (any, error) {
	person, community, err := a.asked(c)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(c)
	if err != nil {
		return nil, err
	}
	rows, err := a.Communities.Comments(c.Request.Context(), person, community, limit)
	return whole(rows, comment), err
}

func (a *api) invite(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	in, err := read[NewInvitation](c)
	if err != nil {
		return nil, err
	}
	person, err := a.acting(c, in.As)
	if err != nil {
		return nil, err
	}
	community, err := a.Directory.Resolve(ctx, in.Community)
	if err != nil {
		return nil, err
	}
	who, err := a.Directory.Resolve(ctx, in.Who)
	if err != nil {
		return nil, err
	}
	i := communities.Invitation{Who: string(who), Role: in.Role, Ceiling: in.Ceiling, HistoryDays: -1, Words: in.Words}
	if in.Ends != nil {
		i.Ends = *in.Ends
	}
	if in.HistoryDays != nil {
		i.HistoryDays = *in.HistoryDays
	}
	row, err := a.Communities.Invite(ctx, person, community, i)
	if err != nil {
		return nil, err
	}
	return a.invitation(row), nil
}

func (a *api) showInvitation(c *gin.Context) (any, error) {
	person, err := a.person(c, c.Query("as"))
	if err != nil {
		return nil, err
	}
	v, err := a.Communities.Invitation(c.Request.Context(), person, iri.IRI(c.Query("id")))
	if err != nil {
		return nil, err
	}
	out := InvitationView{Invitation: a.invitation(v.Invitation), Name: v.Community, Words: v.Words, Charter: v.Charter, CharterDigest: v.Invitation.CharterDigest}
	out.CharterHTML, err = communities.RenderCharter(v.Charter)
	return out, err
}

func (a *api) answer(act func(ctx context.Context, person, invitation iri.IRI) error) gin.HandlerFunc {
	return a.do(func(c *gin.Context) (any, error) {
		in, err := read[Answer](c)
		if err != nil {
			return nil, err
		}
		person, err := a.acting(c, in.As)
		if err != nil {
			return nil, err
		}
		return Done{true}, act(c.Request.Context(), person, in.Invitation)
	})
}

func (a *api) community(g *models.Community) Community {
	return Community{ID: g.IRI, Local: g.Local, Name: g.Name, Kind: g.Kind, Office: g.Office, Organiser: g.Organiser, Ceiling: a.level(g.Ceiling), Posting: g.Posting,
		Commenting: g.Commenting, Rendering: g.Rendering, HistoryDays: g.HistoryDays, SubjectInNotice: g.SubjectInNotice, CharterDigest: g.CharterDigest,
		Sequence: g.Sequence, CreatedAt: g.CreatedAt}
}

func (a *api) invitation(i *models.Invitation) Invitation {
	return Invitation{ID: i.IRI, Community: i.Community, Invitee: i.Invitee, Sponsor: i.Sponsor, Role: i.Role, Ceiling: a.level(i.Ceiling), State: i.State, Incoming: i.Incoming,
		EndsAt: i.EndsAt, ExpiresAt: i.ExpiresAt, CreatedAt: i.CreatedAt, AnsweredAt: i.AnsweredAt}
}
