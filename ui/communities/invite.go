package communities

import (
	"net/http"
	"strconv"
	"time"

	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// invitation is what was typed in the form that invites.
type invitation struct{ Who, Actor, Role, Ceiling, Ends, History, Words string }

func typed(r *page.Request) invitation {
	return invitation{r.Field("who"), r.Field("actor"), r.Field("role"), r.Field("ceiling"), r.Field("ends"), r.Field("history"), r.Field("words")}
}

// found is the account that a handle stands for, as its card shows it.
type found struct {
	*communities.Found
	Place     place
	Rendering string // of the community
	Lowest    int64
	Open      string // the page of an open invitation
}

type inviteView struct {
	Place    place
	Form     invitation
	Found    *found
	WhyWho   string // what is wrong with the handle
	Why      string // or with anything else
	Ceilings []communities.Level
	History  int64
	Today    string
}

func (a *area) invite(r *page.Request) error {
	return a.showInvite(r, invitation{Who: r.Field("handle")}, nil, "", "")
}

func (a *area) showInvite(r *page.Request, f invitation, at1 *found, whyWho, why string) error {
	c, err := a.Communities.Organised(r.Ctx(), r.Person(), idOf(r))
	if err != nil {
		return err
	}
	v := inviteView{Place: at(c, "invite", true), Form: f, Found: at1, WhyWho: whyWho, Why: why, Ceilings: a.Communities.Ceilings(c.Ceiling), History: c.HistoryDays, Today: r.Now().UTC().Format(time.DateOnly)}
	return r.Render(frame("invite", r.T("communities.invite.title"), v.Place, v))
}

// find looks an account up and says what an invitation of it would mean.
func (a *area) find(r *page.Request, handle string) (*found, error) {
	if handle == "" {
		return nil, page.Invalid("%s", r.T("communities.invite.nowho"))
	}
	f, err := a.Communities.LookUp(r.Ctx(), r.Person(), idOf(r), handle)
	if err != nil {
		return nil, err
	}
	c, err := a.Communities.Organised(r.Ctx(), r.Person(), idOf(r))
	if err != nil {
		return nil, err
	}
	out := &found{Found: f, Place: at(c, "invite", true), Rendering: c.Rendering, Lowest: a.Communities.Ceilings(0)[0].Rank}
	if f.Open != "" {
		out.Open = page.ObjectPath("invitations", f.Open)
	}
	return out, nil
}

// lookup answers the page's own script with the card of an account.
func (a *area) lookup(r *page.Request) error {
	f, err := a.find(r, r.Field("who"))
	if err != nil {
		return err
	}
	card, err := r.Fragment("communities/invite", "found", f)
	if err != nil {
		return err
	}
	offer := a.offer(f, typed(r))
	r.JSON(http.StatusOK, map[string]any{"card": card, "actor": f.Actor, "may": f.Why == "", "role": offer.Role, "ceiling": offer.Ceiling})
	return nil
}

// offer is the form once its account is known. Officials are offered what the community
// holds, others the lowest marking: closed unless it is opened. A kind other than the
// form's first stays as it was chosen.
func (a *area) offer(of *found, f invitation) invitation {
	if of.Standing != models.PeerAccredited || f.Role != models.RoleGuest {
		return f
	}
	f.Role = models.RoleMember
	if may := a.Communities.Ceilings(of.Ceiling); len(may) > 0 {
		f.Ceiling = may[len(may)-1].Name
	}
	return f
}

// send invites, if the account was shown before; else it shows it.
func (a *area) send(r *page.Request) error {
	f := typed(r)
	shown, err := a.find(r, f.Who)
	if err != nil {
		return refused(r, err, func(why string) error { f.Actor = ""; return a.showInvite(r, f, nil, why, "") })
	}
	if r.Field("act") == "look" || f.Actor == "" {
		f.Actor = string(shown.Actor)
		if r.Field("act") == "look" {
			f = a.offer(shown, f)
		}
		return a.showInvite(r, f, shown, "", "")
	}
	again := func(why string) error {
		f.Actor = string(shown.Actor)
		return a.showInvite(r, f, shown, "", why)
	}
	in := communities.Invitation{Who: f.Who, Actor: iri.IRI(f.Actor), Role: f.Role, Ceiling: f.Ceiling, HistoryDays: -1, Words: f.Words}
	if in.Ends, err = termEnd(r); err != nil {
		return refused(r, err, again)
	}
	if f.History != "" {
		if in.HistoryDays, err = strconv.ParseInt(f.History, 10, 64); err != nil || in.HistoryDays < 0 {
			return refused(r, page.Invalid("%s", r.T("communities.form.days")), again)
		}
	}
	row, err := a.Communities.Invite(r.Ctx(), r.Person(), idOf(r), in)
	if err != nil {
		return refused(r, err, again)
	}
	r.Say("communities.did.invite")
	return r.See(page.ObjectPath("invitations", row.IRI))
}

type sentView struct {
	Place       place
	Lines       []models.NamedInvitation
	First, Next string
}

// sent lists the invitations of a community.
func (a *area) sent(r *page.Request) error {
	before := iri.IRI(r.Field("before"))
	c, list, err := a.Communities.Sent(r.Ctx(), r.Person(), idOf(r), before, rows)
	if err != nil {
		return err
	}
	v := sentView{Place: at(c, "invitations", true), Lines: list}
	if before != "" {
		v.First = v.Place.Below("invitations")
	}
	if len(list) == rows {
		v.Next = v.Place.Below("invitations", "before", string(list[rows-1].IRI))
	}
	return r.Render(frame("invitations", r.T("communities.invitations.title"), v.Place, v))
}

type invitationView struct {
	*communities.InvitationView
	Charter string // HTML
	Path    string
	Of      string // the page of the community, where there is one for the reader
	Who     string
	By      string
	Open    bool // waits for an answer
	Live    bool // can be taken back
	Why     string
	Print   string // the page of the printable invitation
}

func (a *area) getInvitation(r *page.Request) error {
	id, verb, err := object(r, map[string]page.Handler{"revoke": a.askRevoke})
	if err != nil {
		return err
	}
	r.Set("id", id)
	if verb == "revoke" {
		return a.askRevoke(r)
	}
	return a.showInvitation(r, "invitation", "")
}

func (a *area) postInvitation(r *page.Request) error {
	id, verb, err := object(r, map[string]page.Handler{"accept": a.getInvitation, "decline": a.getInvitation, "revoke": a.getInvitation})
	if err != nil {
		return err
	}
	r.Set("id", id)
	to, again := "/communities", "invitation"
	switch verb {
	case "accept":
		err = a.Communities.Accept(r.Ctx(), r.Person(), id)
	case "decline":
		err = a.Communities.Decline(r.Ctx(), r.Person(), id)
	case "revoke":
		to, again = page.ObjectPath("invitations", id), "revoke"
		err = a.Communities.Revoke(r.Ctx(), r.Person(), id)
	default:
		return page.NotFound
	}
	if err != nil {
		why, mine := r.Refusal(err)
		if !mine {
			return err
		}
		r.Status(http.StatusUnprocessableEntity)
		// What was answered or used meanwhile has no question left.
		if shown := a.showInvitation(r, again, why); shown == nil {
			return nil
		}
		return a.showInvitation(r, "invitation", why)
	}
	r.Say("communities.did." + verb)
	return r.See(to)
}

// askRevoke says what taking an invitation back means before it is done.
func (a *area) askRevoke(r *page.Request) error { return a.showInvitation(r, "revoke", "") }

func (a *area) showInvitation(r *page.Request, name, why string) error {
	v, err := a.Communities.Invitation(r.Ctx(), r.Person(), idOf(r))
	if err != nil {
		return err
	}
	i := v.Invitation
	fresh := i.ExpiresAt > models.At(r.Now())
	out := &invitationView{InvitationView: v, Path: page.ObjectPath("invitations", i.IRI), Who: page.Who(v.Invitee, i.Invitee), By: page.Who(v.Sponsor, i.Sponsor), Why: why,
		Open: i.State == models.InvitationOpen && fresh, Live: v.Runs && (i.State == models.InvitationOpen || i.State == models.InvitationAccepted)}
	if v.Runs {
		out.Of, out.Print = page.ObjectPath("communities", i.Community), page.ObjectPath("guest-invitations", i.IRI)
	}
	if name == "revoke" && !out.Live {
		return page.NotFound
	}
	if out.Charter, err = communities.RenderCharter(v.Charter); err != nil {
		return err
	}
	title := r.T("communities.invitation.title", "Community", v.Community)
	if name == "revoke" {
		title = r.T("communities.revoke.title", "Name", out.Who)
	}
	return r.Render(page.Page{Name: "communities/" + name, Title: title, Nav: "communities", At: out.Of, Data: out})
}

// Below is the address of an act on the invitation.
func (v *invitationView) Below(what string) string {
	return below("invitations", v.Invitation.IRI, what)
}
