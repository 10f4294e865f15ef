package access_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func last(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

var first = access.First{Username: "dora", Name: "Dora Diaz", Password: good, Office: "europe", Code: "EUR", Title: "Europe Desk", Post: "Paris"}

func TestFirstRun(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		old := must(h.SetupLink(t.Context()))
		url := must(h.SetupLink(t.Context()))
		if !strings.HasPrefix(url, "https://ministry.example/setup/") || len(last(url)) < 22 {
			t.Fatalf("link: %s", url)
		}
		_, err := h.FirstRun(t.Context(), last(old), first)
		h.refused(err, "setup-link-over")
		if !must(h.Unset(t.Context())) {
			t.Error("somebody can sign in before the first run")
		}
		for field, bad := range map[string]struct {
			change func(*access.First)
			code   string
		}{
			"password": {func(f *access.First) { f.Password = "dora.diaz.2026" }, "weak-password"},
			"code":     {func(f *access.First) { f.Code = "" }, "invalid"},
			"title":    {func(f *access.First) { f.Title = " " }, "invalid"},
			"office":   {func(f *access.First) { f.Office = "Europe Desk" }, "invalid"},
			"name":     {func(f *access.First) { f.Name = "" }, "invalid"},
			"username": {func(f *access.First) { f.Username = "europe" }, "invalid"},
		} {
			in := first
			bad.change(&in)
			_, err := h.FirstRun(t.Context(), last(url), in)
			h.refused(err, bad.code)
			if r := new(access.Refusal); !errors.As(err, &r) || r.Field != field {
				t.Errorf("%v is about the field %q, not %q", err, r.Field, field)
			}
		}
		if _, err := models.LocalActorByName(t.Context(), s.R, "europe"); !models.NotFound(err) {
			t.Errorf("a refused first run left an office: %v", err)
		}
		proof := must(h.FirstRun(t.Context(), last(url), first))
		session, token := h.begin(proof, desk)
		_, profile, err := h.Who(t.Context(), token, desk)
		h.must(err)
		if profile.Username != "dora" || !profile.Operator || !access.Fresh(session, h.now) {
			t.Errorf("profile: %+v", profile)
		}
		office := iri.IRI("https://ministry.example/o/europe")
		for _, act := range accounts.Acts {
			if ok, err := models.HasMandate(t.Context(), s.R, session.Person, office, act, models.At(h.now)); err != nil || !ok {
				t.Errorf("no mandate to %s (%v)", act, err)
			}
		}
		_, err = h.FirstRun(t.Context(), last(url), first)
		h.refused(err, "set-up-already")
		if must(h.Unset(t.Context())) {
			t.Error("nobody can sign in after the first run")
		}
		if again := must(h.SetupLink(t.Context())); again != "" {
			t.Errorf("the first run is offered again: %s", again)
		}
		if !slices.Contains(h.acts(), "instance set up") {
			t.Errorf("acts: %v", h.acts())
		}
	})
}

// Offices and persons that were made on the command line are taken as they are.
func TestFirstRunTakesWhatIsThere(t *testing.T) {
	h := simple(t)
	url := must(h.SetupLink(t.Context()))
	in := first
	in.Username, in.Name = "alice", ""
	proof := must(h.FirstRun(t.Context(), last(url), in))
	if proof.Person() != h.alice {
		t.Errorf("proof: %+v", proof)
	}
	expired := simple(t)
	url = must(expired.SetupLink(t.Context()))
	expired.now = expired.now.Add(access.LinkWithin)
	_, err := expired.FirstRun(t.Context(), last(url), first)
	expired.refused(err, "setup-link-over")
}

func TestInvitedPersons(t *testing.T) {
	h := simple(t)
	person, url, err := h.Invite(t.Context(), string(h.alice), "carol", "Carol Chen")
	h.must(err)
	who := must(h.Link(t.Context(), last(url)))
	if who.Person != person.IRI || who.Name != "Carol Chen" || !who.First || !strings.HasPrefix(url, "https://ministry.example/welcome/") {
		t.Errorf("%s: %+v", url, who)
	}
	step := must(h.UseLink(t.Context(), last(url), good))
	if step.Proof.Person() != person.IRI || step.Proof.Method() != access.ByLink {
		t.Errorf("step: %+v", step)
	}
	if _, _, err := h.Invite(t.Context(), string(h.alice), "carol", "Another Carol"); err == nil {
		t.Error("a taken name was given again")
	}
	_, err = h.MakeLink(t.Context(), string(h.alice), "https://elsewhere.example/u/x", false)
	h.refused(err, "invalid")
}

func TestOperators(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		if must(h.IsOperator(t.Context(), h.alice)) {
			t.Error("everybody is an operator")
		}
		h.must(h.GrantOperator(t.Context(), audit.LocalOperator, h.alice))
		h.refused(h.GrantOperator(t.Context(), audit.LocalOperator, h.alice), "invalid")
		h.refused(h.GrantOperator(t.Context(), audit.LocalOperator, "https://ministry.example/o/none"), "invalid")
		if !must(h.IsOperator(t.Context(), h.alice)) || len(must(h.Operators(t.Context()))) != 1 {
			t.Error("no operator")
		}
		h.refused(h.RevokeOperator(t.Context(), string(h.alice), h.alice), "invalid")
		h.must(h.RevokeOperator(t.Context(), audit.LocalOperator, h.alice))
		h.refused(h.RevokeOperator(t.Context(), audit.LocalOperator, h.alice), "invalid")
		if h.count("operator named") != 1 || h.count("operator revoked") != 1 {
			t.Errorf("acts: %v", h.acts())
		}
	})
}

// Whoever takes the role, or the way in, from the only operator who may come in locks
// everybody out of administration: pages refuse it, also where another one is blocked.
func TestTheLastOperatorWhoMayComeInStays(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		ctx := t.Context()
		bob, carol := must(h.Accounts.AddPerson(ctx, audit.LocalOperator, "bob", "Bob")).IRI, must(h.Accounts.AddPerson(ctx, audit.LocalOperator, "carol", "Carol")).IRI
		h.must(h.GrantOperator(ctx, audit.LocalOperator, h.alice))
		h.must(h.GrantOperator(ctx, audit.LocalOperator, bob))
		h.must(h.Block(ctx, string(h.alice), bob, "left the service"))
		h.refused(h.RevokeOperator(ctx, string(bob), h.alice), "invalid")
		h.refused(h.Block(ctx, string(bob), h.alice, "a mistake"), "invalid")
		h.must(h.Block(ctx, string(h.alice), carol, "is no operator"))
		h.must(h.RevokeOperator(ctx, string(h.alice), bob))
		h.refused(h.RevokeOperator(ctx, string(h.alice), h.alice), "invalid")
		if left := must(h.Operators(ctx)); len(left) != 1 || left[0].Person != h.alice {
			t.Errorf("operators: %v", left)
		}
	})
}

// Two operators who block each other at once: one of them stays.
func TestOperatorsBlockEachOther(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		ctx := t.Context()
		bob := must(h.Accounts.AddPerson(ctx, audit.LocalOperator, "bob", "Bob")).IRI
		h.must(h.GrantOperator(ctx, audit.LocalOperator, h.alice))
		h.must(h.GrantOperator(ctx, audit.LocalOperator, bob))
		var both sync.WaitGroup
		for by, whom := range map[iri.IRI]iri.IRI{h.alice: bob, bob: h.alice} {
			both.Go(func() { h.Block(ctx, string(by), whom, "at once") })
		}
		both.Wait()
		if blocked := must(h.Blocked(ctx, []iri.IRI{h.alice, bob})); len(blocked) != 1 {
			t.Errorf("%d of two are blocked", len(blocked))
		}
	})
}

func TestPreferences(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.must(h.SetPreferences(t.Context(), h.alice, "ar", "Africa/Tunis", "dark", true))
		got := must(h.Preferences(t.Context(), h.alice))
		if got.Language != "ar" || got.Zone != "Africa/Tunis" || got.Theme != "dark" || !got.Notify {
			t.Errorf("kept %+v", got)
		}
		for _, bad := range [][3]string{{"tlh", "", ""}, {"", "Mars/Olympus", ""}, {"", "Local", ""}, {"", "../etc/passwd", ""}, {"", "", "pink"}} {
			h.refused(h.SetPreferences(t.Context(), h.alice, bad[0], bad[1], bad[2], false), "invalid")
		}
		h.must(h.SetPreferences(t.Context(), h.alice, "", "", "", false))

		feed := must(h.NewFeed(t.Context(), h.alice))
		if f := must(h.Feed(t.Context(), feed)); f.Person != h.alice {
			t.Errorf("feed of %s", f.Person)
		}
		next := must(h.NewFeed(t.Context(), h.alice))
		_, err := h.Feed(t.Context(), feed)
		h.refused(err, "not-found")
		h.must(h.DropFeed(t.Context(), h.alice))
		for _, token := range []string{next, "", "x"} {
			_, err := h.Feed(t.Context(), token)
			h.refused(err, "not-found")
		}
	})
}

func TestAddressForNotifications(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		session, _ := h.signIn()
		for _, bad := range []string{"alice", "Alice <alice@ministry.example>", "alice@ministry.example\r\nBcc: all@ministry.example", "a@b@c", strings.Repeat("a", 300) + "@ministry.example"} {
			h.refused(h.SetEmail(t.Context(), session, bad, desk), "invalid")
		}
		h.must(h.SetEmail(t.Context(), session, "alice@post.example", desk))
		url, ok, err := h.AddressLink(t.Context(), h.alice)
		if err != nil || !ok || !strings.HasPrefix(url, "https://ministry.example/confirm-address/") {
			t.Fatalf("link %q %v %v", url, ok, err)
		}
		// The link of one address does not prove the next one.
		h.must(h.SetEmail(t.Context(), session, "alice@other.example", desk))
		_, err = h.ProveEmail(t.Context(), last(url))
		h.refused(err, "link-over")
		url, _, err = h.AddressLink(t.Context(), h.alice)
		h.must(err)
		if who := must(h.ProveEmail(t.Context(), last(url))); who != h.alice {
			t.Errorf("address of %s", who)
		}
		if got := must(h.Preferences(t.Context(), h.alice)); got.Email != "alice@other.example" || got.EmailAt == 0 {
			t.Errorf("kept %+v", got)
		}
		if _, ok, err := h.AddressLink(t.Context(), h.alice); ok || err != nil {
			t.Errorf("an address that is proved is asked again (%v)", err)
		}
		h.must(h.SetEmail(t.Context(), session, "", desk))
		// Nobody can be made to send mails to strangers without end.
		var waited bool
		for range 12 {
			if _, waits := access.Waiting(h.SetEmail(t.Context(), session, "victim@post.example", desk)); waits {
				waited = true
			}
		}
		if !waited {
			t.Error("addresses can be asked without end")
		}
		h.now = h.now.Add(time.Hour)
		h.refused(h.SetEmail(t.Context(), session, "x@post.example", desk), "prove-yourself")
	})
}
