package vocab

import (
	"strconv"
	"time"
)

// TimeLayout is how times are written on the wire: seconds, UTC, "Z".
const TimeLayout = "2006-01-02T15:04:05Z"

// timeMembers are the members whose value is a time in documents of ours.
var timeMembers = map[string]bool{
	"published": true, "updated": true, "created": true, "startTime": true, "endTime": true,
	"validFrom": true, "validUntil": true, "deleted": true, "receivedAt": true, "revoked": true,
	"expires": true, "historyFrom": true,
}

// maxSafeInteger is 2^53: beyond it JCS, which numbers in doubles, would sign
// another number than the one written.
const maxSafeInteger = 1 << 53

// CheckSigned holds a document that carries a proof to PROTOCOL §3.2: no null,
// no empty array, no fraction or exponent, no integer beyond 2^53, and times of
// known members written as TimeLayout. Duplicate keys and case twins never get
// past ParseJSON.
func (n *Node) CheckSigned() error {
	if err := n.checkSigned(); err != nil {
		return err
	}
	return nil
}

func (n *Node) checkSigned() *Error {
	switch n.Kind() {
	case Null:
		return fault(CodeNull, n, "member %s is null", excerpt(n.key))
	case Array:
		if n.count == 0 {
			return fault(CodeEmptyArray, n, "member %s is an empty array", excerpt(n.key))
		}
	case Number:
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || v > maxSafeInteger || v < -maxSafeInteger || n.text == "-0" {
			return fault(CodeNumber, n, "%s is no integer within 2^53", excerpt(n.text))
		}
	case String:
		if timeMembers[n.key] {
			if _, ok := ParseWireTime(n.text); !ok {
				return fault(CodeInvalidTime, n, "member %s is no time YYYY-MM-DDThh:mm:ssZ", excerpt(n.key))
			}
		}
	}
	if n == nil {
		return nil
	}
	for m := n.first; m != nil; m = m.next {
		if m.key == "@context" && n.kind == Object {
			continue // defines members, has none; checkContext reads it
		}
		if timeMembers[m.key] && n.kind == Object && m.kind != String && m.kind != Null {
			return fault(CodeInvalidTime, m, "member %s is %s", excerpt(m.key), m.kind)
		}
		if err := m.checkSigned(); err != nil {
			return err
		}
	}
	return nil
}

// ParseWireTime reads TimeLayout exactly.
func ParseWireTime(s string) (time.Time, bool) {
	if len(s) != len(TimeLayout) || s[10] != 'T' || s[19] != 'Z' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// parseTime reads what ActivityStreams allows (RFC 3339, seconds optional,
// AS2 Core §2.3) and returns UTC. It is for documents without a proof.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	t, err := time.Parse("2006-01-02T15:04Z07:00", s)
	return t.UTC(), err == nil
}
