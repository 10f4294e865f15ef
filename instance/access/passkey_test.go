package access_test

import (
	"strings"
	"testing"

	"valise/instance/access"
	"valise/models"
	"valise/models/modeltest"
)

// give registers a device for the session's person.
func (h *house) give(s *models.Session, d *authenticator, name string) []string {
	h.Helper()
	options, ceremony, err := h.BeginPasskey(h.Context(), s)
	h.must(err)
	codes, err := h.AddPasskey(h.Context(), s, ceremony, name, d.register(options))
	h.must(err)
	return codes
}

// by signs in with a device.
func (h *house) by(d *authenticator) (*access.Proof, error) {
	h.Helper()
	options, ceremony, err := h.BeginSignIn()
	h.must(err)
	return h.Passkey(h.Context(), ceremony, d.sign(options), desk)
}

func TestPasskeys(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		session, _ := h.signIn()
		phone, key := device(t, false), device(t, true)
		phone.flags |= 8 | 16 // copied to her other devices; it keeps no counter
		key.count = 7
		if codes := h.give(session, phone, " Phone "); len(codes) != 10 {
			t.Errorf("%d recovery codes with the first passkey", len(codes))
		}
		if codes := h.give(session, key, "Key ring"); codes != nil {
			t.Errorf("new recovery codes though she has some: %v", codes)
		}
		for range 2 {
			for _, d := range []*authenticator{phone, key} {
				if d == key {
					d.count++
				}
				p, err := h.by(d)
				h.must(err)
				if p.Person() != h.alice || p.Method() != access.ByPasskey {
					t.Errorf("proof: %+v", p)
				}
			}
		}
		rows, err := h.Passkeys(t.Context(), h.alice)
		h.must(err)
		if len(rows) != 2 || rows[0].Name != "Phone" && rows[1].Name != "Phone" {
			t.Fatalf("passkeys: %+v", rows)
		}
		for _, r := range rows {
			switch r.Name {
			case "Phone":
				if !r.BackupEligible || !r.BackedUp || r.SignCount != 0 || r.Transports != "internal hybrid" || r.UsedAt == 0 {
					t.Errorf("phone: %+v", r)
				}
			case "Key ring":
				if r.BackupEligible || r.BackedUp || r.SignCount != 9 {
					t.Errorf("key: %+v", r)
				}
			}
		}

		// With a passkey, the password alone is no longer enough.
		step, err := h.Password(t.Context(), "alice", good, desk)
		h.must(err)
		if step.Proof != nil || !step.Passkey || step.TOTP {
			t.Errorf("step: %+v", step)
		}

		// A counter that does not rise is a copy, until it rises again.
		_, err = h.by(key)
		h.refused(err, "copied-passkey")
		key.count = 3
		_, err = h.by(key)
		h.refused(err, "copied-passkey")
		key.count = 10
		_, err = h.by(key)
		h.must(err)

		h.must(h.RenamePasskey(t.Context(), session, b64(key.id), "Bunch of keys"))
		h.refused(h.RenamePasskey(t.Context(), session, "unknown", "Other"), "not-found")
		h.refused(h.RenamePasskey(t.Context(), session, b64(key.id), "  "), "invalid")
		h.must(h.RemovePasskey(t.Context(), session, b64(key.id)))
		h.refused(h.RemovePasskey(t.Context(), session, b64(key.id)), "not-found")
		h.refused(h.RemovePasskey(t.Context(), session, ""), "not-found")
		key.count++
		_, err = h.by(key)
		h.refused(err, "wrong-passkey")
		if h.count("passkey added") != 2 || h.count("passkey removed") != 1 || h.count("sign-in failed") != 3 {
			t.Errorf("acts: %v", h.acts())
		}
	})
}

func TestPasskeysThatAreRefused(t *testing.T) {
	h := simple(t)
	h.admit()
	session, _ := h.signIn()
	mine := device(t, false)
	h.give(session, mine, "Phone")

	again, ceremony, err := h.BeginPasskey(t.Context(), session)
	h.must(err)
	if !strings.Contains(string(again), b64(mine.id)) {
		t.Errorf("a device that is enrolled is not excluded: %s", again)
	}
	answer := mine.register(again)
	_, err = h.AddPasskey(t.Context(), session, ceremony, "Again", answer)
	h.refused(err, "wrong-passkey")
	_, err = h.AddPasskey(t.Context(), session, ceremony, "Again", answer)
	h.refused(err, "sign-in-over")

	for name, c := range map[string]struct {
		change func(d *authenticator)
		spoil  func(answer string) string
		code   string
	}{
		"another origin":      {change: func(d *authenticator) { d.origin = "https://ministry.example.evil.example" }, code: "wrong-passkey"},
		"not verified":        {change: func(d *authenticator) { d.flags = 1 }, code: "wrong-passkey"},
		"not present":         {change: func(d *authenticator) { d.flags = 4 }, code: "wrong-passkey"},
		"another key":         {change: func(d *authenticator) { d.key = device(t, false).key }, code: "wrong-passkey"},
		"another credential":  {change: func(d *authenticator) { d.id = []byte("another credential") }, code: "wrong-passkey"},
		"another person":      {change: func(d *authenticator) { d.handle = "somebody else" }, code: "wrong-passkey"},
		"backed up suddenly":  {change: func(d *authenticator) { d.flags |= 8 | 16 }, code: "wrong-passkey"},
		"a cut answer":        {spoil: func(s string) string { return s[:len(s)/2] }, code: "wrong-passkey"},
		"no answer":           {spoil: func(string) string { return "" }, code: "wrong-passkey"},
		"an endless answer":   {spoil: func(s string) string { return s + strings.Repeat(" ", 1<<20) }, code: "wrong-passkey"},
		"a changed signature": {spoil: func(s string) string { return strings.Replace(s, `"signature":"`, `"signature":"AA`, 1) }, code: "wrong-passkey"},
	} {
		d := *mine
		if c.change != nil {
			c.change(&d)
		}
		options, ceremony, err := h.BeginSignIn()
		h.must(err)
		answer := string(d.sign(options))
		if c.spoil != nil {
			answer = c.spoil(answer)
		}
		_, err = h.Passkey(t.Context(), ceremony, []byte(answer), access.Origin{Address: "192.0.2.77"})
		if r := h.refused(err, c.code); strings.Contains(r.Detail, "Error") {
			t.Errorf("%s: she reads %q", name, r.Detail)
		}
	}

	// A challenge is good for one answer, for the ceremony it was made for, and for a time.
	options, ceremony, err := h.BeginSignIn()
	h.must(err)
	signed := mine.sign(options)
	_, err = h.Passkey(t.Context(), ceremony, signed, desk)
	h.must(err)
	_, err = h.Passkey(t.Context(), ceremony, signed, desk)
	h.refused(err, "sign-in-over")
	options, ceremony, err = h.BeginSignIn()
	h.must(err)
	_, other, err := h.BeginSignIn()
	h.must(err)
	_, err = h.Passkey(t.Context(), other, mine.sign(options), desk)
	h.refused(err, "wrong-passkey")
	for _, forged := range []string{"", "x", ceremony[1:], ceremony + "AA", ceremony[:len(ceremony)-3] + "AAA"} {
		_, err = h.Passkey(t.Context(), forged, mine.sign(options), desk)
		h.refused(err, "sign-in-over")
	}
	h.now = h.now.Add(access.CeremonyWithin)
	_, err = h.Passkey(t.Context(), ceremony, mine.sign(options), desk)
	h.refused(err, "sign-in-over")
	_, _, err = h.BeginPasskey(t.Context(), session)
	h.refused(err, "prove-yourself")
}

// Whoever has a passkey alone cannot lock herself out.
func TestLastPasskeyStays(t *testing.T) {
	h := simple(t)
	h.admit()
	session, _ := h.signIn()
	d := device(t, true)
	h.give(session, d, "Phone")
	if _, err := h.Store.W.NewRaw(`UPDATE credentials SET password = ''`).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.refused(h.RemovePasskey(t.Context(), session, b64(d.id)), "invalid")
	if _, err := h.by(d); err != nil {
		t.Error(err)
	}
	_, err := h.Password(t.Context(), "alice", "", desk)
	h.refused(err, "wrong-sign-in")
}
