package tei

import (
	"regexp"
	"strings"
)

// Marks that headingOf puts around typed names; XML text cannot hold them.
const (
	fromBegins, fromEnds = '\x01', '\x02'
	toBegins, toEnds     = '\x03', '\x04'
)

var unmark = strings.NewReplacer("\x01", "", "\x02", "", "\x03", "", "\x04", "")

// headingOf gives the heading on one line, with marks around the names that the
// editors typed as sender and addressee.
func headingOf(head *node) string {
	if head == nil {
		return ""
	}
	return oneLine(marked(head), " ")
}

func marked(n *node) *node {
	c := *n
	c.children = nil
	for _, child := range n.children {
		m := marked(child)
		begin, end := "", ""
		switch m.attr("type") {
		case "from":
			begin, end = string(fromBegins), string(fromEnds)
		case "to":
			begin, end = string(toBegins), string(toEnds)
		}
		if begin != "" && (m.name == "persName" || m.name == "gloss") {
			c.children = append(c.children, &node{text: begin}, m, &node{text: end})
			continue
		}
		c.children = append(c.children, m)
	}
	return &c
}

var (
	printedNumber = regexp.MustCompile(`^(?:No\. )?\d+[a-z]?\. `)
	wordFrom      = regexp.MustCompile(`(?i)\bfrom `)
	wordTo        = regexp.MustCompile(` to `)
	// A " to " after one of these is part of an office's name when another follows.
	accredited = regexp.MustCompile(`(?i)\b(?:mission|representative|delegation|ambassador|minister|delegate|observer|adviser|advisor|assistant|counselor|consultant|envoy|emissary|commissioner|office|legate)$`)
	// Heading matter after the addressee: a date, with the place before it.
	tailDate = regexp.MustCompile(`,? (?:(?:January|February|March|April|May|June|July|August|September|October|November|December) (?:\d{1,2}, )?\d{4}\b|undated\b).*$`)
	article  = regexp.MustCompile(`(?i)^the `)
	onDate   = regexp.MustCompile(`(?i),? (?:dated|regarding|concerning)\b.*$`)
)

// parties reads sender and addressee from a marked heading: the wording "From X
// to Y" or "X to Y" first, the typed names where the wording gives none.
func parties(heading, place string) (from, to string) {
	s := printedNumber.ReplaceAllString(heading, "")
	if at := tailDate.FindStringIndex(s); at != nil {
		s = s[:at[0]]
	}
	named := false
	if at := wordFrom.FindStringIndex(s); at != nil && at[0] < 60 {
		s, named = s[at[1]:], true
	}
	typed := strings.ContainsAny(heading, "\x01\x03")
	if cut := splitTo(s); cut >= 0 && (named || typed || addressed(heading)) {
		from, to = s[:cut], s[cut+len(" to "):]
	} else if named && cut < 0 {
		from = s
	}
	if from == "" {
		from = between(heading, fromBegins, fromEnds)
	}
	if to == "" {
		to = between(heading, toBegins, toEnds)
	}
	return party(from, place), party(to, place)
}

// splitTo returns where the " to " between sender and addressee begins, or -1.
func splitTo(s string) int {
	all := wordTo.FindAllStringIndex(s, -1)
	if len(all) == 0 {
		return -1
	}
	// A typed sender ends before it, a typed addressee begins after it.
	after := strings.LastIndexByte(s, fromEnds)
	before := strings.IndexByte(s, toBegins)
	for i, at := range all {
		if at[0] < after || before >= 0 && at[0] > before {
			continue
		}
		if i+1 < len(all) && (before < 0 || all[i+1][0] < before) && accredited.MatchString(unmark.Replace(s[:at[0]])) {
			continue
		}
		return at[0]
	}
	return all[0][0]
}

var notCorrespondence = regexp.MustCompile(`(?i)^(?:editorial note|memorand|minutes|report|paper|draft|extract|summary|record|note\b|conversation|contact|intelligence|national|copy|cotton|protocol|convention|treaty|agreement|despatch |remarks|answer|statement|list|schedule|address|proclamation|speech|declaration|parliament)`)

// addressed reports whether a heading without "From" can be read as "X to Y".
func addressed(heading string) bool {
	s := printedNumber.ReplaceAllString(heading, "")
	return len(s) < 250 && !notCorrespondence.MatchString(strings.TrimLeft(s, "*[( "))
}

func between(s string, begin, end rune) string {
	_, s, ok := strings.Cut(s, string(begin))
	if !ok {
		return ""
	}
	s, _, _ = strings.Cut(s, string(end))
	return s
}

// party cleans a name: no article, no closing point, no place or date after it.
func party(s, place string) string {
	s = strings.TrimSpace(unmark.Replace(s))
	s = onDate.ReplaceAllString(s, "")
	s = margin.ReplaceAllString(s, "")
	s = strings.TrimRight(s, " ,;")
	if strings.HasSuffix(s, ".") && !abbreviated.MatchString(s) {
		s = strings.TrimSuffix(s, ".")
	}
	if place != "" {
		s = strings.TrimSuffix(s, ", "+place)
	}
	for _, capital := range []string{", Washington", ", New York"} {
		s = strings.TrimSuffix(s, capital)
	}
	return strings.TrimSpace(article.ReplaceAllString(s, ""))
}

var (
	margin      = regexp.MustCompile(`\[\d+\]$`)
	abbreviated = regexp.MustCompile(`(?:\b[A-Z]|Jr|Sr|Esq|etc)\.$`)
)

var kindWords = []struct {
	kind Kind
	word *regexp.Regexp
}{
	{KindEditorialNote, regexp.MustCompile(`(?i)^editorial note`)},
	{KindAirgram, regexp.MustCompile(`(?i)\bairgram\b`)},
	{KindTelegram, regexp.MustCompile(`(?i)\b(?:telegram|cablegram)\b`)},
	{KindMemorandum, regexp.MustCompile(`(?i)\bmemorandum\b`)},
	{KindLetter, regexp.MustCompile(`(?i)\bletter\b`)},
	{KindMessage, regexp.MustCompile(`(?i)\bmessage\b`)},
	{KindDespatch, regexp.MustCompile(`(?i)\bd[ei]spatch\b`)},
	{KindReport, regexp.MustCompile(`(?i)\b(?:report|minutes|estimate|study)\b`)},
	{KindNote, regexp.MustCompile(`(?i)\bnote\b`)},
}

// telegraphed finds the printed sign of a telegram: "[Telegram]" and its like in
// a file note.
var telegraphed = regexp.MustCompile(`(?i)\b(?:telegram|cablegram|radiogram)\b`)

// kindOf goes by the first words of the heading, then by the file notes, then by
// whether it is addressed to someone.
func kindOf(title string, fileNotes []string, to string) Kind {
	s := printedNumber.ReplaceAllString(title, "")
	words := strings.Fields(s)
	opening := strings.Join(words[:min(len(words), 4)], " ")
	if at := wordFrom.FindStringIndex(s); at != nil && at[0] < 60 {
		opening = s[:at[0]]
	}
	for _, k := range kindWords {
		if k.word.MatchString(opening) {
			return k.kind
		}
	}
	for _, n := range fileNotes {
		if telegraphed.MatchString(n) {
			return KindTelegram
		}
	}
	if to != "" {
		return KindLetter
	}
	return KindOther
}

var (
	numberInTitle = regexp.MustCompile(`(?i)\b(?:telegram|airgram|cable|message|despatch|dispatch)\s+(?:No\. )?((?:[A-Z]{1,10}[–-])?\d[\d–-]*[A-Z]?)\b`)
	numberInNote  = regexp.MustCompile(`^\[?No\. ?(\d+)[.\]]`)
	numberLeading = regexp.MustCompile(`^((?:[A-Za-z]+to |[A-Z]{1,3}[–-])?\d{1,6})\. `)
)

// messageNumber takes the number from the heading, else from the start of the
// first block of text ("1017. From …", "No. 6.]"), else from a file note.
func messageNumber(kind Kind, title string, text []block, fileNotes []string) string {
	first := ""
	if len(text) > 0 {
		first = text[0].lines()[0]
	}
	if m := numberInTitle.FindStringSubmatch(title); m != nil {
		return strings.ReplaceAll(m[1], "–", "-")
	}
	if m := numberInNote.FindStringSubmatch(first); m != nil {
		return m[1]
	}
	if kind == KindTelegram || kind == KindAirgram {
		if m := numberLeading.FindStringSubmatch(first); m != nil && !(m[1] == "1" && numberedOn(text)) {
			return strings.ReplaceAll(m[1], "–", "-")
		}
	}
	for _, n := range fileNotes {
		if m := numberInNote.FindStringSubmatch(n); m != nil {
			return m[1]
		}
	}
	return ""
}

// numberedOn reports whether a later block begins with "2.", which makes a
// leading "1." a paragraph's number.
func numberedOn(text []block) bool {
	for _, b := range text[1:] {
		if strings.HasPrefix(b.text, "2. ") {
			return true
		}
	}
	return false
}
