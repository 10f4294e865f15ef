package page

import "html/template"

// places are the areas of the masthead, in order, for whoever is a person of ours.
var places = []struct{ name, key string }{
	{"correspondence", "page.nav.correspondence"}, {"drafts", "page.nav.drafts"}, {"communities", "page.nav.communities"}, {"search", "page.nav.search"},
	{"directory", "page.nav.directory"}, {"archive", "page.nav.archive"},
}

// masthead writes the links to the areas that there are.
func (r *Request) masthead(at string) template.HTML {
	if !r.Viewer.SignedIn() || r.Viewer.Guest != "" {
		return ""
	}
	m := r.Markup()
	place := func(name, key string) {
		m.Tag(`<li><a`)
		m.Path("href", "/"+name)
		if name == at {
			m.Tag(` aria-current="page"`)
		}
		m.Tag(`>`)
		m.Words(key)
		m.Tag("</a></li>\n")
	}
	for _, p := range places {
		if r.site.paths["/"+p.name] {
			place(p.name, p.key)
		}
	}
	if r.Viewer.Operator {
		place("operator", "page.nav.operator")
	}
	return m.HTML()
}

// folders writes the groups of the rail.
func (r *Request) folders(groups []RailGroup, at string) template.HTML {
	m := r.Markup()
	named := func(key, text string) {
		if key != "" {
			m.Words(key)
		} else {
			m.Text(text)
		}
	}
	for _, g := range groups {
		m.Tag(`<h2>`)
		named(g.Key, g.Title)
		m.Tag(`</h2><ul>`)
		for _, l := range g.Links {
			m.Tag(`<li><a`)
			m.Path("href", l.Href)
			if l.Href == at {
				m.Tag(` aria-current="page"`)
			}
			m.Tag(`><span`)
			if l.Lang != "" {
				m.Attr("lang", l.Lang)
			}
			m.Tag(`>`)
			named(l.Key, l.Text)
			m.Tag(`</span><span class="quiet">`)
			if l.Count != 0 {
				m.Number(l.Count)
			}
			m.Tag(`</span></a></li>`)
		}
		m.Tag(`</ul>`)
	}
	return m.HTML()
}
