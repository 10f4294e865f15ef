package operator

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"valise/models"
	"valise/ui/page"
)

func (a *area) mountTrail(r *page.Routes) {
	r.Operator("GET", "/operator/trail", a.trail)
	r.Operator("POST", "/operator/trail/verify", a.verifyTrail)
	r.Operator("POST", "/operator/trail/export", a.exportTrail)
}

// filter reads the form that narrows the trail. why says what is wrong with a day that
// cannot be read, or with an act that is none of those of the trail.
func filter(r *page.Request, acts []string) (f models.AuditFilter, why map[string]string) {
	why = map[string]string{}
	if act := r.Field("act"); act != "" && !slices.Contains(acts, act) {
		why["act"] = r.NoChoice(act)
	}
	day := func(name string) time.Time {
		t, wrong := r.Day(name)
		if wrong != "" {
			why[name] = wrong
		}
		return t
	}
	f = models.AuditFilter{Actor: r.Field("actor"), Act: r.Field("act"), Object: r.Field("object"), From: models.At(day("from"))}
	if to := day("to"); !to.IsZero() {
		f.To = models.At(to.AddDate(0, 0, 1))
	}
	return f, why
}

type trailView struct {
	Actor, Act, Object, From, To string
	Acts                         []string
	Entries                      []*models.AuditEntry
	Next                         string
	Verified                     int
	Fault                        string
	Checked                      bool
	Why                          map[string]string // by field, of what cannot be read
}

func (a *area) readTrail(r *page.Request) (*trailView, error) {
	v := &trailView{Actor: r.Field("actor"), Act: r.Field("act"), Object: r.Field("object"), From: r.Field("from"), To: r.Field("to")}
	var err error
	if v.Acts, err = a.Queues.Acts(r.Ctx()); err != nil {
		return nil, err
	}
	var f models.AuditFilter
	if f, v.Why = filter(r, v.Acts); len(v.Why) > 0 {
		r.Status(http.StatusUnprocessableEntity)
		return v, nil
	}
	if v.Entries, err = a.Queues.Trail(r.Ctx(), f, r.Int("before", 0), rows); err != nil {
		return nil, err
	}
	if n := len(v.Entries); n > 0 {
		v.Next = next("/operator/trail", r.Values(), "before", n == rows, v.Entries[n-1].ID)
	}
	return v, nil
}

func (a *area) trail(r *page.Request) error {
	v, err := a.readTrail(r)
	if err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "trail", Title: r.T("operator.trail.title"), At: "/operator/trail", Data: v}))
}

func (a *area) verifyTrail(r *page.Request) error {
	v, err := a.readTrail(r)
	if err != nil {
		return err
	}
	v.Checked = true
	if v.Verified, err = a.Queues.VerifyAudit(r.Ctx()); err != nil {
		v.Fault = err.Error()
	}
	return r.Render(a.frame(r, page.Page{Name: "trail", Title: r.T("operator.trail.title"), At: "/operator/trail", Data: v}))
}

// exportTrail sends the filtered trail as CSV, a page of the store at a time. A cell that
// a spreadsheet would take for a formula begins with an apostrophe.
func (a *area) exportTrail(r *page.Request) error {
	acts, err := a.Queues.Acts(r.Ctx())
	if err != nil {
		return err
	}
	f, why := filter(r, acts)
	if len(why) > 0 {
		return a.trail(r)
	}
	if err := a.Queues.Exported(r.Ctx(), a.by(r), f); err != nil {
		return err
	}
	h := r.Writer.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="audit-trail.csv"`)
	r.Status(http.StatusOK)
	w := csv.NewWriter(r.Writer)
	if err := w.Write([]string{"number", "time", "actor", "act", "object", "detail", "previous", "hash"}); err != nil {
		return err
	}
	for before := int64(0); ; {
		list, err := a.Queues.Trail(r.Ctx(), f, before, 200)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := w.Write([]string{strconv.FormatInt(e.ID, 10), e.At.Time().UTC().Format(time.RFC3339Nano), cell(e.Actor), cell(e.Act), cell(e.Object), cell(e.Detail), e.Previous, e.Hash}); err != nil {
				return err
			}
			before = e.ID
		}
		w.Flush()
		if len(list) < 200 || w.Error() != nil {
			return w.Error()
		}
	}
}

func cell(v string) string {
	if strings.IndexAny(v, "=+-@\t\r") == 0 {
		return "'" + v
	}
	return v
}
