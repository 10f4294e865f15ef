package operator

import (
	"net/http"
	"time"

	"valise/instance/accounts"
	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

func (a *area) mountKeys(r *page.Routes) {
	r.Operator("GET", "/operator/keys", func(r *page.Request) error { return a.keys(r, "") })
	r.Operator("POST", "/operator/keys/rotate", a.rotate)
}

type keyView struct {
	*models.Key
	Fingerprint string
}

// actor is whose keys are shown; "" is the instance itself.
func (a *area) actor(r *page.Request, name string) (iri.IRI, error) {
	if name == "" {
		return accounts.InstanceActor(a.Own), nil
	}
	return a.Directory.Resolve(r.Ctx(), name)
}

func (a *area) keys(r *page.Request, why string) error {
	name := r.Field("actor")
	v := struct {
		Actor, Why, Reason, Since string
		Compromised               bool
		Keys                      []keyView
	}{name, why, r.Field("reason"), r.Field("since"), r.Field("compromised") != "", nil}
	id, err := a.actor(r, name)
	if err == nil {
		var list []*models.Key
		list, err = a.Keys.List(r.Ctx(), id)
		for _, k := range list {
			v.Keys = append(v.Keys, keyView{k, directory.Fingerprint(k.Public)})
		}
	}
	if text, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		v.Why = text
	} else if err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "keys", Title: r.T("operator.keys.title"), At: "/operator/keys", Data: v}))
}

func (a *area) rotate(r *page.Request) error {
	id, err := a.actor(r, r.Field("actor"))
	var since time.Time
	compromised := r.Field("compromised") != ""
	if err == nil && compromised {
		if since, err = time.Parse("2006-01-02T15:04", r.Field("since")); err != nil {
			err = page.Invalid("%s", r.T("operator.keys.badtime"))
		}
	}
	if err == nil {
		err = a.Keys.Rotate(r.Ctx(), a.by(r), id, r.Field("reason"), compromised, since)
	}
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.keys(r, why)
	}
	if err != nil {
		return err
	}
	r.Say("operator.keys.did")
	return r.See("/operator/keys")
}
