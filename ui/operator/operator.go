// Package operator is the area in which an instance is run: peers, queues, offices and
// people, keys, the audit trail.
package operator

import (
	"context"
	"embed"
	"net/url"
	"strconv"

	"valise/config"
	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/accreditation"
	"valise/instance/checks"
	"valise/instance/directory"
	"valise/instance/keys"
	"valise/instance/queues"
	"valise/instance/refusals"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the area stands on.
type Services struct {
	Own           iri.Host
	Version       string
	Config        config.Config
	Accreditation *accreditation.Accreditation
	Accounts      *accounts.Accounts
	Directory     *directory.Directory
	Keys          *keys.Keys
	Checks        *checks.Checks
	Queues        *queues.Queues
	Recent        *refusals.Recent
	Access        *access.Access
	// Link makes the one-time link with which a person sets her way of signing in.
	Link func(ctx context.Context, by string, person iri.IRI) (string, error)
	// Troubles lists persons whom mails do not reach, by person after one.
	Troubles func(ctx context.Context, after iri.IRI, limit int) ([]*models.MailTrouble, error)
}

type area struct{ Services }

// New builds the area.
func New(s Services) page.Area {
	a := &area{s}
	return page.Area{Name: "operator", Files: files, Mount: a.mount}
}

func (a *area) mount(r *page.Routes) {
	r.Operator("GET", "/operator", a.overview)
	r.Operator("POST", "/operator/check", a.check)
	a.mountPeers(r)
	a.mountQueues(r)
	a.mountPeople(r)
	a.mountKeys(r)
	a.mountTrail(r)
}

// frame fills what every page of the area shares.
func (a *area) frame(r *page.Request, p page.Page) page.Page {
	p.Name, p.Nav = "operator/"+p.Name, "operator"
	link := func(href, key string) page.RailLink {
		return page.RailLink{Href: href, Text: r.T("operator.rail." + key)}
	}
	p.Beside = []page.RailGroup{{Title: string(a.Own), Links: []page.RailLink{
		link("/operator", "overview"), link("/operator/peers", "peers"), link("/operator/queues", "queues"), link("/operator/aside", "aside"), link("/operator/refused", "refused"),
		link("/operator/offices", "offices"), link("/operator/people", "people"), link("/operator/profiles", "profiles"), link("/operator/keys", "keys"), link("/operator/trail", "trail"),
	}}}
	return p
}

func (a *area) by(r *page.Request) string { return string(r.Person()) }

// level names a rank of ours.
func (a *area) level(rank int64) string { return a.Accreditation.Guard.Name(rank) }

type overview struct {
	Status      queues.Status
	Fingerprint string
	Federates   bool
	Proposed    []directory.Peer
	Troubled    []directory.Peer
	Version     string
	Database    string
	Findings    []checks.Finding
	Checked     bool
}

func (a *area) look(r *page.Request) (*overview, error) {
	v := &overview{Version: a.Version, Federates: a.Own.Name() != config.UnconfiguredHost, Database: "SQLite"}
	if u, err := url.Parse(a.Config.DatabaseURL()); err == nil && u.Scheme != "sqlite" {
		v.Database = "PostgreSQL"
	}
	var err error
	if v.Status, err = a.Queues.Status(r.Ctx()); err != nil {
		return nil, err
	}
	if v.Fingerprint, err = a.Accreditation.Fingerprint(r.Ctx()); err != nil {
		return nil, err
	}
	peers, err := a.Directory.Peers(r.Ctx(), "", directory.Most)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		switch {
		case p.State == models.PeerProposed && !p.ProposedByUs:
			v.Proposed = append(v.Proposed, p)
		case p.Deliveries != nil && p.Deliveries.Failures > 0:
			v.Troubled = append(v.Troubled, p)
		}
	}
	return v, nil
}

func (a *area) overview(r *page.Request) error {
	v, err := a.look(r)
	if err != nil {
		return err
	}
	return r.Render(a.frame(r, page.Page{Name: "overview", Title: r.T("operator.overview.title"), At: "/operator", Data: v}))
}

func (a *area) check(r *page.Request) error {
	v, err := a.look(r)
	if err != nil {
		return err
	}
	if v.Findings, err = a.Checks.Run(r.Ctx()); err != nil {
		return err
	}
	v.Checked = true
	return r.Render(a.frame(r, page.Page{Name: "overview", Title: r.T("operator.overview.title"), At: "/operator", Data: v}))
}

// rows is how long the lists of the area are.
const rows = 50

// next is the address of the page that follows a full one.
func next(base string, values url.Values, name string, full bool, last int64) string {
	if !full {
		return ""
	}
	v := url.Values{}
	for k, vs := range values {
		if k != name && k != "lang" {
			v[k] = vs
		}
	}
	v.Set(name, strconv.FormatInt(last, 10))
	return base + "?" + v.Encode()
}
