package demo

import (
	"context"
	"fmt"
	"net/http"

	"valise/models"
	"valise/ui/machine"
)

// circle: the community goes on. Persons join in their own names, officials and the guest,
// who was invited again, share and comment, and invitations wait on both sides.
func (s *story) circle(ctx context.Context) error {
	invite := func(from *party, as, community, who, role, words string) (i machine.Invitation, err error) {
		return i, from.do(ctx, http.MethodPost, "/invitations", machine.NewInvitation{Acting: machine.Acting{As: as}, Community: community, Who: who, Role: role, Words: words}, &i)
	}
	for _, j := range []struct {
		at         *party
		user, role string
	}{{s.e(), "counsellor", models.RoleMember}, {s.m(), "desk-officer", models.RoleMember}, {s.i(), "fellow", models.RoleGuest}} {
		i, err := invite(s.e(), "ambassador", "assembly", j.at.handle(j.user), j.role, "The committee would be glad of your notes on the session.")
		if err != nil {
			return err
		}
		if err := s.observe(ctx, "invited to the community", j.at, s.invited(j.at, j.user, i.ID)); err != nil {
			return err
		}
		if err := j.at.do(ctx, http.MethodPost, "/invitation/accept", machine.Answer{Acting: machine.Acting{As: j.user}, Invitation: i.ID}, nil); err != nil {
			return err
		}
		if err := s.observe(ctx, j.user+" joins", s.e(), s.member(i.Invitee, models.MemberActive)); err != nil {
			return err
		}
	}
	notes := content("notes", "ROUTINE", "UNCLASSIFIED")
	notes.Community = string(s.community)
	shared, err := s.m().send(ctx, "desk-officer", "director", "state", notes, "", "")
	if err != nil {
		return err
	}
	for _, p := range []*party{s.e(), s.i()} {
		as := map[*party]string{s.e(): "counsellor", s.i(): "fellow"}[p]
		if err := s.observe(ctx, "the community goes on", p, s.arrives(p, as, &shared, func(v machine.DispatchView) string { return v.Reference })); err != nil {
			return err
		}
	}
	comments := []struct {
		at   *party
		user string
		on   *machine.Dispatch
		text string
	}{
		{s.e(), "counsellor", &shared, "The post agrees with the second paragraph. The delegation here has said the same in private."},
		{s.i(), "fellow", &shared, "The count of votes in the third paragraph differs from the printed record; we can send the table."},
		{s.m(), "desk-officer", nil, "Please mark notes for the weekly report by Thursday noon."},
		{s.i(), "fellow", nil, "Our library is open to members of this community in the last week of the session."},
	}
	for _, c := range comments {
		act := machine.CommunityAct{Acting: machine.Acting{As: c.user}, Community: string(s.community), Text: c.text}
		if c.on != nil {
			act.Dispatch = string(c.on.ID)
		}
		if err := c.at.do(ctx, http.MethodPost, "/community/comment", act, nil); err != nil {
			return err
		}
	}
	if err := s.observe(ctx, "four comments by three people", s.m(), func(ctx context.Context) (string, error) {
		var list machine.List[machine.Comment]
		if err := s.m().do(ctx, http.MethodGet, "/community/comments?as=desk-officer&name="+string(s.community), nil, &list); err != nil || len(list.Items) < len(comments) {
			return "", err
		}
		return fmt.Sprintf("%d comments can be read", len(list.Items)), nil
	}); err != nil {
		return err
	}
	// One invitation waits on each side.
	studies, err := invite(s.e(), "ambassador", "assembly", s.i().host().Base()+"/o/studies", models.RoleGuest, "")
	if err != nil {
		return err
	}
	if err := s.m().do(ctx, http.MethodPost, "/communities", machine.NewCommunity{Acting: machine.Acting{As: "director"}, Office: "state", Username: "straits", Name: "The Straits: shipping and passage",
		Charter: "Posts along the Straits tell each other what concerns shipping and passage.\n\nWhoever reads here may use it, and does not quote it.\n\nIt ends with the year.", Ceiling: "LIMITED", HistoryDays: 90}, nil); err != nil {
		return err
	}
	straits, err := invite(s.m(), "director", "straits", s.e().handle("ambassador"), models.RoleMember, "Your post sees more of the Straits than any other. Will you join us?")
	if err != nil {
		return err
	}
	if err := s.observe(ctx, "an invitation waits", s.e(), s.pending(studies)); err != nil {
		return err
	}
	return s.observe(ctx, "an invitation waits", s.e(), s.invited(s.e(), "ambassador", straits.ID))
}

// pending says that an invitation to the assembly has no answer yet.
func (s *story) pending(i machine.Invitation) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var v machine.CommunityView
		if err := s.e().do(ctx, http.MethodGet, "/community?as=ambassador&name=assembly", nil, &v); err != nil {
			return "", err
		}
		for _, x := range v.Invitations {
			if x.ID == i.ID && x.State == models.InvitationOpen {
				return fmt.Sprintf("%s is invited as %s", x.Invitee, x.Role), nil
			}
		}
		return "", nil
	}
}
