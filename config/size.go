package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. In text it is a whole number with an optional unit: B, kB, MB, GB are
// powers of 1000, KiB, MiB, GiB powers of 1024.
type Size int64

// units are in the order in which String tries them.
var units = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// UnmarshalText reads "25 MB", "1MiB" or "1048576".
func (s *Size) UnmarshalText(text []byte) error {
	t := strings.TrimSpace(string(text))
	digits := strings.TrimRight(t, "BGKMbgikm")
	unit := t[len(digits):]
	factor := int64(1)
	if unit != "" {
		factor = 0
		for _, u := range units {
			if strings.EqualFold(u.name, unit) {
				factor = u.bytes
			}
		}
		if factor == 0 {
			return fmt.Errorf("size %q: unknown unit %q, use B, kB, MB, GB, KiB, MiB or GiB", t, unit)
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("size %q: want a whole number and a unit, such as 25 MB", t)
	}
	*s = Size(n * factor)
	return nil
}

// String is the exact size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + " " + u.name
		}
	}
	return "0 B"
}
