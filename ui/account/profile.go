package account

import (
	"html/template"
	"net/http"

	"valise/instance/access"
	"valise/models"
	"valise/ui/page"
)

func (a *area) mountProfile(r *page.Routes) {
	r.Signed("GET", "/profile", func(r *page.Request) error { return a.profile(r, "", "", "") })
	r.Signed("POST", "/profile", a.setPreferences)
	r.Signed("POST", "/profile/address", a.freshly(a.setAddress))
	r.Signed("POST", "/profile/password", a.freshly(a.setPassword))
	r.Signed("GET", "/profile/totp", a.freshPage(a.offer))
	r.Signed("POST", "/profile/totp", a.freshly(a.confirmTOTP))
	r.Signed("POST", "/profile/totp/drop", a.freshly(a.dropTOTP))
	r.Signed("POST", "/profile/passkey/begin", a.freshly(a.beginPasskeyOfHers))
	r.Signed("POST", "/profile/passkey", a.freshly(a.addPasskey))
	r.Signed("POST", "/profile/passkey/drop", a.freshly(a.dropPasskey))
	r.Signed("POST", "/profile/codes", a.freshly(a.newCodes))
	r.Signed("POST", "/profile/sessions/end", a.endSession)
	r.Signed("POST", "/profile/sessions/others", a.endOthers)
	r.Signed("POST", "/profile/feed", a.newFeed)
	r.Signed("POST", "/profile/feed/drop", a.dropFeed)
}

// freshly asks for a new proof before an act upon the account itself.
func (a *area) freshly(h page.Handler) page.Handler {
	return func(r *page.Request) error {
		if !a.fresh(r) {
			if r.Scripted() {
				r.Context.JSON(http.StatusForbidden, map[string]string{"go": "/sign-in/again?next=/profile"})
				return nil
			}
			r.Say("account.profile.first")
			return again(r, "/profile")
		}
		return h(r)
	}
}

func (a *area) freshPage(h page.Handler) page.Handler {
	return func(r *page.Request) error {
		if !a.fresh(r) {
			return again(r, r.Context.Request.URL.Path)
		}
		return h(r)
	}
}

type profileView struct {
	Preferences *models.Preferences
	Factors     models.Factors
	Passkeys    []*models.Passkey
	Codes       int
	CodesAt     models.Time
	Sessions    []*models.Session
	Current     string
	Why, Act    string   // of the act that was refused
	At          string   // the field that is wrong, "" for none alone
	Shown       []string // recovery codes, once
	Feed        string   // the feed's address, once
	Typed       struct{ Email, Zone string }
}

func (a *area) look(r *page.Request) (*profileView, error) {
	ctx, me := r.Ctx(), r.Person()
	v := &profileView{Current: r.Viewer.Session.ID}
	var err error
	if v.Preferences, err = a.Access.Preferences(ctx, me); err != nil {
		return nil, err
	}
	if v.Factors, err = a.Access.Factors(ctx, me); err != nil {
		return nil, err
	}
	if v.Passkeys, err = a.Access.Passkeys(ctx, me); err != nil {
		return nil, err
	}
	if v.Codes, v.CodesAt, err = a.Access.RecoveryCodes(ctx, me); err != nil {
		return nil, err
	}
	v.Sessions, err = a.Access.SessionsOf(ctx, me)
	v.Typed.Email, v.Typed.Zone = v.Preferences.Email, v.Preferences.Zone
	return v, err
}

func (a *area) profile(r *page.Request, act, at, why string) error {
	v, err := a.look(r)
	if err != nil {
		return err
	}
	if why != "" {
		r.Status(http.StatusUnprocessableEntity)
		v.Act, v.At, v.Why = act, at, why
		if act == "address" {
			v.Typed.Email = r.Field("email")
		}
		if act == "preferences" {
			v.Typed.Zone = r.Field("zone")
		}
	}
	return a.show(r, v)
}

func (a *area) show(r *page.Request, v *profileView) error {
	return r.Render(page.Page{Name: "account/profile", Title: r.T("account.profile.title"), Data: v})
}

// done ends an act: a refusal shows the page again, success goes on.
func (a *area) done(r *page.Request, act string, err error) error {
	if why, mine := refusal(r, err); mine {
		return a.profile(r, act, r.Wrong(err), why)
	}
	if err != nil {
		return err
	}
	r.Say("account.profile.did." + act)
	return r.See("/profile")
}

func (a *area) setPreferences(r *page.Request) error {
	return a.done(r, "preferences", a.Access.SetPreferences(r.Ctx(), r.Person(), r.Field("language"), r.Field("zone"), r.Field("theme"), r.Field("notify") != ""))
}

func (a *area) setAddress(r *page.Request) error {
	return a.done(r, "address", a.Access.SetEmail(r.Ctx(), r.Viewer.Session, r.Field("email"), r.Origin()))
}

func (a *area) setPassword(r *page.Request) error {
	if r.Field("password") != r.Field("repeat") {
		return a.profile(r, "password", "repeat", r.T("account.setup.differ"))
	}
	return a.done(r, "password", a.Access.ChangePassword(r.Ctx(), r.Viewer.Session, r.Field("password")))
}

type offerView struct {
	Offer *access.Offer
	Path  template.HTMLAttr // of the picture
	Side  int
	Why   string
}

func (a *area) offer(r *page.Request) error { return a.showOffer(r, "") }

func (a *area) showOffer(r *page.Request, why string) error {
	o, err := a.Access.OfferTOTP(r.Ctx(), r.Viewer.Session, false)
	if err != nil {
		return err
	}
	if why != "" {
		r.Status(http.StatusUnprocessableEntity)
	}
	return r.Render(page.Page{Name: "account/totp", Title: r.T("account.totp.title"), Data: offerView{o, page.QRPath(o.QR), len(o.QR) + 2*page.QRMargin, why}})
}

func (a *area) confirmTOTP(r *page.Request) error {
	codes, err := a.Access.ConfirmTOTP(r.Ctx(), r.Viewer.Session, r.Field("code"))
	if why, mine := refusal(r, err); mine {
		return a.showOffer(r, why)
	}
	if err != nil {
		return err
	}
	return a.codes(r, codes)
}

// codes shows new recovery codes once; without any it goes on.
func (a *area) codes(r *page.Request, codes []string) error {
	if len(codes) == 0 {
		r.Say("account.profile.did.factor")
		return r.See("/profile")
	}
	v, err := a.look(r)
	if err != nil {
		return err
	}
	v.Shown = codes
	return a.show(r, v)
}

func (a *area) dropTOTP(r *page.Request) error {
	return a.done(r, "dropped", a.Access.DropTOTP(r.Ctx(), r.Viewer.Session))
}

func (a *area) beginPasskeyOfHers(r *page.Request) error {
	options, ceremony, err := a.Access.BeginPasskey(r.Ctx(), r.Viewer.Session)
	if err != nil {
		return err
	}
	r.Sessions().Put(r.Ctx(), "ceremony", ceremony)
	r.Context.Data(http.StatusOK, "application/json", options)
	return nil
}

func (a *area) addPasskey(r *page.Request) error {
	ctx := r.Ctx()
	codes, err := a.Access.AddPasskey(ctx, r.Viewer.Session, r.Sessions().PopString(ctx, "ceremony"), r.Field("name"), []byte(r.Field("answer")))
	if why, mine := refusal(r, err); mine {
		return a.profile(r, "passkey", "", why)
	}
	if err != nil {
		return err
	}
	return a.codes(r, codes)
}

func (a *area) dropPasskey(r *page.Request) error {
	return a.done(r, "dropped", a.Access.RemovePasskey(r.Ctx(), r.Viewer.Session, r.Field("id")))
}

func (a *area) newCodes(r *page.Request) error {
	codes, err := a.Access.NewRecoveryCodes(r.Ctx(), r.Viewer.Session)
	if why, mine := refusal(r, err); mine {
		return a.profile(r, "codes", "", why)
	}
	if err != nil {
		return err
	}
	return a.codes(r, codes)
}

func (a *area) endSession(r *page.Request) error {
	return a.done(r, "session", a.Access.EndSession(r.Ctx(), r.Viewer.Session, r.Field("id")))
}

func (a *area) endOthers(r *page.Request) error {
	_, err := a.Access.EndOthers(r.Ctx(), r.Viewer.Session)
	return a.done(r, "others", err)
}

// newFeed shows the address of her feed once.
func (a *area) newFeed(r *page.Request) error {
	token, err := a.Access.NewFeed(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	v, err := a.look(r)
	if err != nil {
		return err
	}
	v.Feed = a.Own.Base() + "/feed/" + token
	return a.show(r, v)
}

func (a *area) dropFeed(r *page.Request) error {
	return a.done(r, "feed", a.Access.DropFeed(r.Ctx(), r.Person()))
}
