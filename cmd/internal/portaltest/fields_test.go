package portaltest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/models/iri"
)

// wrong fails unless a form came back with the one field that is wrong, which names the
// sentence about it, and with what was typed.
func wrong(t *testing.T, p *portaltest.Page, field, typed string) {
	t.Helper()
	invalid := p.Is(422).Sound().Find("[aria-invalid]")
	if got := invalid.AttrOr("name", ""); invalid.Length() != 1 || got != field {
		t.Fatalf("%d fields are wrong, the first is %q, not %q:\n%s", invalid.Length(), got, field, p.Words())
	}
	why := ""
	for _, id := range strings.Fields(invalid.AttrOr("aria-describedby", "")) {
		if at := p.Find("#" + id); at.HasClass("why") {
			why += strings.TrimSpace(at.Text())
		}
	}
	if why == "" {
		t.Errorf("nothing beside the field %q says why:\n%s", field, p.Words())
	}
	if secret := invalid.AttrOr("type", "") == "password"; !secret && invalid.AttrOr("value", invalid.Text()) != typed && invalid.Find("option").Length() == 0 {
		t.Errorf("%q loses what was typed: %q", field, invalid.AttrOr("value", invalid.Text()))
	}
}

// Whatever a service refuses in a form stands beside the field that it is about, in every
// language.
func TestWrongFieldsAreNamed(t *testing.T) {
	c := cluster.New(t, []iri.Host{embassy})
	n := c.Nodes[embassy]
	link, err := n.Access.SetupLink(t.Context())
	cluster.Must(t, err)
	setup := strings.TrimPrefix(link, n.Own.Base())
	good := []string{"title", "Embassy in Nicosia", "office", "nicosia", "code", "NICOSIA", "name", "Dora Diaz", "username", "dora", "password", portaltest.Password, "repeat", portaltest.Password}
	with := func(name, value string) []string {
		out := slices.Clone(good)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name || name == "password" && out[i] == "repeat" {
				out[i+1] = value
			}
		}
		return out
	}
	for lang, over := range map[string]string{"en": "Start “valise serve” again", "fr": "Relancez « valise serve »", "ar": "أعد تشغيل «valise serve»"} {
		b := portaltest.Open(t, n)
		b.Header.Set("Accept-Language", lang)
		b.Get("/setup/AAAAAAAAAAAAAAAAAAAAAA").Is(404).Says(over)
		b.Get("/sign-in").OK().Says("valise serve")
		for field, typed := range map[string]string{"title": " ", "office": "Em bassy!", "code": "1", "name": " ", "username": "Dora Diaz", "password": "short", "repeat": "another sentence of words"} {
			wrong(t, b.Get(setup).OK().Submit("main form", with(field, typed)...), field, typed)
		}
	}
	dora := portaltest.Open(t, n)
	if p := dora.Get(setup).OK().Submit("main form", good...).OK().Says("Add people next"); p.Path != "/operator" {
		t.Errorf("the set-up led to %s", p.Path)
	}
	for _, path := range []string{setup, "/setup/AAAAAAAAAAAAAAAAAAAAAA"} {
		portaltest.Open(t, n).Get(path).Is(404).Sound().Says("set up already")
	}
	portaltest.Open(t, n).Get("/sign-in").OK().Lacks("valise serve")

	for _, f := range []struct{ path, form, field, typed string }{
		{"/operator/people", `form[action="/operator/people"]`, "username", "Dora Diaz"},
		{"/operator/people", `form[action="/operator/people"]`, "name", " "},
		{"/operator/offices", `form[action="/operator/offices"]`, "username", "nicosia"},
		{"/operator/offices", `form[action="/operator/offices"]`, "code", "1"},
		{"/operator/offices", `form[action="/operator/offices"]`, "title", " "},
		{"/profile", `form[action="/profile"]`, "zone", "Atlantis"},
		{"/profile", `form[action="/profile/address"]`, "email", "dora@"},
		{"/profile", `form[action="/profile/password"]`, "password", "short"},
		{"/profile", `form[action="/profile/password"]`, "repeat", "another sentence of words"},
	} {
		p := dora.Get(f.path).OK()
		var fields []string
		p.Find(f.form + " input:not([type=hidden])").Each(func(_ int, in *goquery.Selection) {
			value := map[string]string{"username": "ruth", "name": "Ruth", "title": "Consulate", "code": "LIMASSOL", "password": "short", "repeat": "short"}[in.AttrOr("name", "")]
			if name := in.AttrOr("name", ""); value != "" && name != f.field {
				fields = append(fields, name, value)
			}
		})
		wrong(t, p.Submit(f.form, append(fields, f.field, f.typed)...), f.field, f.typed)
	}

	draft := dora.Get("/drafts/new").OK().Submit("main form").OK()
	for field, typed := range map[string]string{"subject": strings.Repeat("A subject of a page. ", 100), "summary": "a bell \a", "tags": "oil?", "kind": "poem", "precedence": "SOON", "marking": "SECRET"} {
		wrong(t, draft.Submit("#headform form", field, typed), field, typed)
	}
}
