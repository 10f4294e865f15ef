// Package portal puts the areas together into the pages of one instance.
package portal

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"valise/config"
	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/accreditation"
	archives "valise/instance/archive"
	"valise/instance/checks"
	"valise/instance/communities"
	"valise/instance/desk"
	directories "valise/instance/directory"
	drafts "valise/instance/drafting"
	"valise/instance/guests"
	"valise/instance/keys"
	"valise/instance/notify"
	"valise/instance/queues"
	"valise/instance/refusals"
	"valise/instance/search"
	"valise/models/iri"
	"valise/ui/account"
	"valise/ui/archive"
	community "valise/ui/communities"
	"valise/ui/correspondence"
	"valise/ui/directory"
	"valise/ui/drafting"
	"valise/ui/finding"
	"valise/ui/guest"
	"valise/ui/operator"
	"valise/ui/page"
)

// Services are what the pages stand on.
type Services struct {
	Own     iri.Host
	Version string
	Config  config.Config
	Log     *slog.Logger
	Now     func() time.Time
	// Changed is called after a page that may have written.
	Changed func()

	Access        *access.Access
	Accounts      *accounts.Accounts
	Accreditation *accreditation.Accreditation
	Archive       *archives.Archive
	Checks        *checks.Checks
	Communities   *communities.Communities
	Desk          *desk.Desk
	Directory     *directories.Directory
	Drafting      *drafts.Drafting
	Guests        *guests.Guests
	Keys          *keys.Keys
	Notify        *notify.Notify
	Queues        *queues.Queues
	Recent        *refusals.Recent
	Search        *search.Search
}

// New builds the pages.
func New(s Services) (*page.Site, error) {
	secure := s.Own.Base()[:5] == "https"
	sessions := scs.New()
	sessions.Store = s.Access.Kept()
	sessions.Lifetime = s.Config.Access.SessionLifetime
	sessions.Cookie = scs.SessionCookie{Name: page.CookieName(secure), HttpOnly: true, Path: "/", Persist: false, SameSite: http.SameSiteLaxMode, Secure: secure}
	p := &portal{Services: s, sessions: sessions}
	o := page.Options{Own: s.Own, Name: p.name, Log: s.Log, Now: s.Now, Sessions: sessions, Who: p.who, Rail: p.rail,
		Marking: markings(s.Config.Markings), Precedence: precedences(s.Config.PrecedenceInUse()),
		Changed: func() {
			p.title.Store(nil)
			s.Changed()
		},
		Refused: func(err error) *page.Problem {
			r, ok := refusals.Of(err)
			if !ok {
				return nil
			}
			return &page.Problem{Status: r.Status, Code: r.Code, Detail: r.Detail, Field: r.Field}
		}}
	return page.New(o,
		account.New(account.Services{Own: s.Own, Access: s.Access, Accreditation: s.Accreditation, Now: s.Now}),
		correspondence.New(correspondence.Services{Own: s.Own, Desk: s.Desk, Communities: s.Communities}),
		drafting.New(drafting.Services{Drafting: s.Drafting, Limits: s.Config.Attachments}),
		community.New(community.Services{Own: s.Own, Communities: s.Communities, Desk: s.Desk}),
		finding.New(s.Search),
		archive.New(s.Archive),
		directory.New(s.Directory),
		guest.New(guest.Services{Guests: s.Guests, Accreditation: s.Accreditation}),
		operator.New(operator.Services{Own: s.Own, Version: s.Version, Config: s.Config, Accreditation: s.Accreditation, Accounts: s.Accounts, Directory: s.Directory,
			Keys: s.Keys, Checks: s.Checks, Queues: s.Queues, Recent: s.Recent, Access: s.Access, Link: p.link, Troubles: s.Notify.Troubles}),
	)
}

type portal struct {
	Services
	sessions *scs.SessionManager
	title    atomic.Pointer[string]
}

func (p *portal) who(q *http.Request) (*page.Viewer, error) {
	session, profile, err := p.Access.Who(q.Context(), p.sessions.Token(q.Context()), page.OriginOf(q))
	if err != nil || session == nil {
		return nil, err
	}
	v := &page.Viewer{Person: session.Person, Session: session, Fresh: session.FreshAt.Time()}
	if profile == nil {
		v.Guest, v.Community, v.Name = session.Person, session.Community, p.sessions.GetString(q.Context(), guest.HandleKey)
		return v, nil
	}
	v.Username, v.Name, v.Operator = profile.Username, profile.Name, profile.Operator
	v.Language, v.Zone, v.Theme = profile.Preferences.Language, profile.Preferences.Zone, profile.Preferences.Theme
	return v, nil
}
