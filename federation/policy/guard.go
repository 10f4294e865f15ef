// Package policy decides: what marking may go where, what a peer's standing lets it
// do, who has authority over what. All of it is pure: values in, a verdict out.
package policy

import (
	"fmt"

	"valise/config"
)

// Guard knows the marking profile of this instance. It fails closed: a marking that it
// cannot place is refused.
type Guard struct {
	scheme       string
	levels       []config.MarkingLevel
	equivalences []config.Equivalence
	holds        bool
}

// NewGuard reads the profile, lowest level first.
func NewGuard(c config.Config) Guard {
	return Guard{scheme: c.Markings.Scheme, levels: c.Markings.Levels, equivalences: c.Equivalences, holds: c.HoldClassified}
}

// Scheme names the profile on the wire.
func (g Guard) Scheme() string { return g.scheme }

// Level finds one of our levels by name.
func (g Guard) Level(name string) (config.MarkingLevel, bool) {
	for _, l := range g.levels {
		if l.Name == name || l.Abbreviation != "" && l.Abbreviation == name {
			return l, true
		}
	}
	return config.MarkingLevel{}, false
}

// Name is the level with the given rank, or "" when there is none.
func (g Guard) Name(rank int64) string {
	for _, l := range g.levels {
		if int64(l.Rank) == rank {
			return l.Name
		}
	}
	return ""
}

// Lowest is the rank of the lowest level.
func (g Guard) Lowest() int64 { return int64(g.levels[0].Rank) }

// Federates is the highest rank that may leave this instance at all: the highest level
// below the first classified one.
func (g Guard) Federates() int64 {
	top := int64(0)
	for _, l := range g.levels {
		if l.Classified {
			break
		}
		top = int64(l.Rank)
	}
	return top
}

// Holds is the highest rank that this instance may keep.
func (g Guard) Holds() int64 {
	if g.holds {
		return int64(g.levels[len(g.levels)-1].Rank)
	}
	return g.Federates()
}

// Draft refuses a marking that this instance may not hold.
func (g Guard) Draft(name string) (config.MarkingLevel, error) {
	l, ok := g.Level(name)
	if !ok {
		return l, &Refusal{Code: "unknown-marking", Status: 422, Detail: fmt.Sprintf("%q is no marking of this instance; use one of %s", name, g.names())}
	}
	if int64(l.Rank) > g.Holds() {
		return l, &Refusal{Code: "classified", Status: 422, Detail: fmt.Sprintf("this instance holds nothing marked %s or above; classified text goes by other means", l.Name)}
	}
	return l, nil
}

// Leave refuses a marking above any of the ceilings, or classified. Ceilings come with
// the words that say whose they are.
func (g Guard) Leave(rank int64, ceilings ...Ceiling) error {
	if rank > g.Federates() {
		return &Refusal{Code: "classified", Status: 403, Detail: fmt.Sprintf("%s is classified here and never federates", g.say(rank))}
	}
	for _, c := range ceilings {
		if rank > c.Rank {
			return &Refusal{Code: "above-ceiling", Status: 403, Detail: fmt.Sprintf("%s is above the ceiling of %s, which is %s", g.say(rank), c.Whose, g.say(c.Rank))}
		}
	}
	return nil
}

// Ceiling is the highest rank that somebody may receive.
type Ceiling struct {
	Whose string
	Rank  int64
}

// Read places a marking of the wire among ours. A scheme that we do not know is read
// by its equivalence, else by rank; one of unknown scheme and rank is refused.
func (g Guard) Read(scheme, level string, rank int64) (name string, own int64, err error) {
	if scheme == g.scheme {
		l, ok := g.Level(level)
		if !ok || int64(l.Rank) != rank {
			return "", 0, &Refusal{Code: "unknown-marking", Status: 422, Detail: fmt.Sprintf("%q with rank %d is not a level of %s", level, rank, scheme)}
		}
		return l.Name, int64(l.Rank), nil
	}
	for _, e := range g.equivalences {
		if e.Scheme == scheme && e.Level == level {
			l, _ := g.Level(e.Own)
			return l.Name, int64(l.Rank), nil
		}
	}
	if rank < 1 || level == "" {
		return "", 0, &Refusal{Code: "unknown-marking", Status: 422, Detail: "the marking has neither a scheme that is known here nor a rank"}
	}
	return level, rank, nil
}

// Portion refuses a paragraph whose marking is above that of the whole.
func (g Guard) Portion(name string, whole int64) error {
	if name == "" {
		return nil
	}
	l, ok := g.Level(name)
	if !ok {
		return &Refusal{Code: "unknown-marking", Status: 422, Detail: fmt.Sprintf("%q is no marking that is known here", name)}
	}
	if int64(l.Rank) > whole {
		return &Refusal{Code: "portion-above-whole", Status: 422, Withhold: int64(l.Rank) > g.Federates(), Detail: fmt.Sprintf("a paragraph is marked %s, above the whole, which is %s", l.Name, g.say(whole))}
	}
	return nil
}

func (g Guard) say(rank int64) string {
	if n := g.Name(rank); n != "" {
		return n
	}
	return fmt.Sprintf("rank %d", rank)
}

func (g Guard) names() string {
	s := ""
	for i, l := range g.levels {
		if i > 0 {
			s += ", "
		}
		s += l.Name
	}
	return s
}
