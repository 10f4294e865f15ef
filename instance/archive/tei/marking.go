package tei

import (
	"regexp"
	"strings"
)

// A source note has a sentence such as "Secret; Priority; Nodis." after the place
// where the paper is held.
var markings = regexp.MustCompile(`(?:^|[.)”"\]] )(Top Secret|Secret|Confidential|Limited Official Use|Official Use Only|Unclassified|No classification marking)((?:; [^.;]{1,140})*)(?:\.|$)`)

// looseMarkings is for notes without that sentence: "Confidential with Secret
// attachment.", "Top Secret/Codeword.".
var looseMarkings = regexp.MustCompile(`[.,)”"] (Top Secret|Secret|Confidential|Limited Official Use|Official Use Only|Unclassified|No classification marking)(?:[.,/]| with )()`)

var precedences = map[string]string{}

func init() {
	for _, p := range []string{
		"Flash", "Immediate", "Priority", "Routine", "Niact", "Niact Immediate", "Operational Immediate",
		"Emergency", "Urgent", "Deferred",
	} {
		precedences[strings.ToLower(p)] = p
	}
}

// historicalMarkings reads classification, precedence and handling captions from
// a source note. Captions keep their order.
func historicalMarkings(note string) (classification, precedence string, handling []string) {
	note = strings.ReplaceAll(note, "\n", " ")
	m := markings.FindStringSubmatch(note)
	if m == nil {
		m = looseMarkings.FindStringSubmatch(note)
	}
	if m == nil {
		return "", "", nil
	}
	for part := range strings.SplitSeq(m[2], ";") {
		part = strings.TrimSpace(part)
		if p, ok := precedences[strings.ToLower(part)]; ok && precedence == "" {
			precedence = p
		} else if part != "" {
			handling = append(handling, part)
		}
	}
	return m[1], precedence, handling
}
