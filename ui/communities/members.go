package communities

import (
	"strconv"
	"time"

	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

type membersView struct {
	Place       place
	Past        bool
	Lines       []models.MemberLine
	Own         iri.Host
	First, Next string
}

// members lists who is in the community, or for an organiser who was.
func (a *area) members(r *page.Request) error {
	past := r.Field("past") != ""
	after := iri.IRI(r.Field("after"))
	c, list, runs, err := a.Communities.Members(r.Ctx(), r.Person(), idOf(r), past, after, rows)
	if err != nil {
		return err
	}
	v := membersView{Place: at(c, "members", runs), Past: past, Lines: list, Own: a.Own}
	on := ""
	if past {
		on = "1"
	}
	if after != "" {
		v.First = v.Place.Below("members", "past", on)
	}
	if len(list) == rows {
		v.Next = v.Place.Below("members", "past", on, "after", string(list[rows-1].Actor))
	}
	return r.Render(frame("members", r.T("communities.members.title"), v.Place, v))
}

// terms is what was typed about a member.
type terms struct{ Ceiling, Ends, Reason string }

type memberView struct {
	*communities.MemberView
	Place       place
	Name        string
	Here        bool // an account of this instance
	Bound       bool // the office or the organiser, who stay
	Ceilings    []communities.Level
	Form        terms
	Why         string
	Today       string
	First, Next string
}

func (a *area) memberOf(r *page.Request, what string, limit int) (*memberView, error) {
	actor := iri.IRI(r.Field("who"))
	m, err := a.Communities.Member(r.Ctx(), r.Person(), idOf(r), actor, r.Int("before", 0), limit)
	if err != nil {
		return nil, err
	}
	v := &memberView{MemberView: m, Place: at(m.Community, what, true), Name: page.Who(m.Member.Name, actor), Here: m.Member.Host == a.Own, Ceilings: a.Communities.Ceilings(m.Member.Ceiling),
		Bound: actor == m.Community.Office || actor == m.Community.Organiser, Today: r.Now().UTC().Format(time.DateOnly)}
	if r.Int("before", 0) > 0 {
		v.First = v.Place.Below(what, "who", string(actor))
	}
	if n := len(m.Shared); limit > 0 && n == limit {
		v.Next = v.Place.Below(what, "who", string(actor), "before", itoa(m.Shared[n-1].ID))
	}
	return v, nil
}

// member shows one member: her terms, what went to her, and what she can read.
func (a *area) member(r *page.Request) error { return a.showMember(r, terms{}, "") }

func (a *area) showMember(r *page.Request, f terms, why string) error {
	v, err := a.memberOf(r, "member", rows)
	if err != nil {
		return err
	}
	v.Form, v.Why = f, why
	p := frame("member", v.Name, v.Place, v)
	for _, l := range v.Shared {
		p.Highest = max(p.Highest, l.MarkingRank)
	}
	return r.Render(p)
}

// termEnd reads the last day of a term, which ends with it (UTC); zero is none.
func termEnd(r *page.Request) (time.Time, error) {
	t, why := r.Day("ends")
	if why != "" {
		return t, page.Invalid("%s", why)
	}
	if t.IsZero() {
		return t, nil
	}
	return t.Add(24*time.Hour - time.Second), nil
}

func (a *area) narrow(r *page.Request) error {
	f := terms{Ceiling: r.Field("ceiling"), Ends: r.Field("ends")}
	actor := iri.IRI(r.Field("who"))
	ends, err := termEnd(r)
	if err == nil {
		err = a.Communities.Narrow(r.Ctx(), r.Person(), idOf(r), actor, f.Ceiling, ends)
	}
	if err != nil {
		return refused(r, err, func(why string) error { return a.showMember(r, f, why) })
	}
	r.Say("communities.did.narrow")
	return r.See(below("communities", idOf(r), "member", "who", string(actor)))
}

// askRemove says what a removal means before it is done.
func (a *area) askRemove(r *page.Request) error { return a.asksRemove(r, "", "") }

func (a *area) asksRemove(r *page.Request, reason, why string) error {
	v, err := a.memberOf(r, "remove", 0)
	if err != nil {
		return err
	}
	if v.Member.State != models.MemberActive || v.Bound {
		return page.NotFound
	}
	v.Form.Reason, v.Why = reason, why
	return r.Render(frame("remove", r.T("communities.remove.title", "Name", v.Name), v.Place, v))
}

func (a *area) remove(r *page.Request) error {
	actor, reason := iri.IRI(r.Field("who")), r.Field("reason")
	var err error
	if reason == "" {
		err = page.Invalid("%s", r.T("communities.form.reason"))
	} else {
		err = a.Communities.Remove(r.Ctx(), r.Person(), idOf(r), actor, reason)
	}
	if err != nil {
		why, mine := r.Refusal(err)
		if !mine {
			return err
		}
		r.Status(422)
		// One who is gone by now has no removal left to ask about.
		if again := a.asksRemove(r, reason, why); again == nil {
			return nil
		}
		return err
	}
	r.Say("communities.did.remove")
	return r.See(below("communities", idOf(r), "members"))
}

type leaveView struct {
	Place   place
	Ceiling int64
	Why     string
	Copies  bool // the community runs elsewhere: what came stays here
}

// askLeave says what leaving means before it is done.
func (a *area) askLeave(r *page.Request) error { return a.asksLeave(r, "") }

func (a *area) asksLeave(r *page.Request, why string) error {
	v, err := a.Desk.Community(r.Ctx(), r.Person(), idOf(r), "", 1)
	if err != nil {
		return err
	}
	if !v.Person || v.Organiser == r.Person() && v.Local {
		return page.NotFound
	}
	p := at(&v.Community, "leave", v.Runs)
	return r.Render(frame("leave", r.T("communities.leave.title", "Name", v.Community.Name), p, leaveView{Place: p, Why: why, Copies: !v.Local}))
}

func (a *area) leave(r *page.Request) error {
	if err := a.Communities.Leave(r.Ctx(), r.Person(), idOf(r)); err != nil {
		why, mine := r.Refusal(err)
		if !mine {
			return err
		}
		r.Status(422)
		if again := a.asksLeave(r, why); again == nil {
			return nil
		}
		return err
	}
	r.Say("communities.did.leave")
	return r.See("/communities")
}
