package models

import (
	"strconv"
	"time"
)

// Time is a moment in UTC as milliseconds since the Unix epoch, the unit of
// every time column in both databases. Zero means "not set".
type Time int64

// Never is later than every moment that the store compares with.
const Never Time = 1 << 60

// At returns the moment t, rounded down to the millisecond.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Time returns t as a UTC time, or the zero time when t is not set.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// Add returns the moment d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// String writes t as on the wire (YYYY-MM-DDThh:mm:ssZ), or "" when not set.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Time().Format("2006-01-02T15:04:05Z")
}

// MarshalJSON writes the wire form; a time that is not set is the empty string.
func (t Time) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, t.String()), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil || s == "" {
		*t = 0
		return err
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", s)
	*t = At(at)
	return err
}
