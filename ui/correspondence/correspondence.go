// Package correspondence is what a desk officer does all day: the folders of her
// offices, one dispatch with everything about it, and what is done with it.
package correspondence

import (
	"embed"
	"net/url"
	"slices"
	"strings"

	"valise/instance/communities"
	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the pages stand on.
type Services struct {
	Own         iri.Host
	Desk        *desk.Desk
	Communities *communities.Communities
}

type area struct{ Services }

// New builds the area.
func New(s Services) page.Area {
	a := &area{s}
	return page.Area{Name: "correspondence", Files: files, Mount: func(r *page.Routes) {
		r.Open("GET", "/", a.front)
		r.Signed("GET", "/correspondence", a.first)
		r.Signed("GET", "/correspondence/:office/:folder", a.list)
		r.Signed("GET", "/dispatches/:host/*path", a.open)
		r.Signed("POST", "/dispatches/:host/*path", a.act)
	}}
}

// front is the instance's first page: her correspondence, or the way in.
func (a *area) front(r *page.Request) error {
	if r.Viewer.Guest != "" {
		return r.See("/read")
	}
	if r.Viewer.SignedIn() {
		return r.See("/correspondence")
	}
	return r.See("/sign-in")
}

// first leads to the first folder: of her first office, else her own.
func (a *area) first(r *page.Request) error {
	counts, err := a.Desk.Counts(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	for _, c := range counts {
		if c.Username != "" {
			return r.See(folderPath(c.Username, models.FolderAction))
		}
	}
	return page.NotFound
}

func folderPath(username, folder string) string { return "/correspondence/" + username + "/" + folder }

// Rail is what stands beside the text for somebody signed in: each of her offices with
// its folders and what waits in them, then her communities.
func Rail(counts []models.DeskCount) page.Rail {
	var rail page.Rail
	shared := page.RailGroup{Key: "correspondence.rail.communities"}
	offices := slices.ContainsFunc(counts, func(c models.DeskCount) bool { return c.Type == models.TypeOrganization })
	for _, c := range counts {
		if c.Username == "" {
			shared.Links = append(shared.Links, page.RailLink{Href: page.ObjectPath("communities", c.IRI), Text: c.Name, Count: c.Unread})
			continue
		}
		own := c.Type == models.TypePerson
		if own && offices && !c.Named {
			continue // nothing was ever addressed to her by name
		}
		g := page.RailGroup{Title: c.Name}
		link := func(folder string, count int64) {
			g.Links = append(g.Links, page.RailLink{Href: folderPath(c.Username, folder), Key: "correspondence.folder." + folder, Count: count})
		}
		link(models.FolderAction, c.Action)
		link(models.FolderInfo, c.Info)
		if !own {
			link(models.FolderSent, 0)
			g.Links = append(g.Links, page.RailLink{Href: "/drafts?office=" + url.QueryEscape(c.Username), Key: "correspondence.rail.drafts", Count: c.Drafts})
			g.Links = append(g.Links, page.RailLink{Href: "/drafts?office=" + url.QueryEscape(c.Username) + "&state=clearing", Key: "correspondence.rail.clearing", Count: c.Clearing})
		}
		link(models.FolderRegistered, 0)
		if !own {
			link(models.FolderAside, c.Aside)
		}
		if c.Archive {
			link(models.FolderArchive, 0)
		}
		rail.Groups = append(rail.Groups, g)
	}
	if len(shared.Links) > 0 {
		rail.Groups = append(rail.Groups, shared)
	}
	return rail
}

// knownKinds have words of their own; others are shown as they are written.
var knownKinds = []string{"cable", "noteVerbale", "circularNote", "aideMemoire", "nonPaper", "demarche",
	"telegram", "airgram", "memorandum", "letter", "note", "message", "despatch", "report", "editorial-note", "other", "archive"}

// kind names a kind of dispatch in words.
func kind(r *page.Request, k string) string {
	if k == "other" {
		return r.T("correspondence.kind.otherpaper")
	}
	if slices.Contains(knownKinds, k) {
		return r.T("correspondence.kind." + strings.ReplaceAll(k, "-", ""))
	}
	return k
}

// languages have words of their own; others are shown as tags.
var languages = []string{"en", "fr", "ar", "es", "ru", "zh", "de", "it", "pt", "tr", "el", "fa"}

// language names a language in words.
func language(r *page.Request, tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if slices.Contains(languages, base) {
		return r.T("correspondence.language." + base)
	}
	return tag
}
