package tei

import (
	"regexp"
	"strings"
	"time"
)

// moment is a machine-readable date as the volumes give it.
type moment struct {
	time      time.Time
	precision Precision
	zoned     bool
}

var shapes = []struct {
	layout    string
	precision Precision
	zoned     bool
}{
	{time.RFC3339, Minute, true},
	{"2006-01-02T15:04Z07:00", Minute, true},
	{"2006-01-02T15:04:05", Minute, false},
	{"2006-01-02T15:04", Minute, false},
	{"2006-01-02", Day, false},
	{"2006-01", Month, false},
	{"2006", Year, false},
}

// parseMoment reads the value of @when and its like. The zero moment, which is
// Undated, means that the value is none of the known shapes.
func parseMoment(s string) moment {
	for _, shape := range shapes {
		if t, err := time.Parse(shape.layout, s); err == nil {
			return moment{time: t.UTC(), precision: shape.precision, zoned: shape.zoned}
		}
	}
	return moment{}
}

// parseSpan reads a document's @doc-dateTime-min and -max. A span longer than an
// hour gives the day on which it begins, at its own place.
func parseSpan(from, to string) moment {
	a, b := parseMoment(from), parseMoment(to)
	if a.precision != Minute || b.precision != Minute || b.time.Sub(a.time) <= time.Hour {
		return a
	}
	return parseMoment(from[:len("2006-01-02")])
}

var dtg = regexp.MustCompile(`\b((?:[ZOPRY] )+)(\d{6})Z (JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]* (\d{2}|\d{4})\b`)

var urgency = map[string]string{
	"Z": "Flash", "O": "Immediate", "P": "Priority", "R": "Routine", "Y": "Emergency",
}

// ParseDTG finds a date-time group such as "R 162300Z AUG 73" in a line. It gives
// the group as printed, the moment in UTC, and the name of its first precedence.
// Years of two digits are of the 20th century. When ok is false, group is empty,
// or is one whose moment does not exist ("R 118401Z AUG 71").
func ParseDTG(line string) (group string, at time.Time, precedence string, ok bool) {
	m := dtg.FindStringSubmatch(line)
	if m == nil {
		return "", time.Time{}, "", false
	}
	year := m[4]
	if len(year) == 2 {
		year = "19" + year
	}
	month := m[3][:1] + strings.ToLower(m[3][1:])
	at, err := time.Parse("021504 Jan 2006", m[2]+" "+month+" "+year)
	if err != nil {
		return m[0], time.Time{}, urgency[m[1][:1]], false
	}
	return m[0], at, urgency[m[1][:1]], true
}
