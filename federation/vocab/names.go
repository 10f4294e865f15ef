package vocab

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameSet finds names equal under case folding. Small objects are compared
// member by member; from 24 members on a map keeps hostile objects linear.
type nameSet struct {
	folded map[string]string
	wide   bool // some name has letters outside ASCII
}

func (s *nameSet) add(n *Node, key string) (twin string, found bool) {
	if s.folded == nil && n.count < 24 {
		s.wide = s.wide || !isASCII(key)
		for m := n.first; m != nil; m = m.next {
			if !s.wide && (len(m.key) != len(key) || key != "" && (m.key[0]^key[0])&^0x20 != 0) {
				continue
			}
			if strings.EqualFold(m.key, key) {
				return m.key, true
			}
		}
		return "", false
	}
	if s.folded == nil {
		s.folded = make(map[string]string, 64)
		for m := n.first; m != nil; m = m.next {
			s.folded[fold(m.key)] = m.key
		}
	}
	f := fold(key)
	if twin, found = s.folded[f]; found {
		return twin, true
	}
	s.folded[f] = key
	return "", false
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fold maps names that strings.EqualFold holds equal to one form: each rune to
// the least of its folding orbit.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
