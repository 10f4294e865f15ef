package portaltest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/models"
	"valise/models/iri"
)

// english is a word that neither French nor Arabic has.
var english = regexp.MustCompile(`(?i)\b(the|is|not|of|has|no|with|by|read|holds|missing|to|more than|nor)\b`)

// own are the words of ours in what is selected: those that stand apart are somebody's.
func own(p *portaltest.Page, selector string) (out []string) {
	p.Find(selector).Each(func(_ int, s *goquery.Selection) {
		s = s.Clone()
		s.Find("bdi, time").Remove()
		out = append(out, strings.TrimSpace(s.Text()))
	})
	return out
}

// What other software sent wrongly is told to the operator in her language: at the door,
// as an arrival that was set aside, as a delivery that does not go, and in a check.
func TestFaultsOfOthersInHerLanguage(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	a := operator(t, c, ministry, "west", "WEST", "Western Department", "anna")
	n := c.Nodes[ministry]
	stranger := portaltest.Open(t, n)
	for _, body := range []string{"", "[]", `{"type":"Create"}`} {
		stranger.Ask("POST", "/o/west/inbox", "application/activity+json", body)
	}
	stranger.Ask("POST", "/o/west/inbox", "text/plain", "hello")
	for _, signature := range []string{`keyId="http://a.localhost/k`, `keyId="k",color="red",signature="AA=="`, strings.Repeat("x", 200)} {
		r, err := http.NewRequest("POST", ministry.Base()+"/o/west/inbox", strings.NewReader("{}"))
		cluster.Must(t, err)
		r.Header.Set("Content-Type", "application/activity+json")
		r.Header.Set("Signature", signature)
		_, _ = c.Transport(embassy).RoundTrip(r)
	}
	reasons := []string{
		`read document: wrong-type at byte 57: id is an array, not a string`,
		`read document: invalid-iri at byte 57: "http://b.example/a": scheme is not https`,
		`bad-proof: signature-invalid: proof by "https://b.example/o#ed-1" does not match the document`,
		`bad-proof: signature-malformed: proof has cryptosuite "eddsa-rdfc-2022", not eddsa-jcs-2022`,
		`unknown-actor: fetch https://b.example/o: read actor https://b.example/o: malformed: read document: missing-member at byte 0: neither an inbox nor a key`,
	}
	for i, why := range reasons {
		at := models.At(c.Clock.Now())
		_, err := n.Store.W.NewInsert().Model(&models.Arrival{Activity: iri.IRI("https://b.example/a/" + string(rune('1'+i))), Type: "Create", Actor: "https://b.example/o", Host: "b.example", Inbox: iri.IRI(ministry.Base() + "/inbox"),
			State: models.ArrivalSetAside, Reason: why, ReceivedAt: at, NextAt: at}).Exec(t.Context())
		cluster.Must(t, err)
	}
	_, err := n.Store.W.NewInsert().Model(&models.Delivery{Activity: "https://a.example/1", Type: "Create", Host: "b.example", Inbox: "https://b.example/inbox", State: models.DeliveryPending,
		Reason: "unreachable: dial tcp: lookup b.example: no such host", CreatedAt: models.At(c.Clock.Now())}).Exec(t.Context())
	cluster.Must(t, err)

	for _, lang := range []string{"fr", "ar"} {
		for path, least := range map[string]int{"/operator/refused": 7, "/operator/aside": len(reasons), "/operator/queues?state=pending": 1} {
			sep := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			p := a.Get(path + sep + "lang=" + lang).OK().Sound()
			said := own(p, "tbody td")
			if rows := p.Find("tbody tr").Length(); rows < least {
				t.Errorf("%s has %d rows", path, rows)
			}
			for _, s := range said {
				if w := english.FindString(s); w != "" {
					t.Errorf("%s in %s says %q: %q", path, lang, w, s)
				}
			}
		}
		one := a.Get("/operator/aside").Follow(`a[href^="/operator/aside/"].tap`).OK().Sound()
		one.Has(`form[action$="/retry"]`)
		if s := strings.Join(own(one, "p.big"), " "); s == "" || english.MatchString(s) {
			t.Errorf("the page of an arrival in %s: %q", lang, s)
		}
	}
	_, err = n.Store.W.NewInsert().Model(&models.Delivery{Activity: "https://a.example/2", Type: "Create", Host: "b.example", Inbox: "https://b.example/inbox", State: models.DeliveryFailed}).Exec(t.Context())
	cluster.Must(t, err)
	for lang, says := range map[string]string{"fr": "une remise échouée n’a pas de motif", "ar": "تسليم متروك بلا سبب"} {
		p := a.Get("/operator?lang=" + lang).Submit(`form[action="/operator/check"]`).OK().Sound().Says(says)
		for _, s := range own(p, "#check .lines li") {
			if english.MatchString(s) {
				t.Errorf("the check in %s: %q", lang, s)
			}
		}
	}
}
