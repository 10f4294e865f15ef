package guest

import (
	"html/template"

	"valise/instance/guests"
	"valise/ui/page"
)

type sheetView struct {
	*guests.Card
	Path string
	// URL and Picture are of a link that was made just now.
	URL     string
	Picture template.HTMLAttr
	Side    int
}

// sheet shows an organiser an invitation, and whether a printed link of it is good.
func (a *area) sheet(r *page.Request) error {
	id, err := r.ObjectID()
	if err != nil {
		return err
	}
	card, err := a.Guests.Sheet(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	return showSheet(r, sheetView{Card: card, Path: page.ObjectPath("guest-invitations", id)})
}

func showSheet(r *page.Request, v sheetView) error {
	return r.Render(page.Page{Name: "guest/sheet", Title: r.T("guest.sheet.title"), Nav: "communities", Wide: true, Data: v})
}

// print makes a link, which is shown this once, or takes back the one that is there.
func (a *area) print(r *page.Request) error {
	id, err := r.ObjectID()
	if err != nil {
		return err
	}
	at := page.ObjectPath("guest-invitations", id)
	if r.Field("do") == "withdraw" {
		if err := a.Guests.Withdraw(r.Ctx(), r.Person(), id); err != nil {
			return err
		}
		r.Say("guest.sheet.withdrawn")
		return r.See(at)
	}
	p, err := a.Guests.Print(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	return showSheet(r, sheetView{Card: p.Card, Path: at, URL: p.URL, Picture: page.QRPath(p.QR), Side: len(p.QR) + 2*page.QRMargin})
}
