package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

const noticesShown = 50

func (a *area) mountNotices(r *page.Routes) {
	r.Signed("GET", "/notices", a.notices)
	r.Signed("POST", "/notices/read", a.readNotices)
	r.Open("GET", "/feed/:token", a.feed)
}

// entry is a notice and the page of what it is about, "" where it has none.
type entry struct {
	models.HerNotice
	Href   string
	Quoted bool // its detail is what somebody wrote, or another server said
}

// quoted are the kinds whose details are no words of ours.
var quoted = []string{"change asked", "comment removed", "address refused", "mail failed"}

type noticesView struct {
	Notices []entry
	Unread  bool
	Newest  int64
	Next    string
}

func (a *area) notices(r *page.Request) error {
	v := noticesView{Unread: r.Field("all") == ""}
	before := r.Int("before", 0)
	list, err := a.Access.Notices(r.Ctx(), r.Person(), v.Unread, before, noticesShown)
	if err != nil {
		return err
	}
	for _, n := range list {
		v.Notices = append(v.Notices, entry{n, address(n.Kind, n.Subject), slices.Contains(quoted, n.Kind)})
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

// address is the page of what a notice is about.
func address(kind, subject string) string {
	id := iri.IRI(subject)
	switch kind {
	case "invitation":
		return page.ObjectPath("invitations", id)
	case "invitation accepted", "invitation declined", "member joined", "member gone":
		return page.ObjectPath("communities", id) + "/members"
	case "membership begun", "membership ended", "comment removed":
		return page.ObjectPath("communities", id)
	case "clearance asked":
		return "/drafts/" + url.PathEscape(subject) + "/clear"
	case "change asked", "draft comment":
		return "/drafts/" + url.PathEscape(subject)
	case "accreditation proposed", "accreditation accepted", "accreditation refused", "accredited", "key changed":
		return "/operator/peers/at/" + subject
	case "saved search":
		return "/search/saved/" + strings.TrimPrefix(subject, "saved-search/")
	}
	if strings.HasPrefix(kind, "dispatch ") {
		return page.DispatchPath(id)
	}
	return ""
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
