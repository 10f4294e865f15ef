package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"
)

// ray is the path of the figure of a digest or key: 32 strokes, one for each byte, that
// begin at the ring and are the longer the greater the byte (docs/design.md). Text that
// is not 32 bytes of hexadecimal is hashed first.
func ray(text string) template.HTMLAttr {
	b := bytesOf(text)
	var path strings.Builder
	for i, v := range b {
		angle := float64(i) * 2 * math.Pi / 32
		sin, cos := math.Sin(angle), -math.Cos(angle)
		end := 41 - 24*float64(v)/255
		fmt.Fprintf(&path, "M%.1f %.1fL%.1f %.1f", 44.5*sin, 44.5*cos, end*sin, end*cos)
	}
	return template.HTMLAttr(`d="` + path.String() + `"`)
}

func bytesOf(text string) [sha256.Size]byte {
	if b, err := hex.DecodeString(strings.ReplaceAll(text, " ", "")); err == nil && len(b) == sha256.Size {
		return [sha256.Size]byte(b)
	}
	return sha256.Sum256([]byte(text))
}

// groups writes a digest or key as the hexadecimal of its 32 bytes, four figures a group.
func groups(text string) string {
	b := bytesOf(text)
	return fours(hex.EncodeToString(b[:]))
}

// fours writes ASCII text in groups of four, as it is read aloud and typed.
func fours(text string) string {
	var out []string
	for four := range slices.Chunk([]byte(text), 4) {
		out = append(out, string(four))
	}
	return strings.Join(out, " ")
}

// dtg is a date-time group: precedence letter, day and time in Zulu, month, year.
func dtg(precedence string, t time.Time) string {
	t = t.UTC()
	letter := map[string]string{"ROUTINE": "R", "PRIORITY": "P", "IMMEDIATE": "O", "NIACT IMMEDIATE": "O", "FLASH": "Z"}[precedence]
	return strings.TrimSpace(letter + " " + strings.ToUpper(t.Format("021504Z Jan 06")))
}
