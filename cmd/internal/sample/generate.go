package sample

import (
	"iter"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Draft is a made-up dispatch: paragraphs of one real document under its subject,
// between two posts of the directory drawn by chance.
type Draft struct {
	Subject    string
	Paragraphs []string
	Precedence string // a level of the default precedence profile
	Marking    string // an unclassified level of the default marking profile
	From, To   string // names of two different posts
}

// Bytes of text that a paragraph of a Draft has.
const (
	shortest = 120
	longest  = 1800
)

// passage is what Generate draws from one document.
type passage struct {
	subject    string
	paragraphs []string
}

// Generate yields n dispatches. The same n and seed give the same dispatches; a
// larger n only adds to them.
func Generate(n int, seed uint64) iter.Seq[Draft] {
	return func(yield func(Draft) bool) {
		from := passages()
		posts := load().posts
		random := rand.New(rand.NewPCG(seed, 0x76616c697365))
		for range n {
			p := from[random.IntN(len(from))]
			length := min(1+random.IntN(6), len(p.paragraphs))
			start := random.IntN(len(p.paragraphs) - length + 1)
			sender := random.IntN(len(posts))
			addressee := (sender + 1 + random.IntN(len(posts)-1)) % len(posts)
			draft := Draft{
				Subject:    p.subject,
				Paragraphs: append([]string(nil), p.paragraphs[start:start+length]...),
				Precedence: precedence(random.IntN(100)),
				Marking:    []string{"UNCLASSIFIED", "LIMITED"}[random.IntN(2)],
				From:       posts[sender].Name,
				To:         posts[addressee].Name,
			}
			if !yield(draft) {
				return
			}
		}
	}
}

// precedence shares out 100 chances about as the printed telegrams do.
func precedence(chance int) string {
	switch {
	case chance < 60:
		return "ROUTINE"
	case chance < 82:
		return "PRIORITY"
	case chance < 96:
		return "IMMEDIATE"
	default:
		return "FLASH"
	}
}

func passages() []passage {
	var out []passage
	for _, d := range load().documents {
		p := passage{subject: d.Subject}
		if p.subject == "" {
			_, p.subject, _ = strings.Cut(d.Title, ". ")
		}
		p.subject = shorten(p.subject, 160)
		for _, paragraph := range d.Paragraphs {
			if n := len(paragraph.Text); n >= shortest && n <= longest {
				p.paragraphs = append(p.paragraphs, paragraph.Text)
			}
		}
		if p.subject != "" && len(p.paragraphs) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// shorten cuts s to at most limit bytes, at a rune and if possible at a word.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	s = s[:limit]
	if at := strings.LastIndexByte(s, ' '); at > 0 {
		s = s[:at]
	}
	return s
}
