package operator

import (
	"fmt"
	"net/http"
	"slices"

	"valise/config"
	"valise/instance/refusals"
	"valise/models"
	"valise/ui/page"
)

func (a *area) mountQueues(r *page.Routes) {
	r.Operator("GET", "/operator/queues", a.queue)
	r.Operator("POST", "/operator/queues/:id/retry", a.retry)
	r.Operator("GET", "/operator/aside", a.aside)
	r.Operator("GET", "/operator/aside/:id", a.arrival)
	r.Operator("POST", "/operator/aside/:id/retry", a.retryArrival)
	r.Operator("GET", "/operator/refused", a.refused)
	r.Operator("GET", "/operator/profiles", a.profiles)
}

// states are those by which the queue is narrowed.
var states = []string{models.DeliveryFailed, models.DeliveryPending, models.DeliveryCancelled, models.DeliveryDone}

func (a *area) queue(r *page.Request) error {
	state, why := r.Field("state"), ""
	if state == "" {
		state = models.DeliveryFailed
	}
	var list []*models.Delivery
	var err error
	if !slices.Contains(states, state) {
		why = r.NoChoice(state)
		r.Status(http.StatusUnprocessableEntity)
	} else if list, err = a.Queues.Deliveries(r.Ctx(), state, r.Int("after", 0), rows); err != nil {
		return err
	}
	status, err := a.Queues.Status(r.Ctx())
	if err != nil {
		return err
	}
	v := struct {
		State, Why      string
		States          []string
		Pending, Failed int64
		Deliveries      []*models.Delivery
		Next            string
	}{state, why, states, status.DeliveriesPending, status.DeliveriesFailed, list, ""}
	if len(list) > 0 {
		v.Next = next("/operator/queues", r.Values(), "after", len(list) == rows, list[len(list)-1].ID)
	}
	return r.Render(a.frame(r, page.Page{Name: "queues", Title: r.T("operator.queues.title"), At: "/operator/queues", Data: v}))
}

func (a *area) retry(r *page.Request) error {
	id := param(r)
	if err := a.Queues.Retry(r.Ctx(), a.by(r), id); err != nil {
		return err
	}
	r.Say("operator.queues.did")
	return r.See(r.Back("/operator/queues"))
}

func param(r *page.Request) int64 {
	var id int64
	if _, err := fmt.Sscan(r.Param("id"), &id); err != nil {
		return -1
	}
	return id
}

func (a *area) aside(r *page.Request) error {
	list, err := a.Queues.Arrivals(r.Ctx(), "", r.Int("after", 0), rows)
	if err != nil {
		return err
	}
	v := struct {
		Arrivals []*models.Arrival
		Next     string
	}{Arrivals: list}
	if len(list) > 0 {
		v.Next = next("/operator/aside", r.Values(), "after", len(list) == rows, list[len(list)-1].ID)
	}
	return r.Render(a.frame(r, page.Page{Name: "aside", Title: r.T("operator.aside.title"), At: "/operator/aside", Data: v}))
}

func (a *area) arrival(r *page.Request) error {
	found, _, err := a.Queues.Arrival(r.Ctx(), param(r))
	if _, mine := r.Refusal(err); mine {
		return page.NotFound
	}
	if err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "arrival", Title: r.T("operator.aside.one", "ID", found.ID), At: "/operator/aside", Data: found}))
}

func (a *area) retryArrival(r *page.Request) error {
	if err := a.Queues.RetryArrival(r.Ctx(), a.by(r), param(r)); err != nil {
		return err
	}
	r.Say("operator.aside.did")
	return r.See("/operator/aside")
}

func (a *area) refused(r *page.Request) error {
	v := struct {
		Rule   string
		Why    string // what is wrong with the rule that was asked for
		Rules  []ruleCount
		Turned []refusals.Turned
	}{Rule: r.Field("rule")}
	counts := map[string]int{}
	all := a.Recent.List("")
	for _, t := range all {
		if counts[t.Rule]++; counts[t.Rule] == 1 {
			v.Rules = append(v.Rules, ruleCount{Rule: t.Rule})
		}
		if (v.Rule == "" || v.Rule == t.Rule) && len(v.Turned) < 100 {
			v.Turned = append(v.Turned, t)
		}
	}
	for i := range v.Rules {
		v.Rules[i].N = counts[v.Rules[i].Rule]
	}
	if v.Rule != "" && counts[v.Rule] == 0 {
		v.Why = r.NoChoice(v.Rule)
		r.Status(http.StatusUnprocessableEntity)
	}
	return r.Render(a.frame(r, page.Page{Name: "refused", Title: r.T("operator.refused.title"), At: "/operator/refused", Data: v}))
}

type ruleCount struct {
	Rule string
	N    int
}

func (a *area) profiles(r *page.Request) error {
	v := struct {
		Markings     config.Markings
		Precedences  []config.PrecedenceProfile
		Used         string
		Equivalences []config.Equivalence
		Holds        bool
	}{a.Config.Markings, a.Config.Precedences, a.Config.Precedence, a.Config.Equivalences, a.Config.HoldClassified}
	return r.Render(a.frame(r, page.Page{Name: "profiles", Title: r.T("operator.profiles.title"), At: "/operator/profiles", Data: v}))
}
