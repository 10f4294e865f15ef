package access_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"valise/instance/access"
	"valise/instance/audit"
	"valise/models"
	"valise/models/modeltest"
)

// app is an authenticator app with one secret.
type app string

func (a app) at(t *testing.T, now time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(string(a), now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrol gives Alice an app, and returns it with her recovery codes.
func (h *house) enrol() (app, []string) {
	h.Helper()
	h.admit()
	s, _ := h.signIn()
	offer, err := h.OfferTOTP(h.Context(), s, false)
	h.must(err)
	codes, err := h.ConfirmTOTP(h.Context(), s, app(offer.Secret).at(h.T, h.now))
	h.must(err)
	h.now = h.now.Add(time.Minute)
	return app(offer.Secret), codes
}

// half does the first step.
func (h *house) half() string {
	h.Helper()
	step, err := h.Password(h.Context(), "alice", good, desk)
	h.must(err)
	if step.Proof != nil || step.Next == "" {
		h.Fatalf("no second factor is asked: %+v", step)
	}
	return step.Next
}

func TestCodesOfAnApp(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		session, _ := h.signIn()
		offer, err := h.OfferTOTP(t.Context(), session, false)
		h.must(err)
		if again, err := h.OfferTOTP(t.Context(), session, false); err != nil || again.Secret != offer.Secret {
			t.Errorf("a reloaded page shows another secret: %v", err)
		}
		if !strings.HasPrefix(offer.URL, "otpauth://totp/ministry.example:alice@ministry.example?") || len(offer.QR) < 21 || len(offer.QR) != len(offer.QR[0]) || !offer.QR[0][0] {
			t.Errorf("offer: %s, %d rows", offer.URL, len(offer.QR))
		}
		a := app(offer.Secret)
		// Until a code has confirmed it, the password alone is enough.
		_, err = h.ConfirmTOTP(t.Context(), session, "000000")
		h.refused(err, "unfit-code")
		h.signIn()
		codes, err := h.ConfirmTOTP(t.Context(), session, a.at(t, h.now))
		h.must(err)
		if len(codes) != 10 {
			t.Fatalf("%d recovery codes", len(codes))
		}
		var sealed []byte
		h.must(s.R.NewRaw(`SELECT totp FROM credentials`).Scan(t.Context(), &sealed))
		if len(sealed) < 40 || strings.Contains(string(sealed), offer.Secret) {
			t.Errorf("the secret is not sealed: %x", sealed)
		}

		// The code that confirmed it does not work again, and the next one works once.
		next := h.half()
		_, err = h.Second(t.Context(), next, a.at(t, h.now), desk)
		h.refused(err, "wrong-code")
		h.now = h.now.Add(30 * time.Second)
		code := a.at(t, h.now)
		p, err := h.Second(t.Context(), next, code[:3]+" "+code[3:], desk)
		h.must(err)
		if p.Person() != h.alice || p.Method() != access.ByTOTP {
			t.Errorf("proof: %+v", p)
		}
		_, err = h.Second(t.Context(), next, code, desk)
		h.refused(err, "sign-in-over")
		_, err = h.Second(t.Context(), h.half(), code, desk)
		h.refused(err, "wrong-code")

		// A clock may be off by one step either way, and not by two; an older code than the
		// last one used is over.
		h.now = h.now.Add(5 * time.Minute)
		_, err = h.Second(t.Context(), h.half(), a.at(t, h.now.Add(time.Minute)), desk)
		h.refused(err, "wrong-code")
		_, err = h.Second(t.Context(), h.half(), a.at(t, h.now.Add(30*time.Second)), desk)
		h.must(err)
		_, err = h.Second(t.Context(), h.half(), a.at(t, h.now), desk)
		h.refused(err, "wrong-code")
		// Digits as an Arabic keyboard writes them.
		h.now = h.now.Add(5 * time.Minute)
		arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, a.at(t, h.now))
		if _, err = h.Second(t.Context(), h.half(), arabic, desk); err != nil {
			t.Error(err)
		}

		h.refused(h.DropTOTP(t.Context(), session), "prove-yourself")
		p, err = h.Second(t.Context(), h.half(), codes[0], desk)
		h.must(err)
		session, _ = h.begin(p, desk)
		h.must(h.DropTOTP(t.Context(), session))
		h.signIn()
		if h.count("second factor added") != 1 || h.count("second factor removed") != 1 {
			t.Errorf("acts: %v", h.acts())
		}
	})
}

func TestSecondStepEnds(t *testing.T) {
	h := simple(t)
	a, _ := h.enrol()
	next := h.half()
	h.now = h.now.Add(access.SecondWithin)
	_, err := h.Second(t.Context(), next, a.at(t, h.now), desk)
	h.refused(err, "sign-in-over")
	_, err = h.Second(t.Context(), "made up", a.at(t, h.now), desk)
	h.refused(err, "sign-in-over")
}

func TestRecoveryCodes(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		_, codes := h.enrol()
		p, err := h.Second(t.Context(), h.half(), strings.ToUpper(strings.ReplaceAll(codes[3], "-", " ")), desk)
		h.must(err)
		if p.Method() != access.ByRecovery {
			t.Errorf("proof: %+v", p)
		}
		_, err = h.Second(t.Context(), h.half(), codes[3], desk)
		h.refused(err, "wrong-code")
		if left, _, err := h.RecoveryCodes(t.Context(), h.alice); err != nil || left != 9 {
			t.Errorf("%d codes are left (%v), want 9", left, err)
		}

		// Of many that try one code at once, one gets in.
		var nexts []string
		for range 4 {
			nexts = append(nexts, h.half())
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for _, next := range nexts {
			wg.Go(func() {
				if p, _ := h.Second(t.Context(), next, codes[5], desk); p != nil {
					mu.Lock()
					in++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Errorf("%d got in with one code", in)
		}

		h.now = h.now.Add(time.Hour)
		session, _ := h.begin(must(h.Second(t.Context(), h.half(), codes[6], desk)), desk)
		fresh, err := h.NewRecoveryCodes(t.Context(), session)
		h.must(err)
		_, err = h.Second(t.Context(), h.half(), codes[0], desk)
		h.refused(err, "wrong-code")
		if _, err = h.Second(t.Context(), h.half(), fresh[0], desk); err != nil {
			t.Error(err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Somebody who has lost her phone gets in by a link of the operator, and one who stole a
// plain link does not get past the second factor.
func TestLinksAndSecondFactors(t *testing.T) {
	h := simple(t)
	a, codes := h.enrol()
	last := func(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }
	plain := last(must(h.MakeLink(t.Context(), audit.LocalOperator, h.alice, false)))
	step, err := h.UseLink(t.Context(), plain, "une autre phrase bien longue")
	h.must(err)
	if step.Proof != nil || !step.TOTP {
		t.Fatalf("a link goes past the second factor: %+v", step)
	}
	if _, err := h.Second(t.Context(), step.Next, a.at(t, h.now), desk); err != nil {
		t.Error(err)
	}
	_, err = h.UseLink(t.Context(), plain, "encore une autre phrase")
	h.refused(err, "link-over")

	old := last(must(h.MakeLink(t.Context(), audit.LocalOperator, h.alice, true)))
	lost := last(must(h.MakeLink(t.Context(), audit.LocalOperator, h.alice, true)))
	_, err = h.Link(t.Context(), old)
	h.refused(err, "link-over")
	who, err := h.Link(t.Context(), lost)
	h.must(err)
	if who.Username != "alice" || !who.Lost || who.First {
		t.Errorf("invited: %+v", who)
	}
	_, err = h.UseLink(t.Context(), lost, "weak")
	h.refused(err, "weak-password")
	step, err = h.UseLink(t.Context(), lost, "encore une autre phrase")
	h.must(err)
	if step.Proof == nil {
		t.Errorf("what she has lost is asked: %+v", step)
	}
	if left, _, _ := h.RecoveryCodes(t.Context(), h.alice); left != 0 || len(codes) != 10 {
		t.Errorf("%d old recovery codes still work", left)
	}
	expired := last(must(h.MakeLink(t.Context(), audit.LocalOperator, h.alice, false)))
	h.now = h.now.Add(access.LinkWithin)
	_, err = h.Link(t.Context(), expired)
	h.refused(err, "link-over")
}
