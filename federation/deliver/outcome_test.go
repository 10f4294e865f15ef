package deliver

import (
	"errors"
	"testing"
	"time"

	"valise/federation/remote"
	"valise/models"
)

func TestJudge(t *testing.T) {
	answer := func(status int) *remote.Answer { return &remote.Answer{Status: status} }
	for name, c := range map[string]struct {
		answer *remote.Answer
		err    error
		want   Verdict
	}{
		"accepted":             {answer(202), nil, Done},
		"ok":                   {answer(200), nil, Done},
		"moved":                {answer(301), nil, Final},
		"bad request":          {answer(400), nil, Final},
		"not believed":         {answer(401), nil, Hold},
		"forbidden":            {answer(403), nil, Hold},
		"request timeout":      {answer(408), nil, LaneLater},
		"gone":                 {answer(410), nil, Final},
		"too large":            {answer(413), nil, Final},
		"too many":             {answer(429), nil, HostAway},
		"internal error":       {answer(500), nil, LaneLater},
		"bad gateway":          {answer(502), nil, HostAway},
		"unavailable":          {answer(503), nil, HostAway},
		"gateway timeout":      {answer(504), nil, HostAway},
		"no connection":        {nil, &remote.Error{Kind: remote.KindUnreachable}, HostAway},
		"no answer":            {nil, &remote.Error{Kind: remote.KindTimeout}, HostAway},
		"an address we refuse": {nil, &remote.Error{Kind: remote.KindRefusedAddress}, Final},
		"our own fault":        {nil, errors.New("the key cannot be opened"), LaneLater},
	} {
		if got, _, reason, _ := Judge(c.answer, c.err); got != c.want {
			t.Errorf("%s: verdict %d (%s), want %d", name, got, reason, c.want)
		}
	}
}

func TestWaitGrowsAndHonoursTheWish(t *testing.T) {
	before := time.Duration(0)
	for n := int64(1); n <= 8; n++ {
		w := Wait(n, 0)
		if w <= before {
			t.Errorf("failure %d waits %s, no longer than the one before", n, w)
		}
		before = w
	}
	if Wait(50, 0) != 24*time.Hour {
		t.Errorf("the fiftieth failure waits %s", Wait(50, 0))
	}
	if Wait(1, 2*time.Hour) != 2*time.Hour || Wait(1, 90*24*time.Hour) != 24*time.Hour {
		t.Error("Retry-After is not honoured up to a day")
	}
}

// TestSettle: what one round means for its rows and its host.
func TestSettle(t *testing.T) {
	now := models.At(time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC))
	round := func(js ...judgement) *result {
		r := &result{host: &models.Host{Host: "peer.example"}}
		for range js {
			r.rows = append(r.rows, &models.Delivery{State: models.DeliveryPending, CreatedAt: now})
		}
		r.settle(js, now)
		return r
	}
	r := round(judgement{verdict: Done, status: 202}, judgement{verdict: LaneLater, status: 500, reason: "answered 500"})
	if r.host.BackOffUntil != 0 || r.rows[0].State != models.DeliveryDone || r.rows[1].NextAt <= now {
		t.Errorf("one 500 of two: host %+v, rows %+v %+v", r.host, r.rows[0], r.rows[1])
	}
	r = round(judgement{verdict: HostAway, reason: "refused"}, judgement{verdict: HostAway, reason: "refused"})
	if r.host.Failures != 1 || r.host.BackOffUntil != now.Add(time.Minute) || r.rows[1].NextAt < r.host.BackOffUntil || r.rows[0].State != models.DeliveryPending {
		t.Errorf("a host that is away: %+v, row %+v", r.host, r.rows[0])
	}
	r = round(judgement{cancelled: "no longer a member"})
	if r.rows[0].State != models.DeliveryCancelled || r.rows[0].Reason == "" || r.rows[0].Attempts != 0 {
		t.Errorf("a row no longer allowed: %+v", r.rows[0])
	}
	old := &result{host: &models.Host{}, rows: []*models.Delivery{{State: models.DeliveryPending, CreatedAt: now.Add(-giveUp - time.Hour)}}}
	old.settle([]judgement{{verdict: HostAway, reason: "refused"}}, now)
	if old.rows[0].State != models.DeliveryFailed || old.rows[0].Reason == "" {
		t.Errorf("after %s: %+v", giveUp, old.rows[0])
	}
}

// TestSlowHostGivesItsPlaceAway: one that does not answer delays no other.
func TestSlowHostGivesItsPlaceAway(t *testing.T) {
	fast, slow, freed := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	fast <- struct{}{}
	p := newPlace(fast, slow, freed)
	p.move()
	select {
	case fast <- struct{}{}:
		<-fast
	default:
		t.Error("the slow host still holds its place")
	}
	p.leave()
	if len(slow) != 0 || len(fast) != 0 {
		t.Errorf("places are not given back: %d slow, %d fast", len(slow), len(fast))
	}
}
