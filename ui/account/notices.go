package account

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/feeds"

	"valise/models"
	"valise/ui/page"
)

const noticesShown = 50

func (a *area) mountNotices(r *page.Routes) {
	r.Signed("GET", "/notices", a.notices)
	r.Signed("POST", "/notices/read", a.readNotices)
	r.Open("GET", "/feed/:token", a.feed)
}

type noticesView struct {
	Notices []models.HerNotice
	Unread  bool
	Newest  int64
	Next    string
}

func (a *area) notices(r *page.Request) error {
	v := noticesView{Unread: r.Field("all") == ""}
	before := r.Int("before", 0)
	var err error
	if v.Notices, err = a.Access.Notices(r.Ctx(), r.Person(), v.Unread, before, noticesShown); err != nil {
		return err
	}
	if n := len(v.Notices); n > 0 {
		v.Newest = v.Notices[0].ID
		if n == noticesShown {
			v.Next = "/notices?before=" + strconv.FormatInt(v.Notices[n-1].ID, 10)
			if !v.Unread {
				v.Next += "&all=1"
			}
		}
	}
	return r.Render(page.Page{Name: "account/notices", Title: r.T("account.notices.title"), Data: v})
}

func (a *area) readNotices(r *page.Request) error {
	var err error
	if id := r.Int("id", 0); id > 0 {
		err = a.Access.ReadNotices(r.Ctx(), r.Person(), id)
	} else {
		err = a.Access.ReadAllNotices(r.Ctx(), r.Person(), r.Int("upto", 0))
	}
	if err != nil {
		return err
	}
	return r.See(r.Back("/notices"))
}

// feed is a person's notices as Atom (RFC 4287), for whoever knows the token. It says
// that something waits and where, as a mail does, and never what.
func (a *area) feed(r *page.Request) error {
	p, err := a.Access.Feed(r.Ctx(), r.Param("token"))
	if err != nil {
		return err
	}
	list, err := a.Access.Notices(r.Ctx(), p.Person, false, 0, noticesShown)
	if err != nil {
		return err
	}
	base := a.Own.Base()
	f := &feeds.Feed{Title: r.T("account.feed.title", "Host", a.Own), Link: &feeds.Link{Href: base + "/notices"}, Id: base + "/notices", Updated: time.Unix(0, 0).UTC()}
	for _, n := range list {
		at := n.CreatedAt.Time().UTC()
		if at.After(f.Updated) {
			f.Updated = at
		}
		f.Items = append(f.Items, &feeds.Item{Id: base + "/notices#n" + strconv.FormatInt(n.ID, 10), Title: r.T("account.feed.entry"), Link: &feeds.Link{Href: base + "/notices"}, Updated: at, Created: at})
	}
	text, err := f.ToAtom()
	if err != nil {
		return err
	}
	r.Context.Data(http.StatusOK, "application/atom+xml; charset=utf-8", []byte(text))
	return nil
}
