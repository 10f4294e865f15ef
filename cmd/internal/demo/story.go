package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"valise/cmd/internal/sample"
	"valise/instance/archive/tei"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/machine"
)

// accounts are who takes part. Offices bear the names of real posts; people bear the
// names of their functions.
var accounts = []struct{ at, user, name, what string }{
	{"ministry", "desk-officer", "Desk officer, Turkey", "drafts and reads for the Department of State"},
	{"ministry", "director", "Country Director, Turkey", "clears and releases"},
	{"embassy", "counsellor", "Counsellor", "drafts, registers and takes for action for the Embassy Ankara"},
	{"embassy", "ambassador", "Ambassador", "releases; organises the community"},
	{"institute", "fellow", "Senior fellow", "outside expert"},
}

// story is the play with what it has to remember.
type story struct {
	*world
	table *printer

	first, reply, annexed, named machine.Dispatch
	community                    iri.IRI
	fellow                       iri.IRI
	history                      machine.Dispatch
}

func (s *story) m() *party { return s.parties["ministry"] }
func (s *story) e() *party { return s.parties["embassy"] }
func (s *story) i() *party { return s.parties["institute"] }

// play runs the acts in order and stops at the first that fails.
func (s *story) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{
		s.people, s.archive, s.accredit, s.cable, s.answer, s.open, s.invite, s.post, s.comment, s.ceiling, s.correct, s.absence, s.rotate, s.withdraw, s.circle, s.guest, s.check,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// do calls the API of one instance.
func (p *party) do(ctx context.Context, method, path string, in, out any) error {
	if err := p.client.Do(ctx, method, path, in, out); err != nil {
		return fmt.Errorf("%s: %s %s: %w", p.name, method, path, err)
	}
	return nil
}

func (s *story) people(ctx context.Context) error {
	for _, o := range []struct {
		at    *party
		given machine.NewOffice
	}{
		{s.m(), machine.NewOffice{Username: "state", Code: "STATE", Title: "Department of State", Post: "Washington"}},
		{s.e(), machine.NewOffice{Username: "ankara", Code: "ANKARA", Title: postName("Ankara"), Post: "Ankara"}},
		{s.i(), machine.NewOffice{Username: "studies", Code: "STUDIES", Title: "Institute of Eastern Mediterranean Studies"}},
	} {
		if err := o.at.do(ctx, http.MethodPost, "/offices", o.given, nil); err != nil {
			return err
		}
	}
	for _, a := range accounts {
		if err := s.parties[a.at].do(ctx, http.MethodPost, "/persons", machine.NewPerson{Username: a.user, Name: a.name}, nil); err != nil {
			return err
		}
	}
	for _, g := range []struct {
		at             *party
		office, person string
		acts           []string
	}{
		{s.m(), "state", "desk-officer", []string{models.ActDraft, models.ActRead}},
		{s.m(), "state", "director", []string{models.ActClear, models.ActRelease}},
		{s.e(), "ankara", "counsellor", []string{models.ActDraft, models.ActClear}},
		{s.e(), "ankara", "ambassador", []string{models.ActDraft, models.ActClear, models.ActRelease}},
	} {
		if err := g.at.do(ctx, http.MethodPost, "/mandates", machine.MandateChange{Office: g.office, Person: g.person, Acts: g.acts}, nil); err != nil {
			return err
		}
	}
	return s.m().do(ctx, http.MethodPut, "/offices/state/rules", machine.Rules{Clearers: []string{"director"}, NobodyAlone: true}, nil)
}

func postName(city string) string {
	for _, p := range sample.Posts() {
		if p.City == city {
			return p.Name
		}
	}
	return city
}

// archive imports what the demo does not release as records of the embassy.
func (s *story) archive(ctx context.Context) error {
	live := map[string]bool{}
	for _, t := range texts {
		live[t.volume+"/"+t.id] = true
	}
	var rest []tei.Document
	for _, d := range sample.Documents() {
		if !live[d.Volume+"/"+d.ID] {
			rest = append(rest, d)
		}
	}
	office := iri.IRI(s.e().host().Base() + "/o/ankara")
	if _, err := s.e().node.Archive.Import(ctx, "the demo", office, rest); err != nil {
		return err
	}
	return s.observe(ctx, "archive records imported", s.e(), func(ctx context.Context) (string, error) {
		var v machine.DispatchView
		err := s.e().do(ctx, http.MethodGet, "/dispatch?as=counsellor&name="+url.QueryEscape(rest[0].Volume+"/"+rest[0].ID), nil, &v)
		return fmt.Sprintf("%d documents; the first is %q, %s", len(rest), short(v.Subject, 40), v.Origin), err
	})
}

func (s *story) accredit(ctx context.Context) error {
	prints := map[*party]string{}
	for _, p := range []*party{s.m(), s.e()} {
		var f machine.Fingerprint
		if err := p.do(ctx, http.MethodGet, "/fingerprint", nil, &f); err != nil {
			return err
		}
		prints[p] = f.Fingerprint
	}
	terms := machine.PeerTerms{Host: string(s.e().host()), Affiliation: models.OtherGovernment, Ceiling: "LIMITED", Fingerprint: prints[s.e()], Contact: "the protocol office"}
	if err := s.m().do(ctx, http.MethodPost, "/peers", terms, nil); err != nil {
		return err
	}
	peer := func(at *party, of *party, want string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			var p machine.Peer
			if err := at.do(ctx, http.MethodGet, "/peers/"+string(of.host()), nil, &p); err != nil || p.State != want {
				return "", err
			}
			print := p.PinnedFingerprint
			if print == "" {
				print = p.OfferedFingerprint
			}
			if print != prints[of] {
				return "", fmt.Errorf("the fingerprint is %s, read out was %s", print, prints[of])
			}
			return fmt.Sprintf("%s is %s, fingerprint %s…", of.name, p.State, print[:9]), nil
		}
	}
	if err := s.observe(ctx, "accreditation proposed, fingerprint compared", s.e(), peer(s.e(), s.m(), models.PeerProposed)); err != nil {
		return err
	}
	accept := machine.PeerTerms{Affiliation: models.OtherGovernment, Ceiling: "LIMITED", Fingerprint: prints[s.m()]}
	if err := s.e().do(ctx, http.MethodPost, "/peers/"+string(s.m().host())+"/accept", accept, nil); err != nil {
		return err
	}
	return s.observe(ctx, "accreditation accepted", s.m(), peer(s.m(), s.e(), models.PeerAccredited))
}

// texts are the documents whose words the demo's drafts use.
var texts = map[string]struct{ volume, id, subject string }{
	"cable":   {sample.Cyprus, "d249", "Cyprus: position for your next call"},
	"reply":   {sample.Cyprus, "d10", "Re: Cyprus: the Prime Minister's view"},
	"before":  {sample.UN, "d160", "General Assembly: report of the week"},
	"annexed": {sample.UN, "d84", "Multilateral affairs: instructions to all posts"},
	"named":   {sample.UN, "d71", "General Assembly: a note for the fellow"},
	"waiting": {sample.UN, "d29", "Seventh special session: end of the debate"},
	"notes":   {sample.UN, "d160", "General Assembly: notes on the general debate"},
}

// content makes a draft of a document's words.
func content(key, precedence, marking string) machine.Content {
	t := texts[key]
	d, _ := sample.Document(t.volume, t.id)
	c := machine.Content{Kind: "cable", Subject: t.subject, Precedence: precedence, Marking: marking, Language: "en"}
	for _, p := range d.Paragraphs {
		if text := strings.TrimSpace(p.Text); text != "" {
			c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Text: text})
		}
	}
	return c
}

// send drafts and releases in one go, for an office whose rules ask for no clearance.
func (p *party) send(ctx context.Context, as, releaser, office string, c machine.Content, replyTo, corrects string) (machine.Dispatch, error) {
	var draft machine.Draft
	var out machine.Dispatch
	if err := p.do(ctx, http.MethodPost, "/dispatches", machine.NewDraft{Acting: machine.Acting{As: as}, Office: office, ReplyTo: replyTo, Corrects: corrects, Content: c}, &draft); err != nil {
		return out, err
	}
	if releaser != as {
		if err := p.do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/ask", machine.Step{Acting: machine.Acting{As: as}, Revision: draft.Revision, Clearers: []string{releaser}}, nil); err != nil {
			return out, err
		}
		if err := p.do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/clear", machine.Step{Acting: machine.Acting{As: releaser}, Revision: draft.Revision, Agree: true}, nil); err != nil {
			return out, err
		}
	}
	err := p.do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/release", machine.Step{Acting: machine.Acting{As: releaser}, Revision: draft.Revision}, &out)
	return out, err
}

// show reads a dispatch as somebody sees it.
func (p *party) show(ctx context.Context, as string, name string) (machine.DispatchView, error) {
	var v machine.DispatchView
	return v, p.do(ctx, http.MethodGet, "/dispatch?as="+as+"&name="+url.QueryEscape(name), nil, &v)
}

// unseen tells whether the person may not see it, which looks like its not being there.
func unseen(err error) bool {
	var p *machine.Problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
