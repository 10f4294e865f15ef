// Package guest is where somebody with an account on other software comes in, reads and
// comments, and where an organiser prints the link of an invitation for her.
package guest

import (
	"embed"
	"net/http"
	"time"

	"valise/instance/access"
	"valise/instance/accreditation"
	"valise/instance/guests"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the pages stand on.
type Services struct {
	Guests        *guests.Guests
	Accreditation *accreditation.Accreditation
}

type area struct{ Services }

// HandleKey is under what the data of a guest's session hold her handle.
const HandleKey = "guest handle"

// secretKey is under what a browser keeps what its code is worth nothing without.
const secretKey = "guest secret"

// New builds the area.
func New(s Services) page.Area {
	a := &area{s}
	return page.Area{Name: "guest", Files: files, Mount: a.mount}
}

func (a *area) mount(r *page.Routes) {
	r.Open("GET", "/read", a.list)
	r.Open("GET", "/read/:id", a.link)
	r.Open("GET", "/read/at/:host/*path", a.open)
	r.Open("POST", "/read/at/:host/*path", a.comment)
	r.Open("POST", "/guest/ask", a.takeHandle)
	r.Open("GET", "/guest/code", func(r *page.Request) error { return a.code(r, "") })
	r.Open("POST", "/guest/code", a.takeCode)
	r.Open("GET", guests.PathPrinted+":token", func(r *page.Request) error { return a.card(r, "") })
	r.Open("POST", guests.PathPrinted+":token", a.takeCard)
	r.Signed("GET", "/guest-invitations/:host/*path", a.sheet)
	r.Signed("POST", "/guest-invitations/:host/*path", a.print)
}

// door is what a page shows to somebody who is not in yet.
type door struct {
	Fingerprint string
	Why         string
	Handle      string
	Link        string
	Home        string // where her own Valise, if it is one, shows what she asked for
	HomeHost    iri.Host
	Ours        bool // the handle is of this instance
	Card        *guests.Card
	Token       string
	Name        string // of whoever is signed in
}

func (a *area) door(r *page.Request, name, title string, d door) error {
	var err error
	if d.Fingerprint, err = a.Accreditation.Fingerprint(r.Ctx()); err != nil {
		return err
	}
	if d.Why != "" && r.Writer.Status() < 400 {
		r.Status(http.StatusUnprocessableEntity)
	}
	return r.Render(page.Page{Name: "guest/" + name, Title: title, Bare: true, Data: d})
}

func staff(r *page.Request) bool { return r.Viewer.SignedIn() && r.Viewer.Guest == "" }

// refusal is what a form shows, with the words for a pause.
func refusal(r *page.Request, err error) (string, bool) {
	if wait, ok := access.Waiting(err); ok {
		r.Status(http.StatusTooManyRequests)
		return r.N("guest.ask.wait", int((wait+time.Minute-1)/time.Minute)), true
	}
	return r.Refused(err)
}

// ask is the page before all others. It is the same for every address under /read, so
// that it tells nobody whether anything is there.
func (a *area) ask(r *page.Request, link, why string) error {
	return a.door(r, "ask", r.T("guest.ask.title"), door{Why: why, Handle: r.Field("handle"), Link: link})
}

func (a *area) takeHandle(r *page.Request) error {
	link := r.Field("link")
	if staff(r) {
		return r.See("/read/" + link)
	}
	secret, err := a.Guests.Ask(r.Ctx(), r.Field("handle"), link, r.Origin())
	if why, mine := refusal(r, err); mine {
		return a.ask(r, link, why)
	}
	if err != nil {
		return err
	}
	h, err := a.Guests.Handle(r.Field("handle"))
	if err != nil {
		return err
	}
	m, ctx := r.Sessions(), r.Ctx()
	m.Put(ctx, secretKey, secret)
	m.Put(ctx, "guest asked", h.String())
	m.Put(ctx, "guest link", link)
	return r.See("/guest/code")
}

// code asks for the code. It says the same whether one was sent or not.
func (a *area) code(r *page.Request, why string) error {
	m, ctx := r.Sessions(), r.Ctx()
	d := door{Why: why, Handle: m.GetString(ctx, "guest asked"), Link: m.GetString(ctx, "guest link")}
	if m.GetString(ctx, secretKey) == "" && why == "" {
		return r.See("/read")
	}
	if h, err := a.Guests.Handle(d.Handle); err == nil {
		d.HomeHost, d.Ours = h.Host, h.Host == a.Guests.Own
		d.Home = a.Guests.Home(h.Host, d.Link)
	}
	return a.door(r, "code", r.T("guest.code.title"), d)
}

func (a *area) takeCode(r *page.Request) error {
	if staff(r) {
		return r.See("/")
	}
	m, ctx := r.Sessions(), r.Ctx()
	e, err := a.Guests.Enter(ctx, m.GetString(ctx, secretKey), r.Field("code"), r.Origin())
	if why, mine := refusal(r, err); mine {
		return a.code(r, why)
	}
	if err != nil {
		return err
	}
	return a.enter(r, e)
}

// enter begins the session of a guest under a new token.
func (a *area) enter(r *page.Request, e *guests.Entry) error {
	m, ctx := r.Sessions(), r.Ctx()
	for _, key := range []string{secretKey, "guest asked", "guest link"} {
		m.Remove(ctx, key)
	}
	if err := m.RenewToken(ctx); err != nil {
		return err
	}
	m.Put(ctx, HandleKey, e.Handle)
	if _, err := a.Guests.Access.BeginGuest(ctx, m.Token(ctx), e.Guest, r.Origin()); err != nil {
		return err
	}
	if e.Link != "" {
		return r.See("/read/" + e.Link)
	}
	return r.See("/read")
}

// card shows what a printed link is for, and a button: a program that looks at links uses
// nothing up.
func (a *area) card(r *page.Request, why string) error {
	token := r.Param("token")
	card, err := a.Guests.Open(r.Ctx(), token)
	if p, mine := r.Refused(err); mine {
		r.Status(http.StatusNotFound)
		return a.door(r, "over", r.T("guest.card.over"), door{Why: p})
	}
	if err != nil {
		return err
	}
	d := door{Card: card, Token: token, Why: why}
	if staff(r) {
		d.Name = r.Viewer.Name
	}
	return a.door(r, "card", r.T("guest.card.title"), d)
}

func (a *area) takeCard(r *page.Request) error {
	if staff(r) {
		return a.card(r, r.T("guest.card.staff", "Name", r.Viewer.Name))
	}
	e, err := a.Guests.Use(r.Ctx(), r.Param("token"), r.Origin())
	if why, mine := r.Refused(err); mine {
		return a.card(r, why)
	}
	if err != nil {
		return err
	}
	return a.enter(r, e)
}
