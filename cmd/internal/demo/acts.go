package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"valise/federation/remote"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/machine"
)

// cable: drafted by one, cleared and released by another, delivered, registered, read,
// taken for action.
func (s *story) cable(ctx context.Context) error {
	c := content("cable", "IMMEDIATE", "LIMITED")
	c.Action, c.Info = []string{s.e().handle("ankara")}, []string{s.e().handle("ambassador")}
	var draft machine.Draft
	if err := s.m().do(ctx, http.MethodPost, "/dispatches", machine.NewDraft{Acting: machine.Acting{As: "desk-officer"}, Office: "state", Content: c}, &draft); err != nil {
		return err
	}
	alone := s.m().do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/release", machine.Step{Acting: machine.Acting{As: "director"}, Revision: draft.Revision}, nil)
	if alone == nil {
		return errors.New("a draft that nobody has cleared was released")
	}
	if err := s.m().do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/clear", machine.Step{Acting: machine.Acting{As: "director"}, Revision: draft.Revision, Agree: true}, nil); err != nil {
		return err
	}
	if err := s.m().do(ctx, http.MethodPost, "/drafts/"+draft.ID+"/release", machine.Step{Acting: machine.Acting{As: "director"}, Revision: draft.Revision}, &s.first); err != nil {
		return err
	}
	if err := s.observe(ctx, "cable drafted, cleared, released, delivered", s.e(), func(ctx context.Context) (string, error) {
		v, err := s.e().show(ctx, "counsellor", s.first.Reference)
		if unseen(err) {
			return "", nil
		}
		if err == nil && v.Digest != s.first.Digest {
			err = fmt.Errorf("the digest is %s, issued was %s", v.Digest, s.first.Digest)
		}
		return fmt.Sprintf("%s, %s, %d paragraphs, ACTION and INFO", v.Reference, v.Precedence, len(v.Paragraphs)), err
	}); err != nil {
		return err
	}
	for _, act := range []struct{ path, number string }{{"read", ""}, {"register", "64/1017"}, {"take", ""}} {
		if err := s.e().do(ctx, http.MethodPost, "/dispatch/"+act.path, machine.Handling{Acting: machine.Acting{As: "counsellor"}, Name: s.first.Reference, Number: act.number}, nil); err != nil {
			return err
		}
	}
	post := iri.IRI(s.e().host().Base() + "/o/ankara")
	return s.observe(ctx, "registered, read, taken for action", s.m(), s.board(s.m(), "desk-officer", &s.first, post, models.Delivered, models.Registered, models.ReadByThem, models.Taken))
}

// board waits until an addressee has reached all stations on the author's board.
func (s *story) board(p *party, as string, d *machine.Dispatch, who iri.IRI, stations ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		v, err := p.show(ctx, as, string(d.ID))
		if err != nil {
			return "", err
		}
		for _, want := range stations {
			if !slices.ContainsFunc(v.Evidence, func(e machine.Evidence) bool { return e.Addressee == who && e.Station == want }) {
				return "", nil
			}
		}
		return fmt.Sprintf("signed receipts of %s: %s", string(who), strings.Join(stations, ", ")), nil
	}
}

func (s *story) answer(ctx context.Context) error {
	c := content("reply", "PRIORITY", "LIMITED")
	c.Action = []string{s.m().handle("state")}
	var err error
	if s.reply, err = s.e().send(ctx, "ambassador", "ambassador", "ankara", c, s.first.Reference, ""); err != nil {
		return err
	}
	return s.observe(ctx, "reply references it by id and digest", s.m(), func(ctx context.Context) (string, error) {
		v, err := s.m().show(ctx, "desk-officer", s.reply.Reference)
		if unseen(err) {
			return "", nil
		}
		if err != nil || len(v.References) == 0 {
			return "", err
		}
		r := v.References[0]
		if iri.IRI(r.Target) != s.first.ID || r.Check != "fits" {
			return "", fmt.Errorf("the reference to %s %s", r.Target, r.Check)
		}
		return fmt.Sprintf("%s refers to %s; the digest %s", v.Reference, r.Label, r.Check), nil
	})
}

func (s *story) open(ctx context.Context) error {
	var c machine.Community
	if err := s.e().do(ctx, http.MethodPost, "/communities", machine.NewCommunity{Acting: machine.Acting{As: "ambassador"}, Office: "ankara", Username: "assembly", Name: "General Assembly, Eastern Mediterranean",
		Charter: "Governments and invited experts on the work of the General Assembly. What is read here is not quoted outside.", Ceiling: "UNCLASSIFIED", HistoryDays: 30}, &c); err != nil {
		return err
	}
	s.community = c.ID
	var i machine.Invitation
	office := iri.IRI(s.m().host().Base() + "/o/state")
	if err := s.e().do(ctx, http.MethodPost, "/invitations", machine.NewInvitation{Acting: machine.Acting{As: "ambassador"}, Community: "assembly", Who: string(office), Role: models.RoleMember}, &i); err != nil {
		return err
	}
	if err := s.observe(ctx, "community opened, the ministry invited", s.m(), s.invited(s.m(), "director", i.ID)); err != nil {
		return err
	}
	if err := s.m().do(ctx, http.MethodPost, "/invitation/accept", machine.Answer{Acting: machine.Acting{As: "director"}, Invitation: i.ID}, nil); err != nil {
		return err
	}
	if err := s.observe(ctx, "the ministry joins", s.e(), s.member(office, models.MemberActive)); err != nil {
		return err
	}
	before := content("before", "ROUTINE", "UNCLASSIFIED")
	before.Community = string(s.community)
	var err error
	s.history, err = s.e().send(ctx, "ambassador", "ambassador", "ankara", before, "", "")
	return err
}

func (s *story) invited(p *party, as string, id iri.IRI) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var list machine.List[machine.Invitation]
		if err := p.do(ctx, http.MethodGet, "/invitations?as="+as, nil, &list); err != nil {
			return "", err
		}
		for _, i := range list.Items {
			if i.ID == id {
				return fmt.Sprintf("%s invited as %s up to %s", i.Invitee, i.Role, i.Ceiling), nil
			}
		}
		return "", nil
	}
}

func (s *story) member(who iri.IRI, state string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var v machine.CommunityView
		if err := s.e().do(ctx, http.MethodGet, "/community?as=ambassador&name=assembly", nil, &v); err != nil {
			return "", err
		}
		for _, m := range v.Members {
			if m.Actor == who && m.State == state {
				return fmt.Sprintf("%s is %s, as %s", who, m.State, m.Role), nil
			}
		}
		return "", nil
	}
}

// invite: an expert whom nobody has accredited accepts from her own instance, and the
// granted window of history arrives.
func (s *story) invite(ctx context.Context) error {
	var i machine.Invitation
	if err := s.e().do(ctx, http.MethodPost, "/invitations", machine.NewInvitation{Acting: machine.Acting{As: "ambassador"}, Community: "assembly", Who: s.i().handle("fellow"), Role: models.RoleGuest}, &i); err != nil {
		return err
	}
	s.fellow = i.Invitee
	if err := s.observe(ctx, "expert invited by handle", s.i(), s.invited(s.i(), "fellow", i.ID)); err != nil {
		return err
	}
	if err := s.i().do(ctx, http.MethodPost, "/invitation/accept", machine.Answer{Acting: machine.Acting{As: "fellow"}, Invitation: i.ID}, nil); err != nil {
		return err
	}
	if err := s.observe(ctx, "she accepts from her own instance", s.e(), s.member(s.fellow, models.MemberActive)); err != nil {
		return err
	}
	return s.observe(ctx, "the granted window of history arrives", s.i(), s.arrives(s.i(), "fellow", &s.history, func(v machine.DispatchView) string {
		return fmt.Sprintf("%s, released before she came", v.Reference)
	}))
}

func (s *story) arrives(p *party, as string, d *machine.Dispatch, say func(machine.DispatchView) string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		v, err := p.show(ctx, as, string(d.ID))
		if unseen(err) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return say(v), nil
	}
}

// post: the ministry posts with an attachment; the institute, which it does not know,
// verifies its proof and fetches the file from the community's host.
func (s *story) post(ctx context.Context) error {
	c := content("annexed", "ROUTINE", "UNCLASSIFIED")
	c.Community = string(s.community)
	var file dispatches.Attachment
	annex := "Annex: list of items before the Assembly\n" + strings.Repeat("Item, committee, position.\n", 40)
	if err := s.m().client.Upload(ctx, "/files?as=desk-officer&name=annex.txt", "text/plain", strings.NewReader(annex), &file); err != nil {
		return err
	}
	c.Attachments = append(c.Attachments, file)
	var err error
	if s.annexed, err = s.m().send(ctx, "desk-officer", "director", "state", c, "", ""); err != nil {
		return err
	}
	return s.observe(ctx, "the ministry posts; proof verified, attachment fetched", s.i(), s.arrives(s.i(), "fellow", &s.annexed, func(v machine.DispatchView) string {
		if len(v.Attachments) != 1 || v.Attachments[0].State != models.AttachmentHere {
			return ""
		}
		var peers machine.List[machine.Peer]
		if s.i().do(ctx, http.MethodGet, "/peers", nil, &peers) != nil || slices.ContainsFunc(peers.Items, func(p machine.Peer) bool { return p.Host == s.m().host() }) {
			return ""
		}
		return fmt.Sprintf("%s of an instance without standing here; %s (%d bytes) from the community's host", v.Reference, v.Attachments[0].Name, v.Attachments[0].Size)
	}))
}

func (s *story) comment(ctx context.Context) error {
	if err := s.i().do(ctx, http.MethodPost, "/community/comment", machine.CommunityAct{Acting: machine.Acting{As: "fellow"}, Community: string(s.community), Dispatch: string(s.annexed.ID),
		Text: "The second item was before the previous session too; our paper of last year has the votes."}, nil); err != nil {
		return err
	}
	return s.observe(ctx, "she comments", s.m(), s.arrives(s.m(), "desk-officer", &s.annexed, func(v machine.DispatchView) string {
		if len(v.Comments) == 0 {
			return ""
		}
		return fmt.Sprintf("%s: %q", v.Comments[0].Author, short(v.Comments[0].Text, 40))
	}))
}

// ceiling: a dispatch above the community's ceiling is refused at drafting, at release,
// at the Group, and by fetch.
func (s *story) ceiling(ctx context.Context) error {
	secret := content("waiting", "ROUTINE", "SECRET")
	secret.Community = string(s.community)
	if _, err := s.m().send(ctx, "desk-officer", "director", "state", secret, "", ""); err == nil {
		return errors.New("a classified marking was drafted")
	}
	high := content("waiting", "ROUTINE", "LIMITED")
	high.Community = string(s.community)
	_, atHome := s.e().send(ctx, "ambassador", "ambassador", "ankara", high, "", "")
	_, away := s.m().send(ctx, "desk-officer", "director", "state", high, "", "")
	return s.observe(ctx, "a dispatch above the ceiling is refused by every path", s.i(), func(ctx context.Context) (string, error) {
		if atHome == nil || away == nil {
			return "", errors.New("a dispatch above the ceiling was released into the community")
		}
		var list machine.List[machine.Dispatch]
		if err := s.i().do(ctx, http.MethodGet, "/dispatches?as=fellow", nil, &list); err != nil {
			return "", err
		}
		for _, d := range list.Items {
			if d.Marking == "LIMITED" {
				return "", fmt.Errorf("%s reached the guest", d.Reference)
			}
		}
		if v, err := s.i().show(ctx, "fellow", string(s.first.ID)); !unseen(err) {
			return "", fmt.Errorf("the guest sees %s", v.Reference)
		}
		status, err := s.fetch(ctx, s.first.ID)
		if err != nil || status != http.StatusNotFound {
			return "", fmt.Errorf("a fetch of %s was answered %d %w", s.first.Reference, status, err)
		}
		return "refused at drafting, at release on both instances; not listed, not shown; fetch answered 404", nil
	})
}

// fetch asks for an object with the guest's own signature.
func (s *story) fetch(ctx context.Context, id iri.IRI) (int, error) {
	n := s.i().node
	_, err := n.Client.Get(ctx, id, "", n.Courier.SignGet(ctx, s.fellow, id.Host()))
	if err == nil {
		return http.StatusOK, nil
	}
	var e *remote.Error
	if errors.As(err, &e) && e.Kind == remote.KindNotFound {
		return http.StatusNotFound, nil
	}
	return 0, err
}

func (s *story) correct(ctx context.Context) error {
	c := content("annexed", "ROUTINE", "UNCLASSIFIED")
	c.Community, c.ChangeNote = string(s.community), "The last paragraph of the instructions has changed."
	c.Paragraphs[len(c.Paragraphs)-1].Text += " This replaces the earlier instruction."
	two, err := s.m().send(ctx, "desk-officer", "director", "state", c, "", string(s.annexed.ID))
	if err != nil {
		return err
	}
	for _, p := range []*party{s.e(), s.i()} {
		as := map[*party]string{s.e(): "counsellor", s.i(): "fellow"}[p]
		if err := s.observe(ctx, "a correction arrives", p, s.arrives(p, as, &s.annexed, func(v machine.DispatchView) string {
			if v.Version != two.Version {
				return ""
			}
			return fmt.Sprintf("%s version %d: %s", v.Reference, v.Version, v.ChangeNote)
		})); err != nil {
			return err
		}
	}
	return nil
}
