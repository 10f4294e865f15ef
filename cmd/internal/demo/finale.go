package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"valise/models"
	"valise/models/iri"
	"valise/ui/machine"
)

// absence: the institute is stopped, correspondence waits, the guest is removed, and on
// return she receives what was addressed to her and nothing of the community after.
func (s *story) absence(ctx context.Context) error {
	if err := s.i().stop(); err != nil {
		return err
	}
	named := content("named", "PRIORITY", "UNCLASSIFIED")
	named.Community, named.Info = string(s.community), []string{string(s.fellow)}
	var err error
	if s.named, err = s.e().send(ctx, "ambassador", "ambassador", "ankara", named, "", ""); err != nil {
		return err
	}
	general := content("waiting", "ROUTINE", "UNCLASSIFIED")
	general.Community = string(s.community)
	missed, err := s.m().send(ctx, "desk-officer", "director", "state", general, "", "")
	if err != nil {
		return err
	}
	if err := s.observe(ctx, "the institute is stopped; correspondence waits", s.e(), func(ctx context.Context) (string, error) {
		var list machine.List[machine.Delivery]
		if err := s.e().do(ctx, http.MethodGet, "/queue?state=pending", nil, &list); err != nil {
			return "", err
		}
		direct, community := false, false
		for _, d := range list.Items {
			direct = direct || d.Object == s.named.ID
			community = community || d.Object == missed.ID
		}
		if !direct || !community {
			return "", nil
		}
		return fmt.Sprintf("%d deliveries wait for %s", len(list.Items), s.i().host()), nil
	}); err != nil {
		return err
	}
	if err := s.e().do(ctx, http.MethodPost, "/community/remove", machine.CommunityAct{Acting: machine.Acting{As: "ambassador"}, Community: "assembly", Member: string(s.fellow), Reason: "the study has ended"}, nil); err != nil {
		return err
	}
	if err := s.rotateMinistry(ctx); err != nil {
		return err
	}
	if err := s.start(ctx, s.i()); err != nil {
		return err
	}
	if err := s.retry(ctx); err != nil {
		return err
	}
	if err := s.observe(ctx, "on return: what was addressed to her arrives", s.i(), s.arrives(s.i(), "fellow", &s.named, func(v machine.DispatchView) string {
		return fmt.Sprintf("%s, for INFO to her by name", v.Reference)
	})); err != nil {
		return err
	}
	return s.observe(ctx, "and nothing of the community after her removal", s.i(), func(ctx context.Context) (string, error) {
		var v machine.CommunityView
		if err := s.i().do(ctx, http.MethodGet, "/community?as=fellow&name="+string(s.community), nil, &v); err != nil {
			return "", err
		}
		ended := false
		for _, m := range v.Members {
			ended = ended || m.Actor == s.fellow && m.State == models.MemberRemoved
		}
		if !ended {
			return "", nil
		}
		if _, err := s.i().show(ctx, "fellow", string(missed.ID)); !unseen(err) {
			return "", errors.Join(errors.New("she received what was distributed in her absence"), err)
		}
		if _, err := s.i().show(ctx, "fellow", string(s.annexed.ID)); err != nil {
			return "", fmt.Errorf("what she had received is gone: %w", err)
		}
		return "her membership ended; what she had is still hers to read, what waited was cancelled", nil
	})
}

// retry asks for the waiting deliveries at once, as an operator would after a peer's
// return; without it they leave at the end of the back-off.
func (s *story) retry(ctx context.Context) error {
	var list machine.List[machine.Delivery]
	if err := s.e().do(ctx, http.MethodGet, "/queue?state=pending", nil, &list); err != nil {
		return err
	}
	for _, d := range list.Items {
		var gone *machine.Problem
		if err := s.e().do(ctx, http.MethodPost, fmt.Sprintf("/queue/%d/retry", d.ID), nil, nil); err != nil && !errors.As(err, &gone) {
			return err // one that has left meanwhile needs no retry
		}
	}
	return nil
}

// rotateMinistry replaces the keys of the ministry's office and instance while its
// last dispatch still waits for the institute.
func (s *story) rotateMinistry(ctx context.Context) error {
	for _, actor := range []string{"state", ""} {
		if err := s.m().do(ctx, http.MethodPost, "/keys/rotate", machine.Rotation{Actor: actor, Reason: "yearly rotation"}, nil); err != nil {
			return err
		}
	}
	return s.e().do(ctx, http.MethodPost, "/keys/rotate", machine.Rotation{Actor: "ankara", Reason: "yearly rotation"}, nil)
}

// rotate: with the keys rotated while dispatches waited, old, waiting and new ones all
// verify, on the instance that received them.
func (s *story) rotate(ctx context.Context) error {
	c := content("cable", "ROUTINE", "LIMITED")
	c.Subject, c.Action = "After the rotation", []string{s.e().handle("ankara")}
	after, err := s.m().send(ctx, "desk-officer", "director", "state", c, "", "")
	if err != nil {
		return err
	}
	if err := s.observe(ctx, "keys rotated; a new cable verifies", s.e(), s.arrives(s.e(), "counsellor", &after, func(v machine.DispatchView) string {
		return v.Reference + ", signed with the new key, endorsed by the instance key"
	})); err != nil {
		return err
	}
	for _, p := range []struct {
		at  *party
		as  string
		old machine.Dispatch
	}{{s.e(), "counsellor", s.first}, {s.i(), "fellow", s.named}} {
		if err := s.observe(ctx, "old and waiting dispatches still verify", p.at, func(ctx context.Context) (string, error) {
			v, err := p.at.show(ctx, p.as, string(p.old.ID))
			if err != nil {
				return "", err
			}
			var found machine.CheckResult
			if err := p.at.do(ctx, http.MethodGet, "/check", nil, &found); err != nil {
				return "", err
			}
			if len(found.Findings) > 0 {
				return "", fmt.Errorf("%s: %s", found.Findings[0].Subject, found.Findings[0].Problem)
			}
			return fmt.Sprintf("%s of %s, by a key retired since; every seal here holds", v.Reference, v.PublishedAt.Time().Format(time.TimeOnly)+"Z"), nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// withdraw: everybody erases, the removed guest too, and says so, signed.
func (s *story) withdraw(ctx context.Context) error {
	if err := s.m().do(ctx, http.MethodPost, "/dispatch/withdraw", machine.Handling{Acting: machine.Acting{As: "director"}, Name: s.annexed.Reference}, nil); err != nil {
		return err
	}
	for _, p := range []*party{s.e(), s.i()} {
		instance := iri.IRI(p.host().Base() + "/actor")
		if err := s.observe(ctx, "a withdrawal reaches "+p.name+", erased receipt", s.m(), s.board(s.m(), "desk-officer", &s.annexed, instance, models.Erased)); err != nil {
			return err
		}
	}
	return s.observe(ctx, "the text is gone", s.i(), s.arrives(s.i(), "fellow", &s.annexed, func(v machine.DispatchView) string {
		if v.State != models.DispatchWithdrawn || len(v.Paragraphs) > 0 {
			return ""
		}
		return v.Reference + " is " + v.State + ": no text, no attachment, the evidence stays"
	}))
}

// check holds all three instances to their invariants.
func (s *story) check(ctx context.Context) error {
	for _, name := range names {
		p := s.parties[name]
		if err := s.observe(ctx, "every invariant holds", p, func(ctx context.Context) (string, error) {
			var found machine.CheckResult
			if err := p.do(ctx, http.MethodGet, "/check", nil, &found); err != nil {
				return "", err
			}
			if len(found.Findings) > 0 {
				f := found.Findings[0]
				return "", fmt.Errorf("%s: %s: %s", f.Invariant, f.Subject, f.Problem)
			}
			return "nothing found", nil
		}); err != nil {
			return err
		}
	}
	return nil
}
