package portal

import (
	"context"
	"net/http"

	"valise/config"
	"valise/models/iri"
	"valise/ui/correspondence"
	"valise/ui/page"
)

// name is what the instance is called: its first office, until it has one its host.
func (p *portal) name() string {
	if t := p.title.Load(); t != nil {
		return *t
	}
	name := ""
	if offices, err := p.Directory.Offices(context.Background(), "", 1); err == nil && len(offices) == 1 {
		name = offices[0].Title
	}
	p.title.Store(&name)
	return name
}

func (p *portal) rail(q *http.Request, v *page.Viewer, folders bool) (page.Rail, error) {
	counts, err := p.Desk.Counts(q.Context(), v.Person)
	if err != nil {
		return page.Rail{}, err
	}
	var rail page.Rail
	if folders {
		rail = correspondence.Rail(counts)
	}
	for _, c := range counts {
		rail.Unread += c.Notices
	}
	return rail, nil
}

func (p *portal) link(ctx context.Context, by string, person iri.IRI) (string, error) {
	return p.Access.MakeLink(ctx, by, person, false)
}

// markings draws a configured set on the four weights of the visual language: the
// lowest without a frame, then dashed, then solid; classified levels are filled.
func markings(m config.Markings) func(int64) page.Mark {
	known := map[int64]page.Mark{}
	open := 0
	for _, l := range m.Levels {
		mark := page.Mark{Name: l.Name, Short: l.Abbreviation, Level: 3, Classified: l.Classified}
		if mark.Short == "" {
			mark.Short = l.Name
		}
		if !l.Classified {
			mark.Level = min(open, 2)
			open++
		}
		known[int64(l.Rank)] = mark
	}
	return func(rank int64) page.Mark {
		if mark, ok := known[rank]; ok {
			return mark
		}
		return page.Mark{Name: "?", Short: "?", Level: 3, Classified: true}
	}
}

// precedences draws a profile on the four weights: the highest is always the heaviest,
// and ranks below share the lower ones if there are more than four.
func precedences(profile config.PrecedenceProfile) func(int64) page.Mark {
	known := map[int64]page.Mark{}
	var highest int64
	for i, l := range profile.Levels {
		level := i
		if n := len(profile.Levels); i == n-1 {
			level = 3
		} else if i > 2 {
			level = 2
		}
		known[int64(l.Rank)] = page.Mark{Name: l.Name, Level: level}
		highest = max(highest, int64(l.Rank))
	}
	return func(rank int64) page.Mark {
		if mark, ok := known[rank]; ok {
			return mark
		}
		// A peer's profile reaches beyond ours: it is drawn as our highest.
		return known[min(max(rank, 1), highest)]
	}
}
