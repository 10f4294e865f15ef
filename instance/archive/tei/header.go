package tei

import (
	"regexp"
	"strings"
)

// header collects the printed heading matter above the running text.
type header struct {
	lines        []string
	dtg          string
	sender       string
	action, info []string
	except       []string
	tags         []string
	subject      string
	refs         []string
}

var (
	keyLine = regexp.MustCompile(`^(FM|FROM|TO|INFO|XMT|ZEN|E\.?\s?O\.?\s?\d*|TAGS?|SUBJ(?:ECT)?|REFS?|REFERENCES?|Subj(?:ect)?|Refs?|Reference)\b(?:[:.\s]|\b)\s*(.*)$`)
	numbers = regexp.MustCompile(`^(?:\d+|[A-Z]|\([a-zA-Z\d]+\))[.)]\s*\S`)
	allCaps = regexp.MustCompile(`^[^a-z]+$`)
)

const (
	leadingBlocks = 24  // a printed header ends before this many blocks
	headerLine    = 120 // bytes of the longest header line without a key
)

// readHeader splits blocks into the printed header and the running text.
//
// A telegram printed as sent begins with "TELEGRAM" or has a date-time group near
// its top. Any other paper has a header when lists with a type ("to", "from",
// "subject") stand above its text.
func readHeader(blocks []block) (header, []block) {
	var h header
	if asSent(blocks) {
		return h, h.transmitted(blocks)
	}
	end := 0
	for i, b := range blocks[:min(len(blocks), leadingBlocks)] {
		if b.list != "" {
			end = i + 1
		} else if len(b.text) > 200 || numbers.MatchString(b.text) && b.label == "" {
			break
		}
	}
	for _, b := range blocks[:end] {
		for _, line := range b.lines() {
			h.lines = append(h.lines, line)
		}
		if b.list == "subject" && h.subject == "" && !isReference(b.head) {
			h.subject = strings.Join(b.items, "; ")
		}
		if b.list == "references" || b.list == "subject" && isReference(b.head) {
			h.refs = append(h.refs, b.items...)
		}
	}
	return h, blocks[end:]
}

func isReference(head string) bool { return strings.HasPrefix(strings.ToUpper(head), "REF") }

func asSent(blocks []block) bool {
	for i, b := range blocks[:min(len(blocks), 8)] {
		for _, line := range b.lines() {
			if i == 0 && strings.HasPrefix(line, "TELEGRAM") {
				return true
			}
			if len(line) <= headerLine {
				if dtg.MatchString(line) {
					return true
				}
			}
		}
	}
	return false
}

// transmitted reads a header line by line and returns the running text.
func (h *header) transmitted(blocks []block) []block {
	key, titled := "", false // titled: SUBJECT, TAGS or REF has been seen
	for i, b := range blocks[:min(len(blocks), leadingBlocks)] {
		lines := b.lines()
		for j, line := range lines {
			m := keyLine.FindStringSubmatch(line)
			group, _, _, _ := ParseDTG(line)
			continued := b.list != "" && j > 0 || key == "REF" && j > 0 && len(line) < headerLine && !numbers.MatchString(line)
			switch {
			case group != "" && len(line) <= headerLine && h.dtg == "":
				h.dtg, key = group, ""
			case m != nil && (b.list != "" || m[1] == strings.ToUpper(m[1]) || len(line) < headerLine):
				key = keyword(m[1])
				titled = titled || key == "SUBJECT" || key == "TAGS" || key == "REF"
				h.add(key, strings.TrimSpace(strings.TrimLeft(m[2], ":- ")))
			case continued && key != "":
				h.add(key, line)
			case key == "SUBJECT" && j > 0 && allCaps.MatchString(line) && len(line) < headerLine && !numbers.MatchString(line) && !captionAhead.MatchString(line):
				h.subject += " " + line
			case numbers.MatchString(line), len(line) > headerLine,
				titled && (!allCaps.MatchString(line) || !caption(line)):
				return append(remainder(b, lines[j:]), blocks[i+1:]...)
			case !titled && (key == "TO" || key == "INFO" || key == "XMT") && addressee(line):
				h.add(key, line)
			default:
				key = ""
			}
			h.lines = append(h.lines, line)
		}
	}
	return blocks[min(len(blocks), leadingBlocks):]
}

func remainder(b block, lines []string) []block {
	if b.list != "" {
		return []block{b}
	}
	b.text = strings.Join(lines, "\n")
	if len(lines) > 0 && b.label != "" {
		b.text = strings.TrimPrefix(b.text, b.label+" ")
	}
	return []block{b}
}

var (
	captions = regexp.MustCompile(`\b(?:NODIS|EXDIS|LIMDIS|STADIS|CHEROKEE|NOFORN|EYES ONLY|PASS|FOR|FROM|DEPT|DEPARTMENT|SECTION|PARIS|USUN|STATE|TOSEC|SECTO|CINC\w*)\b|^[A-Z ]{3,24} \d{2,6}`)
	postName = regexp.MustCompile(`^(?:AM(?:EMBASSY|CONSUL|CONGEN)|US(?:MISSION|INT|LO|UN|DEL|OFFICE)|SECSTATE|SECDEF|CINC|ALL |RUEH|DOD\b|JCS|CIA|NSC|NSA|USIA|WHITE HOUSE|[A-Z]+ (?:COLLECTIVE|POSTS)|XMT |[A-Z]{4,20}$)`)
)

// ownNumber is the telegram's own number under its addressees: "USUN 4973".
var ownNumber = regexp.MustCompile(`^[A-Z]+ \d+$`)

// captionAhead is a line that says whom a telegram is for, or through whom.
var captionAhead = regexp.MustCompile(`^(?:FOR|FROM|DEPT|DEPARTMENT|PASS|EYES ONLY|NODIS|EXDIS|LIMDIS|CHEROKEE)\b`)

// caption reports whether a line after SUBJECT is still heading matter.
func caption(line string) bool { return len(line) < 60 && captions.MatchString(line) }

// addressee reports whether a line after TO or INFO names one more post.
func addressee(line string) bool {
	return len(line) < 80 && postName.MatchString(line) && !ownNumber.MatchString(line)
}

func keyword(s string) string {
	switch s := strings.ToUpper(s); {
	case s == "FROM":
		return "FM"
	case strings.HasPrefix(s, "SUBJ"):
		return "SUBJECT"
	case strings.HasPrefix(s, "REF"):
		return "REF"
	case strings.HasPrefix(s, "TAG"):
		return "TAGS"
	case strings.HasPrefix(s, "E"):
		return "EO"
	default:
		return s
	}
}

// add records one value under a header key.
func (h *header) add(key, value string) {
	if value == "" {
		return
	}
	switch key {
	case "FM":
		if h.sender == "" {
			h.sender = value
		}
	case "TO":
		h.action = append(h.action, value)
	case "INFO":
		h.info = append(h.info, value)
	case "XMT":
		h.except = append(h.except, value)
	case "TAGS":
		h.tags = append(h.tags, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '.' })...)
	case "SUBJECT":
		if h.subject == "" {
			h.subject = strings.TrimRight(value, " .")
		}
	case "REF":
		h.refs = append(h.refs, splitReferences(value)...)
	}
}

var (
	andReference = regexp.MustCompile(`(?i)\s*[,;]\s*|\s+and\s+|\s*\([a-z]\)\s*`)
	monthFirst   = regexp.MustCompile(`(?i)^(?:dated|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`)
)

// splitReferences parts "TEHRAN 3704 AND 3740" into "TEHRAN 3704" and "TEHRAN 3740".
func splitReferences(s string) []string {
	var refs []string
	post := ""
	for _, part := range andReference.Split(strings.TrimSuffix(s, "."), -1) {
		part = strings.TrimSpace(enumerated.ReplaceAllString(part, ""))
		if part == "" || monthFirst.MatchString(part) || !strings.ContainsAny(part, "0123456789") {
			continue
		}
		if bare.MatchString(part) && post != "" {
			part = post + " " + part
		} else if m := postNumber.FindStringSubmatch(part); m != nil {
			post = m[1]
		}
		refs = append(refs, part)
	}
	return refs
}

var (
	enumerated = regexp.MustCompile(`^\(?[A-Za-z0-9][.)—]\s*`)
	bare       = regexp.MustCompile(`^\d+$`)
	postNumber = regexp.MustCompile(`^(.*\D)\s+\d+$`)
)
