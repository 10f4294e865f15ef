package drafting

import "valise/models"

// Level is a marking or a precedence that a draft may have.
type Level struct {
	Name, Short string
	Rank        int64
}

// Markings are those that this instance may hold, lowest first.
func (s *Drafting) Markings() []Level {
	g := s.Dispatches.Guard
	var out []Level
	for rank := g.Lowest(); rank <= g.Holds(); rank++ {
		if l, ok := g.Level(g.Name(rank)); ok && g.Name(rank) != "" {
			short := l.Abbreviation
			if short == "" {
				short = l.Name
			}
			out = append(out, Level{l.Name, short, int64(l.Rank)})
		}
	}
	return out
}

// Precedences are those of the profile in use, lowest first.
func (s *Drafting) Precedences() []Level {
	var out []Level
	for _, l := range s.Dispatches.Profile.Levels {
		out = append(out, Level{l.Name, l.Name, int64(l.Rank)})
	}
	return out
}

// Rank is a marking's rank; that of the whole for "".
func (d *Desk) Rank(levels []Level, marking string) int64 {
	if marking == "" {
		marking = d.Content.Marking
	}
	for _, l := range levels {
		if l.Name == marking {
			return l.Rank
		}
	}
	return d.Draft.MarkingRank
}

// Open reports whether the draft may still be written.
func (d *Desk) Open() bool {
	return d.Draft.State == models.DraftOpen || d.Draft.State == models.DraftClearing
}
