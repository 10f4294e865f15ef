// Package account is the area in which people come in and look after their own account:
// signing in, the first run, second factors, sessions, preferences, notices.
package account

import (
	"embed"
	"net/http"
	"net/url"
	"time"

	"valise/instance/access"
	"valise/instance/accreditation"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the area stands on.
type Services struct {
	Own           iri.Host
	Access        *access.Access
	Accreditation *accreditation.Accreditation
	Now           func() time.Time
}

type area struct{ Services }

// New builds the area.
func New(s Services) page.Area {
	a := &area{s}
	return page.Area{Name: "account", Files: files, Mount: a.mount}
}

func (a *area) mount(r *page.Routes) {
	r.Open("GET", "/sign-in", func(r *page.Request) error { return a.signIn(r, "") })
	r.Open("POST", "/sign-in", a.password)
	r.Open("GET", "/sign-in/second", func(r *page.Request) error { return a.second(r, "") })
	r.Open("POST", "/sign-in/second", a.takeSecond)
	r.Open("POST", "/sign-in/passkey/begin", a.beginPasskey)
	r.Open("POST", "/sign-in/passkey", a.takePasskey)
	r.Signed("GET", "/sign-in/again", func(r *page.Request) error { return a.again(r, "") })
	r.Signed("POST", "/sign-in/again", a.takeAgain)
	r.Open("POST", "/sign-out", a.signOut)
	r.Open("GET", access.PathSetup+":token", func(r *page.Request) error { return a.setup(r, "", "") })
	r.Open("POST", access.PathSetup+":token", a.takeSetup)
	r.Open("GET", access.PathWelcome+":token", func(r *page.Request) error { return a.welcome(r, "", "") })
	r.Open("POST", access.PathWelcome+":token", a.takeWelcome)
	r.Open("GET", access.PathAddress+":token", a.address)
	r.Open("POST", access.PathAddress+":token", a.takeAddress)
	a.mountProfile(r)
	a.mountNotices(r)
}

// door is what a title page shows beside its form.
type door struct {
	Fingerprint string
	Why         string
	At          string // the field that is wrong, "" for none alone
	Unset       bool   // nobody can sign in yet
	Next        string
	Name        string
	TOTP        bool
	Passkey     bool
	First       first
	Invited     *access.Invited
}

type first struct{ Username, Name, Office, Code, Title, Post string }

func (a *area) door(r *page.Request, name, title string, d door) error {
	var err error
	if d.Fingerprint, err = a.Accreditation.Fingerprint(r.Ctx()); err != nil {
		return err
	}
	if d.Why != "" {
		r.Status(http.StatusUnprocessableEntity)
	}
	return r.Render(page.Page{Name: "account/" + name, Title: title, Bare: true, Data: d})
}

func (a *area) signIn(r *page.Request, why string) error {
	if r.Viewer.SignedIn() && r.Viewer.Guest == "" && why == "" {
		return r.See(r.Back("/"))
	}
	unset, err := a.Access.Unset(r.Ctx())
	if err != nil {
		return err
	}
	return a.door(r, "signin", r.T("account.signin.title"), door{Why: why, Unset: unset, Next: r.Back("/"), Name: r.Field("name")})
}

// refusal is what a form shows, with the words for a pause.
func refusal(r *page.Request, err error) (string, bool) {
	if wait, ok := access.Waiting(err); ok {
		minutes := int((wait + time.Minute - 1) / time.Minute)
		return r.N("account.signin.wait", minutes), true
	}
	p, ok := r.Refused(err)
	return p, ok
}

func (a *area) password(r *page.Request) error {
	step, err := a.Access.Password(r.Ctx(), r.Field("name"), r.Field("password"), r.Origin())
	if why, mine := refusal(r, err); mine {
		return a.signIn(r, why)
	}
	if err != nil {
		return err
	}
	return a.step(r, step, r.Back("/"))
}

// step goes on after a first factor.
func (a *area) step(r *page.Request, step *access.Step, next string) error {
	if step.Proof != nil {
		return a.enter(r, step.Proof, next)
	}
	ctx, m := r.Ctx(), r.Sessions()
	m.Put(ctx, "step", step.Next)
	m.Put(ctx, "next", next)
	m.Put(ctx, "totp", step.TOTP)
	m.Put(ctx, "passkey", step.Passkey)
	return r.See("/sign-in/second")
}

// enter begins the session of whoever was proved, under a new token.
func (a *area) enter(r *page.Request, proof *access.Proof, next string) error {
	ctx, m := r.Ctx(), r.Sessions()
	for _, key := range []string{"step", "next", "totp", "passkey"} {
		m.Remove(ctx, key)
	}
	if err := m.RenewToken(ctx); err != nil {
		return err
	}
	m.Put(ctx, "in", true)
	if _, err := a.Access.Begin(ctx, m.Token(ctx), proof, r.Origin()); err != nil {
		return err
	}
	return r.See(next)
}

func (a *area) second(r *page.Request, why string) error {
	ctx, m := r.Ctx(), r.Sessions()
	if m.GetString(ctx, "step") == "" {
		return r.See("/sign-in")
	}
	return a.door(r, "second", r.T("account.second.title"), door{Why: why, Next: m.GetString(ctx, "next"), TOTP: m.GetBool(ctx, "totp"), Passkey: m.GetBool(ctx, "passkey")})
}

func (a *area) takeSecond(r *page.Request) error {
	ctx, m := r.Ctx(), r.Sessions()
	proof, err := a.Access.Second(ctx, m.GetString(ctx, "step"), r.Field("code"), r.Origin())
	if why, mine := refusal(r, err); mine {
		return a.second(r, why)
	}
	if err != nil {
		return err
	}
	next := m.GetString(ctx, "next")
	if next == "" {
		next = "/"
	}
	return a.enter(r, proof, next)
}

func (a *area) beginPasskey(r *page.Request) error {
	options, ceremony, err := a.Access.BeginSignIn()
	if err != nil {
		return err
	}
	r.Sessions().Put(r.Ctx(), "ceremony", ceremony)
	r.Context.Data(http.StatusOK, "application/json", options)
	return nil
}

// takePasskey answers the page's own script: where to go, or what is wrong.
func (a *area) takePasskey(r *page.Request) error {
	ctx, m := r.Ctx(), r.Sessions()
	proof, err := a.Access.Passkey(ctx, m.PopString(ctx, "ceremony"), []byte(r.Field("answer")), r.Origin())
	if err != nil {
		if why, mine := refusal(r, err); mine {
			r.Context.JSON(http.StatusUnprocessableEntity, map[string]string{"detail": why})
			return nil
		}
		return err
	}
	next := r.Back("/")
	if err := a.enter(r, proof, next); err != nil {
		return err
	}
	return nil
}

// again asks somebody who is signed in to prove it once more, before an act of weight.
func (a *area) again(r *page.Request, why string) error {
	return a.door(r, "again", r.T("account.again.title"), door{Why: why, Next: r.Back("/"), Name: r.Viewer.Name})
}

func (a *area) takeAgain(r *page.Request) error {
	step, err := a.Access.Password(r.Ctx(), r.Viewer.Username, r.Field("password"), r.Origin())
	if why, mine := refusal(r, err); mine {
		return a.again(r, why)
	}
	if err != nil {
		return err
	}
	return a.step(r, step, r.Back("/"))
}

func (a *area) signOut(r *page.Request) error {
	if err := r.Sessions().Destroy(r.Ctx()); err != nil {
		return err
	}
	if r.Viewer.Guest != "" {
		return r.See("/read")
	}
	return r.See("/sign-in")
}

func (a *area) setup(r *page.Request, at, why string) error {
	if err := a.Access.Setup(r.Ctx(), r.Param("token")); err != nil {
		return err
	}
	return a.door(r, "setup", r.T("account.setup.title"), door{Why: why, At: at, First: readFirst(r)})
}

func readFirst(r *page.Request) first {
	return first{r.Field("username"), r.Field("name"), r.Field("office"), r.Field("code"), r.Field("title"), r.Field("post")}
}

func (a *area) takeSetup(r *page.Request) error {
	in := readFirst(r)
	if r.Field("password") != r.Field("repeat") {
		return a.setup(r, "repeat", r.T("account.setup.differ"))
	}
	proof, err := a.Access.FirstRun(r.Ctx(), r.Param("token"), access.First{Username: in.Username, Name: in.Name, Password: r.Field("password"), Office: in.Office, Code: in.Code, Title: in.Title, Post: in.Post})
	if why, mine := refusal(r, err); mine {
		return a.setup(r, r.Wrong(err), why)
	}
	if err != nil {
		return err
	}
	r.Say("account.setup.done")
	return a.enter(r, proof, "/operator")
}

func (a *area) welcome(r *page.Request, at, why string) error {
	invited, err := a.Access.Link(r.Ctx(), r.Param("token"))
	if err != nil {
		return err
	}
	return a.door(r, "welcome", r.T("account.welcome.title"), door{Why: why, At: at, Invited: invited})
}

func (a *area) takeWelcome(r *page.Request) error {
	if r.Field("password") != r.Field("repeat") {
		return a.welcome(r, "repeat", r.T("account.setup.differ"))
	}
	step, err := a.Access.UseLink(r.Ctx(), r.Param("token"), r.Field("password"))
	if why, mine := refusal(r, err); mine {
		return a.welcome(r, r.Wrong(err), why)
	}
	if err != nil {
		return err
	}
	return a.step(r, step, "/")
}

// address shows a button: a link that is merely opened, by a mail scanner say, does
// nothing.
func (a *area) address(r *page.Request) error {
	return a.door(r, "address", r.T("account.address.title"), door{})
}

func (a *area) takeAddress(r *page.Request) error {
	if _, err := a.Access.ProveEmail(r.Ctx(), r.Param("token")); err != nil {
		return err
	}
	r.Say("account.address.done")
	return r.See("/profile")
}

// fresh sends somebody whose proof is too old to prove herself and come back.
func (a *area) fresh(r *page.Request) bool { return access.Fresh(r.Viewer.Session, a.Now()) }

func again(r *page.Request, next string) error {
	return r.See("/sign-in/again?next=" + url.QueryEscape(next))
}
