package communities

import (
	"net/http"

	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

type ceilingView struct {
	Place    place
	Now      int64
	To       string // the marking that is asked about, "" before one was chosen
	Rank     int64
	Effect   models.CeilingEffect
	Ceilings []communities.Level
	Why      string
}

// ceiling shows the ceiling; with another one chosen it says what that would do.
func (a *area) ceiling(r *page.Request) error { return a.asksCeiling(r, "") }

func (a *area) asksCeiling(r *page.Request, why string) error {
	v := ceilingView{To: r.Field("to"), Why: why, Ceilings: a.Communities.Ceilings(0)}
	c, err := a.Communities.Organised(r.Ctx(), r.Person(), idOf(r))
	if err != nil {
		return err
	}
	if v.To != "" && why == "" {
		_, v.Rank, v.Effect, err = a.Communities.CeilingEffect(r.Ctx(), r.Person(), idOf(r), v.To)
		if problem, mine := r.Refusal(err); mine {
			r.Status(http.StatusUnprocessableEntity)
			v.Why, v.To = problem, ""
		} else if err != nil {
			return err
		}
	}
	v.Place, v.Now = at(c, "ceiling", true), c.Ceiling
	if v.Rank == v.Now {
		v.To = ""
	}
	return r.Render(frame("ceiling", r.T("communities.ceiling.title"), v.Place, v))
}

func (a *area) setCeiling(r *page.Request) error {
	to := r.Field("to")
	var err error
	if to == "" {
		err = page.Invalid("%s", r.T("communities.ceiling.choose"))
	} else {
		err = a.Communities.SetCeiling(r.Ctx(), r.Person(), idOf(r), to)
	}
	if err != nil {
		return refused(r, err, func(why string) error { return a.asksCeiling(r, why) })
	}
	r.Say("communities.did.ceiling", "Marking", to)
	return r.See(page.ObjectPath("communities", idOf(r)))
}

type takeView struct {
	Place  place
	Line   line
	Reason string
	Why    string
}

// moderation lists guests' comments; with one chosen it says what taking it out means.
func (a *area) moderation(r *page.Request) error {
	if r.Field("comment") != "" {
		return a.asksTake(r, "", "")
	}
	return a.talk(r, "moderation", true, "")
}

func (a *area) asksTake(r *page.Request, reason, why string) error {
	c, l, err := a.Communities.GuestComment(r.Ctx(), r.Person(), idOf(r), iri.IRI(r.Field("comment")))
	if err != nil {
		return err
	}
	v := takeView{Place: at(c, "moderation", true), Reason: reason, Why: why}
	shown, highest := lines([]models.CommunityComment{*l})
	v.Line = shown[0]
	p := frame("take", r.T("communities.take.title"), v.Place, v)
	p.Highest = highest
	return r.Render(p)
}

func (a *area) removeComment(r *page.Request) error {
	reason := r.Field("reason")
	err := a.Communities.RemoveComment(r.Ctx(), r.Person(), iri.IRI(r.Field("comment")), reason)
	if err != nil {
		return refused(r, err, func(why string) error { return a.asksTake(r, reason, why) })
	}
	r.Say("communities.did.take")
	return r.See(below("communities", idOf(r), "moderation"))
}

func (a *area) commenting(r *page.Request) error {
	if err := a.Communities.SetCommenting(r.Ctx(), r.Person(), idOf(r), r.Field("who")); err != nil {
		return refused(r, err, func(why string) error { return a.talk(r, "moderation", true, why) })
	}
	r.Say("communities.did.commenting")
	return r.See(below("communities", idOf(r), "moderation"))
}
