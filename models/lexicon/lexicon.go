// Package lexicon turns a text into the words that are searched for, the same way for
// both databases and for texts and questions: compatibility forms (NFKC), case,
// diacritics, Arabic marks and spelling are folded, the Arabic article is taken off, and
// English and French words are stemmed. Each word keeps its place in the original text.
package lexicon

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Revision names this way of folding. What was indexed under another one is indexed
// anew; raise it with every change of what Words or Stem return.
const Revision = 1

// longest bounds a word, in runes; what is longer is cut there.
const longest = 48

// Word is one word of a text: its folded form, and the bytes text[Start:End] that it
// was written as. Plain holds letters and digits only, and is never empty.
type Word struct {
	Plain      string
	Start, End int
}

// Words yields the words of a text in order. Bytes that are no UTF-8 part words.
func Words(text string) iter.Seq[Word] { return WordsLike(text, nil) }

// WordsLike is Words without those that cannot begin with a given letter or digit once
// they are folded: it folds fewer. nil is every word.
func WordsLike(text string, begins func(r rune) bool) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		for at := 0; at < len(text); {
			start, end, ascii := next(text, at)
			if start == end {
				return
			}
			at = end
			if ascii && begins != nil && !begins(lower(text[start])) {
				continue
			}
			if plain := fold(text[start:end], ascii); plain != "" && !yield(Word{plain, start, end}) {
				return
			}
		}
	}
}

func lower(b byte) rune {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return rune(b)
}

// Fold returns the folded words of a text.
func Fold(text string) []string {
	var out []string
	for w := range Words(text) {
		out = append(out, w.Plain)
	}
	return out
}

// next finds the first word at or after a byte: letters and digits, with the marks and
// joiners inside it. Without one, start is end.
func next(text string, at int) (start, end int, ascii bool) {
	for at < len(text) {
		if b := text[at]; b < utf8.RuneSelf {
			if plain[b] {
				break
			}
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		if starts(r) {
			break
		}
		at += size
	}
	start, end, ascii = at, at, true
	for at < len(text) {
		if b := text[at]; b < utf8.RuneSelf {
			if !plain[b] {
				return start, end, ascii
			}
			at++
			end = at
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case starts(r):
			at += size
			end = at
		case unicode.IsMark(r) || joins(r):
			at += size
			if unicode.IsMark(r) {
				end = at
			}
		default:
			return start, end, ascii
		}
		ascii = false
	}
	return start, end, ascii
}

// plain are the letters and digits of ASCII.
var plain = func() (is [utf8.RuneSelf]bool) {
	for b := range is {
		is[b] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
	}
	return is
}()

func starts(r rune) bool {
	if r < utf8.RuneSelf {
		return plain[r]
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}

// joins are the soft hyphen, the zero-width joiners and the direction marks, which part
// no word.
func joins(r rune) bool {
	return r == 0x00AD || r == 0x061C || r >= 0x200C && r <= 0x200F || r == 0x2060 || r == 0xFEFF
}

// letters are those that have no decomposition into a base letter.
var letters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i", 'ŋ': "n", 'ħ': "h", 'ŧ': "t", 'ς': "σ",
	'ى': "ي", 'ی': "ي", 'ې': "ي", 'ة': "ه", 'ۃ': "ه", 'ہ': "ه", 'ە': "ه", 'ٱ': "ا", 'ک': "ك", 'ڪ': "ك",
	'ـ': "", 'ء': "",
}

// fold returns the folded form of one word, "" where nothing of it is left.
func fold(word string, ascii bool) string {
	if ascii {
		if len(word) > longest {
			word = word[:longest]
		}
		return strings.ToLower(word)
	}
	var b strings.Builder
	runes, arabic := 0, false
	for _, r := range norm.NFKD.String(word) {
		if unicode.IsMark(r) || !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			continue
		}
		if runes == longest {
			break
		}
		runes++
		r = unicode.ToLower(r)
		if r < utf8.RuneSelf {
			b.WriteByte(byte(r))
			continue
		}
		arabic = arabic || unicode.Is(unicode.Arabic, r)
		if unicode.Is(unicode.Nd, r) {
			b.WriteByte('0' + digit(r))
		} else if s, ok := letters[r]; ok {
			b.WriteString(s)
		} else {
			b.WriteRune(r)
		}
	}
	plain := norm.NFC.String(b.String())
	if arabic {
		return withoutArticle(plain)
	}
	return plain
}

// digit is the value of a decimal digit: each script has its ten in a row.
func digit(r rune) byte {
	n := byte(0)
	for unicode.Is(unicode.Nd, r-1) && n < 9 {
		r--
		n++
	}
	return n
}

// withoutArticle takes off ال, with or without the "and" before it, where a word of two
// letters or more is left; the name of God keeps it.
func withoutArticle(plain string) string {
	if plain == "والله" {
		return "الله"
	}
	for _, article := range []struct {
		text string
		left int
	}{{"وال", 3}, {"ال", 2}} {
		rest, ok := strings.CutPrefix(plain, article.text)
		if !ok || utf8.RuneCountInString(rest) < article.left {
			continue
		}
		if rest == "له" || rest == "لهم" {
			return plain
		}
		return rest
	}
	return plain
}
