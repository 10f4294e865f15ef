package dispatches

import (
	"regexp"
	"slices"
	"strings"

	"valise/federation/policy"
	"valise/instance/accounts"
)

const (
	// maxTags bounds the tags of one dispatch that are kept.
	maxTags = 10
	// maxTag bounds one tag, in characters.
	maxTag = 40
)

var tagShape = regexp.MustCompile(`^[\pL\pM\pN_-]{1,40}$`)

// ReadTags reads tags between commas or spaces, with or without the sign #, into capitals,
// each once. More than ten, or one that is no word, is refused.
func ReadTags(text string) ([]string, error) {
	var out []string
	for t := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r == ',' || r == ';' || r == '،' || r == ' ' || r == '\t' || r == '\n' || r == '\r'
	}) {
		t = strings.ToUpper(strings.TrimLeft(t, "#"))
		if !tagShape.MatchString(t) {
			return nil, policy.About("tags", accounts.Invalid("the tag %q is no word of at most %d letters and digits", t, maxTag))
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(out) > maxTags {
		return nil, policy.About("tags", accounts.Invalid("at most %d tags, not %d", maxTags, len(out)))
	}
	return out, nil
}

// readableTags are those of a peer's tags that could be ours; the others are left out.
func readableTags(names []string) []string {
	var out []string
	for _, name := range names {
		if t, err := ReadTags(name); err == nil && len(t) == 1 && len(out) < maxTags && !slices.Contains(out, t[0]) {
			out = append(out, t[0])
		}
	}
	return out
}
