// Package formula holds the texts with which drafts begin: each kind of dispatch in three
// languages, with gaps in square brackets that a drafter fills. What holds a gap is not
// released.
package formula

import (
	"regexp"
	"slices"
	"strings"
)

// Form is a way to begin a draft: a kind of dispatch with its usual parts.
type Form string

// Forms, in the order in which they are offered.
var Forms = []Form{"cable", "noteVerbale", "circularNote", "aideMemoire", "nonPaper", "demarcheInstruction", "demarcheDelivery", "demarcheReaction"}

// Kind is the kind of dispatch that a form makes.
func (f Form) Kind() string {
	if strings.HasPrefix(string(f), "demarche") {
		return "demarche"
	}
	return string(f)
}

// Languages in which templates are there.
var Languages = []string{"en", "fr", "ar"}

// style is what a language needs to put names into formulas.
type style struct {
	forms map[Form][]string
	// gap stands where the addressee's name goes, with its preposition.
	gap string
	// opens and within are an office's name at the beginning of a sentence and inside one.
	opens, within func(name string) string
	// to is the addressee's name in the place of the gap.
	to func(name string) string
	// fits changes a formula to the gender of the office's name.
	fits func(formula, office string) string
}

var styles = map[string]style{"en": english, "fr": french, "ar": arabic}

// Template returns the paragraphs with which a form begins, in a language, with the
// office's name in its formulas. addressee may be "": then a gap is left for it.
func Template(f Form, language, office, addressee string) []string {
	st, ok := styles[language]
	if !ok {
		st = english
	}
	to := st.gap
	if addressee != "" {
		to = st.to(addressee)
	}
	var out []string
	for _, text := range st.forms[f] {
		text = st.fits(text, office)
		text = strings.NewReplacer("{Office}", st.opens(office), "{office}", st.within(office), "{to}", to).Replace(text)
		out = append(out, text)
	}
	return out
}

// Address puts the addressee's name where a template has left a gap for it.
func Address(text, name string) string {
	for _, st := range styles {
		text = strings.ReplaceAll(text, st.gap, st.to(name))
	}
	return text
}

var bracketed = regexp.MustCompile(`\[[^\[\]]+\]`)

// gaps are the placeholders of all templates.
var gaps = func() map[string]bool {
	out := map[string]bool{}
	for _, st := range styles {
		texts := []string{st.gap}
		for _, form := range st.forms {
			texts = append(texts, form...)
		}
		for _, text := range texts {
			for _, gap := range bracketed.FindAllString(text, -1) {
				out[gap] = true
			}
		}
	}
	return out
}()

// Gap returns the first placeholder of a template that is still in a text, or "". Other
// words in brackets are the author's.
func Gap(text string) string {
	for _, found := range bracketed.FindAllString(text, -1) {
		if gaps[found] {
			return found
		}
	}
	return ""
}

// first is the first word of a name in lower case.
func first(name string) string {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), " ")
	return strings.ReplaceAll(word, "’", "'")
}

func upper(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// englishNouns take the article.
var englishNouns = []string{"embassy", "ministry", "department", "consulate", "consulate-general", "mission", "delegation", "office", "directorate", "secretariat", "commission", "council", "agency", "bureau", "desk", "chancery", "legation", "government", "section", "service", "institute", "high"}

var english = style{
	gap:    "[the addressee]",
	opens:  func(name string) string { return upper(englishName(name)) },
	within: englishName, to: englishName,
	fits:  func(formula, _ string) string { return formula },
	forms: englishForms,
}

func englishName(name string) string {
	if first(name) == "the" {
		return "the" + strings.TrimSpace(name)[3:]
	}
	for _, w := range strings.Fields(strings.ToLower(name)) {
		if slices.Contains(englishNouns, strings.Trim(w, ",.;")) {
			return "the " + name
		}
	}
	return name
}

var french = style{
	gap:    "à [destinataire]",
	opens:  func(name string) string { return upper(frenchName(name)) },
	within: frenchName, to: frenchTo,
	fits:  func(formula, _ string) string { return formula },
	forms: frenchForms,
}

// French nouns that begin the names of offices, by the article that they take.
var (
	frenchLe = []string{"ministère", "département", "secrétariat", "consulat", "bureau", "service", "haut-commissariat", "haut", "gouvernement", "conseil", "comité", "centre", "cabinet", "poste"}
	frenchLa = []string{"mission", "direction", "délégation", "représentation", "présidence", "commission", "sous-direction", "section", "légation", "chancellerie", "cellule"}
	frenchL  = []string{"ambassade", "office", "organisation", "union", "institut", "agence", "administration", "état"}
)

// frenchName is a name with its article, which is written as part of a sentence.
func frenchName(name string) string {
	lower := strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]
	switch w := first(name); {
	case slices.Contains(frenchLe, w):
		return "le " + name
	case slices.Contains(frenchLa, w):
		return "la " + name
	case slices.Contains(frenchL, w):
		return "l’" + name
	case w == "le", w == "la", w == "les", strings.HasPrefix(w, "l'"):
		return lower
	}
	return name
}

// frenchTo is the name behind "à", contracted.
func frenchTo(name string) string {
	n := frenchName(name)
	switch {
	case strings.HasPrefix(n, "le "):
		return "au " + n[len("le "):]
	case strings.HasPrefix(n, "les "):
		return "aux " + n[len("les "):]
	}
	return "à " + n
}

// arabicMasculine begin names of offices that are masculine; the others are feminine, as
// سفارة, وزارة, بعثة, قنصلية and إدارة are.
var arabicMasculine = []string{"مكتب", "مركز", "قسم", "ديوان", "مجلس", "معهد", "المكتب", "المركز", "القسم", "الديوان", "المجلس", "المعهد"}

var arabic = style{
	gap:    "إلى [الجهة المرسل إليها]",
	opens:  func(name string) string { return name },
	within: func(name string) string { return name },
	to:     func(name string) string { return "إلى " + name },
	fits: func(formula, office string) string {
		if !slices.Contains(arabicMasculine, first(office)) {
			return formula
		}
		return strings.NewReplacer("تُهدي {Office}", "يُهدي {Office}", "تحياتها", "تحياته", "وتتشرف", "ويتشرف", "وتغتنم {office}", "ويغتنم {office}", "لتُعرب", "ليُعرب", "فائق تقديرها واحترامها", "فائق تقديره واحترامه").Replace(formula)
	},
	forms: arabicForms,
}
