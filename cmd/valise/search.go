package main

import (
	"strings"

	"valise/ui/machine"
)

// SearchCommand finds dispatches, archive records and comments.
type SearchCommand struct {
	as
	page
	Query []string `arg:"" help:"Words, \"phrases\", beginnings*, -without, and filters: from: to: ref: tag: kind: marking: precedence: lang: before: after: in:"`
	Order string   `help:"${enum}: the best or the newest first." enum:"best,date" default:"best"`
}

func (c *SearchCommand) Run(a *app) error {
	var p machine.SearchPage
	if err := a.get("/search", query{"as", c.As, "q", strings.Join(c.Query, " "), "order", c.Order, "from", c.From, "limit", c.limit()}, &p); err != nil {
		return err
	}
	return a.show(p, func(out *printer) {
		for _, h := range p.Items {
			name := h.AuthorName
			if name == "" {
				name = string(h.Author)
			}
			kind := h.Kind
			if h.Archive {
				kind += ", archive"
			}
			out.linef("%s  %s  %s  %s (%s)", h.Reference, zulu(h.At), name, h.Marking, kind)
			out.linef("  %s", marked(h.Subject, h.SubjectMarks))
			for _, e := range h.Extracts {
				text := strings.ReplaceAll(marked(e.Text, e.Marks), "\n", " ")
				if e.Before {
					text = "… " + text
				}
				if e.After {
					text += " …"
				}
				out.linef("    %s", text)
			}
		}
		switch {
		case p.More:
			out.linef("More than %d found.", p.Count)
		case p.Count == 0:
			out.linef("Nothing found that you may see.")
		default:
			out.linef("%d found.", p.Count)
		}
		if p.Next != "" {
			out.linef("There is more: --from %s", quoted(p.Next))
		}
	})
}

// Reindex fills the index of search again.
type Reindex struct{}

func (*Reindex) Run(a *app) error {
	if err := a.ask("POST", "/search/rebuild", nil, nil); err != nil {
		return err
	}
	return a.done("Everything is indexed anew in the background. Search answers from what the index holds meanwhile.")
}

// marked puts the places that fit between brackets.
func marked(text string, marks [][2]int) string {
	var b strings.Builder
	last := 0
	for _, m := range marks {
		if m[0] < last || m[1] < m[0] || m[1] > len(text) {
			continue
		}
		b.WriteString(text[last:m[0]] + "[" + text[m[0]:m[1]] + "]")
		last = m[1]
	}
	return b.String() + text[last:]
}
