package communities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// find reads a community that is known here.
func (s *Communities) find(ctx context.Context, community iri.IRI) (*models.Community, error) {
	c, err := models.CommunityByIRI(ctx, s.Store.R, community)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("community")
	}
	if err != nil {
		return nil, fmt.Errorf("read the community %s: %w", community, err)
	}
	return c, nil
}

// standing is what a person is to a community: her reader, whether a membership of hers or
// of an office of hers is in force, and whether she organises it.
type standing struct {
	audience.Reader
	in, runs bool
}

// seen is a community that the person organises, or that she or an office of hers is or
// was in. The audience decides what she may read.
func (s *Communities) seen(ctx context.Context, person, community iri.IRI) (*models.Community, standing, error) {
	var st standing
	c, err := s.find(ctx, community)
	if err != nil {
		return nil, st, err
	}
	if st.Reader, err = s.Dispatches.Reader(ctx, person); err != nil {
		return nil, st, err
	}
	states, runs, err := models.MemberStates(ctx, s.Store.R, community, person, append([]iri.IRI{person}, st.Offices...), s.now())
	if err != nil {
		return nil, st, fmt.Errorf("read the memberships of %s: %w", person, err)
	}
	if len(states) == 0 && !runs {
		return nil, st, dispatches.NotFound("community")
	}
	st.runs, st.in = runs, slices.Contains(states, models.MemberActive)
	return c, st, nil
}

// Overview is what a person's communities page shows.
type Overview struct {
	Communities []models.SeenCommunity
	Invitations []models.NamedInvitation
	Offices     []models.OfficeAct // for which she may open a community
}

// Overview lists the communities that she is or was in or organises, by id, and with the
// first page the invitations to her and to offices of hers.
func (s *Communities) Overview(ctx context.Context, person, after iri.IRI, limit int) (*Overview, error) {
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	o := &Overview{}
	if o.Communities, err = models.CommunitiesSeen(ctx, s.Store.R, person, cond, args, after, min(max(limit, 1), 200), s.now()); err != nil {
		return nil, fmt.Errorf("list the communities of %s: %w", person, err)
	}
	if o.Offices, err = s.Opens(ctx, person); err != nil || after != "" {
		return o, err
	}
	if o.Invitations, err = models.HerInvitations(ctx, s.Store.R, person, 50, s.now()); err != nil {
		return nil, fmt.Errorf("list the invitations to %s: %w", person, err)
	}
	for i, v := range o.Invitations {
		if v.CommunityName == "" && v.Document != nil {
			if in, err := s.read(v.IRI, v.Document); err == nil {
				o.Invitations[i].CommunityName = vocab.Clip(in.GroupName, 500)
			}
		}
	}
	return o, nil
}

// Opens lists the offices for which the person may open a community.
func (s *Communities) Opens(ctx context.Context, person iri.IRI) ([]models.OfficeAct, error) {
	acts, err := models.OfficesOf(ctx, s.Store.R, person, s.now())
	if err != nil {
		return nil, fmt.Errorf("find the offices of %s: %w", person, err)
	}
	var out []models.OfficeAct
	for _, a := range acts {
		if a.Act == models.ActRelease {
			out = append(out, a)
		}
	}
	return out, nil
}

// Level is a marking that may be a ceiling.
type Level struct {
	Rank int64
	Name string
}

// Ceilings are the markings up to a rank that may be a ceiling, lowest first; 0: all.
func (s *Communities) Ceilings(most int64) []Level {
	if most == 0 {
		most = s.Guard.Federates()
	}
	var out []Level
	for rank := s.Guard.Lowest(); rank <= min(most, s.Guard.Federates()); rank++ {
		if name := s.Guard.Name(rank); name != "" {
			out = append(out, Level{rank, name})
		}
	}
	return out
}

// Organised returns a community to somebody who organises it.
func (s *Communities) Organised(ctx context.Context, person, community iri.IRI) (*models.Community, error) {
	return s.own(ctx, person, community)
}

// Members lists members in force, or with past those whose membership has ended, by
// actor. Only who organises the community sees past ones, and what went to whom.
func (s *Communities) Members(ctx context.Context, person, community iri.IRI, past bool, after iri.IRI, limit int) (*models.Community, []models.MemberLine, bool, error) {
	c, st, err := s.seen(ctx, person, community)
	if err != nil {
		return nil, nil, false, err
	}
	if !st.runs && (!st.in || past) {
		return nil, nil, false, &policy.Refusal{Code: "not-organiser", Status: 403, Detail: fmt.Sprintf("%s does not organise %s", person, c.Name)}
	}
	rows, err := models.CommunityMembers(ctx, s.Store.R, community, past, "", after, min(max(limit, 1), 200))
	if err != nil {
		return nil, nil, false, fmt.Errorf("list the members of %s: %w", community, err)
	}
	if st.runs {
		return c, rows, true, nil
	}
	for i, m := range rows {
		rows[i] = models.MemberLine{NamedMember: models.NamedMember{Member: models.Member{Community: m.Community, Actor: m.Actor, Host: m.Host, Role: m.Role, State: m.State, Since: m.Since}, Name: m.Name}, Type: m.Type}
	}
	return c, rows, false, nil
}

// MemberView is one member with what she may read.
type MemberView struct {
	Community *models.Community
	Member    models.MemberLine
	Readable  models.Readable
	Shared    []models.SharedLine
}

// Member shows one member, in force or not, to who organises the community: how much she
// may read, and of the dispatches whether she may. before is the place of the last row of
// the page before, 0 for the newest.
func (s *Communities) Member(ctx context.Context, person, community, member iri.IRI, before int64, limit int) (*MemberView, error) {
	c, err := s.own(ctx, person, community)
	if err != nil {
		return nil, err
	}
	rows, err := models.CommunityMembers(ctx, s.Store.R, community, false, member, "", 1)
	if err != nil {
		return nil, fmt.Errorf("read the membership of %s: %w", member, err)
	}
	if len(rows) == 0 || rows[0].State == models.MemberReserved {
		return nil, dispatches.NotFound("member")
	}
	v := &MemberView{Community: c, Member: rows[0]}
	// Her own membership alone: offices of hers are members on their own.
	r := audience.Reader{Actor: member, Host: v.Member.Host, Local: v.Member.Host == s.Own, Standing: v.Member.Standing, Ceiling: v.Member.Most}
	if r.Local {
		r.Ceiling = s.Guard.Holds()
	}
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	if limit == 0 {
		v.Readable, err = models.ReadableIn(ctx, s.Store.R, community, cond, args, v.Member.Host, member)
		return v, err
	}
	me, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	mine, mineArgs := audience.Bound(me, audience.Dispatches, s.now())
	if v.Shared, v.Readable, err = models.SharedLines(ctx, s.Store.R, community, mine, mineArgs, cond, args, v.Member.Host, member, before, min(limit, 200)); err != nil {
		return nil, fmt.Errorf("list what %s may read: %w", member, err)
	}
	return v, nil
}

// Narrow lowers a member's ceiling ("" leaves it) and shortens her term (zero leaves it).
// It counts from now on and for what waits; more than she consented to takes another
// invitation.
func (s *Communities) Narrow(ctx context.Context, person, community, member iri.IRI, ceiling string, ends time.Time) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, m, err := s.governed(ctx, tx, person, community, member, "the office and the organiser are bound by the ceiling of the community alone")
		if err != nil {
			return err
		}
		was := map[string]any{"member": member, "ceiling": s.Guard.Name(m.Ceiling), "ends": m.EndsAt.String()}
		if ceiling != "" {
			rank, err := s.ceiling(ceiling)
			if err != nil {
				return err
			}
			if rank > m.Ceiling {
				return invalid("%s is above what was granted, %s: remove and invite again for more", ceiling, s.Guard.Name(m.Ceiling))
			}
			m.Ceiling = rank
		}
		if !ends.IsZero() {
			if !ends.After(s.Now()) {
				return invalid("the term %s has ended already; remove her to end it now", ends.Format(time.DateOnly))
			}
			if m.EndsAt != 0 && models.At(ends) > m.EndsAt {
				return invalid("%s is later than was agreed, %s: remove and invite again for more", ends.Format(time.DateOnly), m.EndsAt.Time().Format(time.DateOnly))
			}
			m.EndsAt = models.At(ends)
		}
		if err := models.SaveMember(ctx, tx, m); err != nil {
			return fmt.Errorf("narrow the terms of %s: %w", member, err)
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "terms narrowed", string(community), map[string]any{"before": was, "ceiling": s.Guard.Name(m.Ceiling), "ends": m.EndsAt.String()})
	})
}

// governed locks a community that the person organises and reads a member in force whose
// terms are hers to change. own says why not those of the office and the organiser.
func (s *Communities) governed(ctx context.Context, tx bun.Tx, person, community, member iri.IRI, own string) (*models.Community, *models.Member, error) {
	c, err := s.organise(ctx, tx, person, community)
	if err != nil {
		return nil, nil, err
	}
	m, err := models.MemberOf(ctx, tx, community, member)
	if models.NotFound(err) || err == nil && m.State != models.MemberActive {
		return nil, nil, invalid("%s is not a member of %s", member, c.Name)
	}
	if err == nil && (member == c.Office || member == c.Organiser) {
		err = invalid("%s", own)
	}
	return c, m, err
}

// CeilingEffect says what another ceiling would do, before it is set.
func (s *Communities) CeilingEffect(ctx context.Context, person, community iri.IRI, marking string) (c *models.Community, rank int64, e models.CeilingEffect, err error) {
	if c, err = s.own(ctx, person, community); err != nil {
		return nil, 0, e, err
	}
	if rank, err = s.ceiling(marking); err != nil {
		return c, 0, e, err
	}
	e, err = models.CeilingEffectOf(ctx, s.Store.R, community, rank)
	return c, rank, e, err
}

// Sent lists the invitations of a community to who organises it, newest first, before an
// id ("" for the newest).
func (s *Communities) Sent(ctx context.Context, person, community, before iri.IRI, limit int) (*models.Community, []models.NamedInvitation, error) {
	c, err := s.own(ctx, person, community)
	if err != nil {
		return nil, nil, err
	}
	rows, err := models.CommunityInvitations(ctx, s.Store.R, community, before, min(max(limit, 1), 200))
	return c, rows, err
}

// Talk lists a community's comments that the person may see, newest first, before a
// moment and id, and tells whether she organises it. With guests it lists those of
// guests, for who does.
func (s *Communities) Talk(ctx context.Context, person, community iri.IRI, guests bool, at models.Time, before iri.IRI, limit int) (*models.Community, []models.CommunityComment, bool, error) {
	c, st, err := s.seen(ctx, person, community)
	if err != nil {
		return nil, nil, false, err
	}
	if guests && !st.runs {
		return nil, nil, false, &policy.Refusal{Code: "not-organiser", Status: 403, Detail: fmt.Sprintf("%s does not organise %s", person, c.Name)}
	}
	r := st.Reader
	comments, commentArgs := audience.Bound(r, audience.Comments, s.now())
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	rows, err := models.CommunityComments(ctx, s.Store.R, community, guests, comments, commentArgs, cond, args, at, before, min(max(limit, 1), 200))
	return c, rows, st.runs, err
}

// GuestComment returns one comment of a guest to who organises the community.
func (s *Communities) GuestComment(ctx context.Context, person, community, comment iri.IRI) (*models.Community, *models.CommunityComment, error) {
	c, err := s.own(ctx, person, community)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	comments, commentArgs := audience.Bound(r, audience.Comments, s.now())
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	rows, err := models.CommunityComments(ctx, s.Store.R, community, true, "d.iri = ? AND ("+comments+")", append([]any{comment}, commentArgs...), cond, args, 0, "", 1)
	if err == nil && len(rows) == 0 {
		err = dispatches.NotFound("comment")
	}
	if err != nil {
		return nil, nil, err
	}
	return c, &rows[0], nil
}
