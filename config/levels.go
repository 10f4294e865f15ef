package config

import (
	"fmt"
	"net/url"
	"strings"
)

func (m Markings) check(p *problems) {
	p.add(!isScheme(m.Scheme), "markings.scheme %q: write an absolute http or https IRI", m.Scheme)
	p.add(len(m.Levels) == 0, "markings.levels: name at least one")
	abbreviations := map[string]string{}
	var ladder ladder
	classified := ""
	for i, l := range m.Levels {
		key := fmt.Sprintf("markings.levels[%d] %q", i, l.Name)
		ladder.check(p, key, l.Name, l.Rank)
		// One step up never leaves the classified part: ceilings compare ranks alone.
		p.add(classified != "" && !l.Classified, "%s: stands above the classified %s, call it classified or move it down", key, classified)
		if l.Classified {
			classified = l.Name
		}
		if a := strings.ToUpper(l.Abbreviation); a != "" {
			p.add(abbreviations[a] != "", "%s: has the abbreviation of %s, choose another", key, abbreviations[a])
			abbreviations[a] = l.Name
		}
	}
}

func (c Config) checkPrecedences(p *problems) {
	names, schemes := map[string]bool{}, map[string]string{}
	for i, profile := range c.Precedences {
		key := fmt.Sprintf("precedences[%d] %q", i, profile.Name)
		p.add(profile.Name == "", "%s: give it a name", key)
		p.add(names[profile.Name], "%s: the name is there twice", key)
		p.add(!isScheme(profile.Scheme), "%s: scheme %q: write an absolute http or https IRI", key, profile.Scheme)
		p.add(schemes[profile.Scheme] != "", "%s: has the scheme of %q, give it one of its own", key, schemes[profile.Scheme])
		p.add(len(profile.Levels) == 0, "%s: name at least one level", key)
		names[profile.Name], schemes[profile.Scheme] = true, profile.Name
		profile.check(p, key)
	}
	p.add(!names[c.Precedence], "precedence %q: no profile in precedences has this name", c.Precedence)
}

// check holds a profile to its order: a higher level is never given more time than a lower one.
func (f PrecedenceProfile) check(p *problems, key string) {
	var ladder ladder
	var below PrecedenceLevel
	for _, l := range f.Levels {
		key := fmt.Sprintf("%s level %q", key, l.Name)
		ladder.check(p, key, l.Name, l.Rank)
		p.add(l.DeliverWithin <= 0, "%s: deliver_within %s: use more than 0s", key, l.DeliverWithin)
		p.add(l.AcknowledgeWithin < 0, "%s: acknowledge_within %s: use 0s for no duty, or more", key, l.AcknowledgeWithin)
		if below.Name != "" {
			p.add(l.DeliverWithin > below.DeliverWithin,
				"%s: deliver_within %s is longer than that of %s below it (%s)", key, l.DeliverWithin, below.Name, below.DeliverWithin)
			p.add(below.AcknowledgeWithin > 0 && (l.AcknowledgeWithin == 0 || l.AcknowledgeWithin > below.AcknowledgeWithin),
				"%s: acknowledge_within %s is laxer than that of %s below it (%s)", key, l.AcknowledgeWithin, below.Name, below.AcknowledgeWithin)
		}
		below = l
	}
}

func (c Config) checkEquivalences(p *problems) {
	own := map[string]bool{}
	for _, l := range c.Markings.Levels {
		own[l.Name] = true
	}
	seen := map[[2]string]bool{}
	for i, e := range c.Equivalences {
		key := fmt.Sprintf("equivalences[%d] %q", i, e.Level)
		p.add(!isScheme(e.Scheme), "%s: scheme %q: write an absolute http or https IRI", key, e.Scheme)
		p.add(e.Scheme == c.Markings.Scheme, "%s: the scheme is our own, whose levels need no translation, take it out", key)
		p.add(e.Level == "", "%s: name the peer's level", key)
		p.add(!own[e.Own], "%s: own %q is no level of markings.levels", key, e.Own)
		p.add(seen[[2]string{e.Scheme, e.Level}], "%s: is there twice", key)
		seen[[2]string{e.Scheme, e.Level}] = true
	}
}

// ladder holds a list of levels to rising ranks and unique names. Names differ in more than case:
// people type them.
type ladder struct {
	rank  int
	names map[string]bool
}

func (l *ladder) check(p *problems, key, name string, rank int) {
	if l.names == nil {
		l.names = map[string]bool{}
	}
	folded := strings.ToUpper(name)
	p.add(name == "" || name != strings.TrimSpace(name), "%s: give it a name without outer spaces", key)
	p.add(l.names[folded], "%s: the name is there twice", key)
	p.add(rank <= l.rank, "%s: rank %d: ranks start at 1 and rise, use %d or more", key, rank, l.rank+1)
	l.names[folded], l.rank = true, max(l.rank, rank)
}

func isScheme(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Fragment == ""
}
