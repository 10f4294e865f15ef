package main

import (
	"fmt"
	"io"
	"os"

	"valise/models/iri"
	"valise/ui/machine"
)

// CommunityCommands are about communities.
type CommunityCommands struct {
	Open     CommunityOpen     `cmd:"" help:"Open a community."`
	List     CommunityList     `cmd:"" help:"List the communities that a person is or was in."`
	Show     CommunityShow     `cmd:"" help:"Show one, with its members."`
	Comment  CommunityComment  `cmd:"" help:"Comment in a community."`
	Comments CommunityComments `cmd:"" help:"List the comments of a community."`
	Leave    CommunityLeave    `cmd:"" help:"Leave a community."`
	Remove   CommunityRemove   `cmd:"" help:"Remove a member."`
	Ceiling  CommunityCeiling  `cmd:"" help:"Set the highest marking that a community may hold."`
}

// CommunityOpen opens one.
type CommunityOpen struct {
	as
	Username        string `arg:"" help:"User name; it is public, and must not be revealing."`
	Office          string `required:"" help:"Office that answers for it."`
	Name            string `required:"" help:"Name, for its members."`
	Charter         string `required:"" help:"File with the charter, in Markdown; at most 10 KiB." placeholder:"FILE"`
	Kind            string `help:"transverse (default) or hierarchical."`
	Ceiling         string `help:"Highest marking; the lowest by default."`
	Posting         string `help:"Who may post: organisers, members (default), everyone."`
	Commenting      string `help:"Who may comment: organisers, members, everyone (default)."`
	Rendering       string `help:"What other software gets: inline (default; the text, at the lowest marking alone) or notice."`
	HistoryDays     int64  `help:"Days of history that a new member sees." placeholder:"N"`
	SubjectInNotice bool   `help:"Name the subject in notices."`
}

func (c *CommunityOpen) Run(a *app) error {
	f, err := os.Open(c.Charter)
	if err != nil {
		return fmt.Errorf("read the charter: %w", err)
	}
	defer f.Close()
	const most = 10<<10 + 1 // one more than a charter may have, so that the instance refuses it
	charter, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return fmt.Errorf("read the charter: %w", err)
	}
	var g machine.Community
	if err := a.ask("POST", "/communities", machine.NewCommunity{Acting: c.acting(), Office: c.Office, Username: c.Username, Name: c.Name, Charter: string(charter), Kind: c.Kind,
		Ceiling: c.Ceiling, Posting: c.Posting, Commenting: c.Commenting, Rendering: c.Rendering, HistoryDays: c.HistoryDays, SubjectInNotice: c.SubjectInNotice}, &g); err != nil {
		return err
	}
	return a.show(g, func(p *printer) { p.linef("Opened %s, up to %s: %s", g.Name, g.Ceiling, g.ID) })
}

// CommunityList lists.
type CommunityList struct {
	as
	page
}

func (c *CommunityList) Run(a *app) error {
	var l machine.List[machine.Community]
	if err := a.get("/communities", query{"as", c.As, "after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"NAME", "CEILING", "HERE", "ORGANISER", "ID"}, func(g machine.Community) []string {
		return []string{g.Name, g.Ceiling, yes(g.Local), string(g.Organiser), string(g.ID)}
	})
}

// inCommunity names the community of a command.
type inCommunity struct {
	as
	Community string `arg:"" help:"User name, handle or id."`
}

func (c inCommunity) do(a *app, act string, in machine.CommunityAct, out any) error {
	in.Acting, in.Community = c.acting(), c.Community
	return a.ask("POST", "/community/"+act, in, out)
}

// CommunityShow shows one.
type CommunityShow struct{ inCommunity }

func (c *CommunityShow) Run(a *app) error {
	var v machine.CommunityView
	if err := a.get("/community", query{"as", c.As, "name", c.Community}, &v); err != nil {
		return err
	}
	return a.show(v, func(p *printer) {
		p.fields("Name", v.Name, "Id", string(v.ID), "Kind", v.Kind, "Office", string(v.Office), "Organiser", string(v.Organiser), "Ceiling", v.Ceiling, "Posting", v.Posting,
			"Commenting", v.Commenting, "Rendering", v.Rendering, "History", fmt.Sprintf("%d days", v.HistoryDays), "Announcements", fmt.Sprint(v.Sequence), "Since", zulu(v.CreatedAt), "Charter digest", v.CharterDigest)
		p.gap()
		if v.Charter != "" {
			p.block("", v.Charter)
			p.gap()
		}
		rows := make([][]string, len(v.Members))
		for i, m := range v.Members {
			rows[i] = []string{string(m.Actor), m.Role, m.State, m.Ceiling, zulu(m.Since), zulu(m.HistoryFrom), zulu(m.EndsAt), zulu(m.LeftAt)}
		}
		p.table([]string{"MEMBER", "ROLE", "STATE", "CEILING", "SINCE", "HISTORY FROM", "ENDS", "LEFT"}, rows)
		if len(v.Invitations) > 0 {
			p.gap()
			p.table(invitationHeads, invitationRows(v.Invitations))
		}
	})
}

// CommunityComment comments.
type CommunityComment struct {
	inCommunity
	Text string `arg:"" help:"The comment, in Markdown."`
	On   string `help:"Reference number or id of the dispatch that it is about." placeholder:"NAME"`
}

func (c *CommunityComment) Run(a *app) error {
	var m machine.Comment
	if err := c.do(a, "comment", machine.CommunityAct{Text: c.Text, Dispatch: c.On}, &m); err != nil {
		return err
	}
	return a.show(m, func(p *printer) { p.linef("Commented: %s", m.ID) })
}

// CommunityComments lists comments.
type CommunityComments struct {
	inCommunity
	Limit int `help:"At most this many, 1 to 200." default:"50"`
}

func (c *CommunityComments) Run(a *app) error {
	var l machine.List[machine.Comment]
	if err := a.get("/community/comments", query{"as", c.As, "name", c.Community, "limit", fmt.Sprint(c.Limit)}, &l); err != nil {
		return err
	}
	return a.show(l, func(p *printer) {
		if len(l.Items) == 0 {
			p.linef("(none)")
		}
		for _, m := range l.Items {
			by := string(m.Author)
			if m.AttestedFor != "" {
				by = fmt.Sprintf("%s for %s", m.Author, m.AttestedFor)
			}
			p.linef("%s  %s  %s", zulu(m.PublishedAt), by, m.Dispatch)
			p.block("  ", m.Text)
		}
	})
}

// CommunityLeave leaves.
type CommunityLeave struct{ inCommunity }

func (c *CommunityLeave) Run(a *app) error {
	if err := c.do(a, "leave", machine.CommunityAct{}, nil); err != nil {
		return err
	}
	return a.done("%s has left %s.", c.As, c.Community)
}

// CommunityRemove removes a member.
type CommunityRemove struct {
	inCommunity
	Member string `arg:""`
	Reason string `required:"" help:"Why."`
}

func (c *CommunityRemove) Run(a *app) error {
	if err := c.do(a, "remove", machine.CommunityAct{Member: c.Member, Reason: c.Reason}, nil); err != nil {
		return err
	}
	return a.done("%s is removed from %s.", c.Member, c.Community)
}

// CommunityCeiling sets the ceiling.
type CommunityCeiling struct {
	inCommunity
	Marking string `arg:""`
}

func (c *CommunityCeiling) Run(a *app) error {
	if err := c.do(a, "ceiling", machine.CommunityAct{Ceiling: c.Marking}, nil); err != nil {
		return err
	}
	return a.done("The ceiling of %s is %s.", c.Community, c.Marking)
}

// InviteCommands are about invitations.
type InviteCommands struct {
	Send    InviteSend    `cmd:"" help:"Invite somebody to a community."`
	List    InviteList    `cmd:"" help:"List a person's invitations."`
	Show    InviteShow    `cmd:"" help:"Show an invitation with the charter that it invites to."`
	Accept  InviteAccept  `cmd:"" help:"Accept an invitation."`
	Decline InviteDecline `cmd:"" help:"Decline an invitation."`
	Revoke  InviteRevoke  `cmd:"" help:"Take an unused invitation back."`
}

// InviteSend invites.
type InviteSend struct {
	inCommunity
	Who         string `arg:"" help:"@name@host, or an id."`
	Role        string `help:"guest (default) or member."`
	Ceiling     string `help:"Highest marking for this member; the community's by default."`
	Ends        moment `help:"End of the membership." placeholder:"DATE"`
	HistoryDays *int64 `help:"Days of history; the community's window by default." placeholder:"N"`
	Words       string `help:"A word with the invitation."`
}

func (c *InviteSend) Run(a *app) error {
	var i machine.Invitation
	if err := a.ask("POST", "/invitations", machine.NewInvitation{Acting: c.acting(), Community: c.Community, Who: c.Who, Role: c.Role, Ceiling: c.Ceiling, Ends: c.Ends.set(),
		HistoryDays: c.HistoryDays, Words: c.Words}, &i); err != nil {
		return err
	}
	return a.show(i, func(p *printer) { p.linef("Invited %s as %s, up to %s: %s", i.Invitee, i.Role, i.Ceiling, i.ID) })
}

// InviteList lists.
type InviteList struct{ as }

var invitationHeads = []string{"STATE", "ROLE", "CEILING", "INVITEE", "COMMUNITY", "EXPIRES", "ID"}

func invitationRows(items []machine.Invitation) [][]string {
	rows := make([][]string, len(items))
	for n, i := range items {
		rows[n] = []string{i.State, i.Role, i.Ceiling, string(i.Invitee), string(i.Community), zulu(i.ExpiresAt), string(i.ID)}
	}
	return rows
}

func (c *InviteList) Run(a *app) error {
	var l machine.List[machine.Invitation]
	if err := a.get("/invitations", query{"as", c.As}, &l); err != nil {
		return err
	}
	return a.show(l, func(p *printer) { p.table(invitationHeads, invitationRows(l.Items)) })
}

// InviteShow shows one.
type InviteShow struct {
	as
	Invitation string `arg:"" help:"Its id, from invite list."`
}

func (c *InviteShow) Run(a *app) error {
	var v machine.InvitationView
	if err := a.get("/invitation", query{"as", c.As, "id", c.Invitation}, &v); err != nil {
		return err
	}
	return a.show(v, func(p *printer) {
		p.fields("Community", v.Name, "Id", string(v.Community), "Invitee", string(v.Invitee), "Sponsor", string(v.Sponsor), "Role", v.Role, "Ceiling", v.Ceiling, "State", v.State,
			"Term ends", zulu(v.EndsAt), "Answer by", zulu(v.ExpiresAt), "Words", v.Words, "Charter digest", v.CharterDigest)
		p.gap()
		if v.Charter == "" {
			p.linef("The charter did not come with the invitation; ask the sponsor for it.")
			return
		}
		p.block("", v.Charter)
	})
}

// answer names an invitation.
type answer struct {
	as
	Invitation string `arg:"" help:"Its id, from invite list."`
}

func (c answer) do(a *app, act, words string) error {
	if err := a.ask("POST", "/invitation/"+act, machine.Answer{Acting: c.acting(), Invitation: iri.IRI(c.Invitation)}, nil); err != nil {
		return err
	}
	return a.done("%s", words)
}

// InviteAccept accepts.
type InviteAccept struct{ answer }

func (c *InviteAccept) Run(a *app) error {
	return c.do(a, "accept", "Accepted; membership begins when the community has answered.")
}

// InviteDecline declines.
type InviteDecline struct{ answer }

func (c *InviteDecline) Run(a *app) error { return c.do(a, "decline", "Declined.") }

// InviteRevoke revokes.
type InviteRevoke struct{ answer }

func (c *InviteRevoke) Run(a *app) error { return c.do(a, "revoke", "Revoked.") }
