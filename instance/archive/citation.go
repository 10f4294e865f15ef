package archive

import (
	"regexp"
	"strings"

	"valise/instance/archive/tei"
)

// A telegram is cited by its post and number ("TEHRAN 3704", "telegram 1017 from
// Ankara"). The Department of State is cited as STATE, whoever it wrote to.

var (
	department = regexp.MustCompile(`(?i)department|secretary of state|secstate`)
	mission    = regexp.MustCompile(`(?i)mission (?:to|at) the (?:united nations|un)\b|usun`)
	digits     = regexp.MustCompile(`\d`)
	quoted     = regexp.MustCompile(`^([A-Z][A-Z.]*(?: [A-Z][A-Z.]*)?) +(?:TEL(?:EGRAM)? +)?((?:A-)?\d{1,6})\b`)
	inNote     = regexp.MustCompile(`\b[Tt]elegrams? ((?:A-)?\d{1,6}) (from|to) (?:the )?(Department|[A-Z][A-Za-z]+(?: [A-Z][a-z]+)?)`)
)

// messageOf is by what others cite a document; "" where it has no number of its own.
func messageOf(d tei.Document) string {
	if !digits.MatchString(d.MessageNumber) || d.Kind != tei.KindTelegram && d.Kind != tei.KindAirgram {
		return ""
	}
	post := d.Place
	switch sender := d.From + " " + d.Sender; {
	case mission.MatchString(d.From):
		post = "USUN"
	case department.MatchString(sender):
		post = "STATE"
	}
	return message(post, d.MessageNumber)
}

func message(post, number string) string {
	post = strings.Join(strings.Fields(strings.ToUpper(strings.Trim(post, " .,"))), " ")
	if post == "" || len(post) > 60 {
		return ""
	}
	return post + " " + strings.ToUpper(number)
}

type citation struct{ message, label string }

// citationsOf are the numbers that a document quotes in its REF line and in its notes,
// each once.
func citationsOf(d tei.Document) []citation {
	var out []citation
	seen := map[string]bool{}
	add := func(message, label string) {
		if message != "" && !seen[message] {
			seen[message] = true
			out = append(out, citation{message, label})
		}
	}
	for _, r := range d.References {
		if r.Kind != tei.ToMessage {
			continue
		}
		if m := quoted.FindStringSubmatch(strings.ToUpper(r.Text)); m != nil {
			add(message(m[1], m[2]), r.Text)
		}
	}
	notes := []string{d.SourceNote}
	for _, n := range d.Footnotes {
		notes = append(notes, n.Text)
	}
	for _, n := range notes {
		for _, m := range inNote.FindAllStringSubmatch(n, -1) {
			post := m[3]
			if m[2] == "to" || post == "Department" {
				post = "STATE"
			}
			add(message(post, m[1]), m[0])
		}
	}
	return out
}
