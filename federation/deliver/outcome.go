package deliver

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"valise/federation/remote"
)

// Verdict is what one attempt means for its row and its host.
type Verdict int

const (
	// Done: answered 2xx.
	Done Verdict = iota
	// HostAway: the host cannot be reached or asks for time; its back-off grows.
	HostAway
	// LaneLater: an error of the peer's about this activity; only its lane waits.
	LaneLater
	// Hold: it does not believe our signature (401, 403); the row waits and the office
	// is told.
	Hold
	// Final: the peer refuses this activity for good.
	Final
)

// Judge reads the answer to one attempt (PROTOCOL §8, Retries). reason is for the
// evidence board.
func Judge(answer *remote.Answer, err error) (v Verdict, status int64, reason string, after time.Duration) {
	if err != nil {
		var e *remote.Error
		if errors.As(err, &e) {
			switch e.Kind {
			case remote.KindRefusedAddress, remote.KindRedirect:
				return Final, 0, e.Detail, 0
			case remote.KindBusy, remote.KindCanceled:
				return LaneLater, 0, e.Detail, 0
			}
			return HostAway, int64(e.Status), fmt.Sprintf("%s: %s", e.Kind, e.Detail), e.RetryAfter
		}
		return LaneLater, 0, err.Error(), 0
	}
	status = int64(answer.Status)
	reason = http.StatusText(answer.Status)
	if answer.Problem != nil {
		reason = answer.Problem.String()
	}
	reason = fmt.Sprintf("answered %d: %s", answer.Status, reason)
	switch c := answer.Status; {
	case answer.OK():
		return Done, status, reason, 0
	case c == 429 || c == 502 || c == 503 || c == 504:
		return HostAway, status, reason, answer.RetryAfter
	case c >= 500 || c == 408:
		return LaneLater, status, reason, answer.RetryAfter
	case c == 401 || c == 403:
		return Hold, status, reason, answer.RetryAfter
	}
	return Final, status, reason, 0
}

// waits are the pauses after the first, second, … failure; after the last, daily.
var waits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// HoldFor is how long a hold lasts at least before a sign of life ends it: a host that
// refuses one thing for good and talks on is not asked about it all the time.
const HoldFor = 10 * time.Minute

// giveUp is how long a delivery is tried at all.
const giveUp = 16 * 24 * time.Hour

// Wait is the pause after so many failures (1 or more). A longer wish of the peer's is
// honoured, up to a day.
func Wait(failures int64, wish time.Duration) time.Duration {
	w := waits[min(max(int(failures), 1), len(waits))-1]
	return max(w, min(wish, 24*time.Hour))
}
