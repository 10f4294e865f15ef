// Package communities is the addressed audience: opened by an organiser, joined by
// invitation, distributed to in one of two forms for each inbox.
package communities

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Communities is the service.
type Communities struct {
	Store      *models.Store
	Keys       *keyring.Keyring
	Out        *outbox.Outbox
	Actors     *remote.Actors
	Client     *remote.Client
	Accounts   *accounts.Accounts
	Dispatches *dispatches.Dispatches
	Guard      policy.Guard
	Own        iri.Host
	Rules      iri.Rules
	Rand       io.Reader
	Log        *slog.Logger
	Now        func() time.Time
	// Window is by how much the clock of a Group's host may be ahead of ours.
	Window time.Duration
	// Changed is called when a peer's standing was changed; it must not block.
	Changed func()
	// SignGet signs a fetch for an actor of ours, for the repair of gaps.
	SignGet func(ctx context.Context, actor iri.IRI, host iri.Host) remote.SignFunc

	looks looks
}

var invalid = accounts.Invalid

func (s *Communities) now() models.Time { return models.At(s.Now()) }

// Opening is what an organiser decides when she opens a community.
type Opening struct {
	Office          iri.IRI
	Username        string
	Name            string
	Charter         string // Markdown
	Kind            string // "transverse" or "hierarchical"
	Ceiling         string
	Posting         string // models.By…
	Commenting      string
	Rendering       string // models.Render…; whatever it says, text leaves at the lowest marking alone
	HistoryDays     int64
	SubjectInNotice bool
}

// defaults fill what was left open, with the closed choice: the text of a bulletin leaves
// at the lowest marking alone, and above it a notice does (PROTOCOL §4.3).
func (o *Opening) defaults() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.Kind, "transverse")
	set(&o.Posting, models.ByMembers)
	set(&o.Commenting, models.ByEveryone)
	set(&o.Rendering, models.RenderInline)
}

func (s *Communities) check(o *Opening) (ceiling int64, err error) {
	o.defaults()
	who := []string{models.ByOrganisers, models.ByMembers, models.ByEveryone}
	switch {
	case o.Kind != "transverse" && o.Kind != "hierarchical":
		return 0, invalid("a community is transverse or hierarchical, not %q", o.Kind)
	case !slices.Contains(who, o.Posting) || !slices.Contains(who, o.Commenting):
		return 0, invalid("who may post or comment is one of %s", strings.Join(who, ", "))
	case o.Rendering != models.RenderNotice && o.Rendering != models.RenderInline:
		return 0, invalid("rendering is %q or %q, not %q", models.RenderNotice, models.RenderInline, o.Rendering)
	case o.HistoryDays < 0 || o.HistoryDays > 36500:
		return 0, invalid("a history window has 0 to 36500 days")
	}
	if err := checkCharter(o.Charter); err != nil {
		return 0, err
	}
	return s.ceiling(o.Ceiling)
}

func (s *Communities) ceiling(name string) (int64, error) {
	if name == "" {
		return s.Guard.Lowest(), nil
	}
	l, ok := s.Guard.Level(name)
	if !ok {
		return 0, invalid("%q is no marking of this instance", name)
	}
	if int64(l.Rank) > s.Guard.Federates() {
		return 0, invalid("%s is classified and never gets a wider readership; the highest ceiling is %s", l.Name, s.Guard.Name(s.Guard.Federates()))
	}
	return int64(l.Rank), nil
}

// Open opens a community for an office. The office and the organiser are its first
// members.
func (s *Communities) Open(ctx context.Context, person iri.IRI, o Opening) (c *models.Community, err error) {
	ceiling, err := s.check(&o)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.Accounts.Require(ctx, tx, person, o.Office, models.ActRelease); err != nil {
			return err
		}
		a, err := s.Accounts.Add(ctx, tx, models.TypeGroup, o.Username, o.Name)
		if err != nil {
			return err
		}
		now := s.now()
		c = &models.Community{IRI: a.IRI, Local: true, Name: a.Name, Charter: o.Charter, CharterDigest: sign.BytesDigest([]byte(o.Charter)), Kind: o.Kind, Office: o.Office, Organiser: person,
			Ceiling: ceiling, Posting: o.Posting, Commenting: o.Commenting, HistoryDays: o.HistoryDays, Rendering: o.Rendering, SubjectInNotice: o.SubjectInNotice, CreatedAt: now}
		if err := models.SaveCommunity(ctx, tx, c); err != nil {
			return err
		}
		for _, who := range []iri.IRI{o.Office, person} {
			if err := models.SaveMember(ctx, tx, &models.Member{Community: c.IRI, Actor: who, Host: s.Own, Role: models.RoleOrganiser, Ceiling: ceiling, State: models.MemberActive,
				Form: models.FormAnnounce, Since: now, AcceptedAt: now}); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "community opened", string(c.IRI), map[string]any{"name": c.Name, "ceiling": s.Guard.Name(ceiling), "office": o.Office})
	})
	return c, err
}

// organise refuses whoever does not organise the community: only its office's
// releasers and its organiser invite, widen and administer.
func (s *Communities) organise(ctx context.Context, tx bun.Tx, person, community iri.IRI) (*models.Community, error) {
	c, err := models.LockCommunity(ctx, tx, community)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("community")
	}
	if err != nil {
		return nil, err
	}
	return c, s.runs(ctx, tx, person, c)
}

// runs refuses whoever does not organise the community.
func (s *Communities) runs(ctx context.Context, db bun.IDB, person iri.IRI, c *models.Community) error {
	if c.Local && person == c.Organiser {
		return nil
	}
	if c.Local {
		ok, err := models.HasMandate(ctx, db, person, c.Office, models.ActRelease, s.now())
		if ok || err != nil {
			return err
		}
	}
	// Whoever was never in it learns nothing of it, its name neither.
	known, err := models.InCommunity(ctx, db, person, c.IRI, s.now())
	switch {
	case err != nil:
		return err
	case !known:
		return dispatches.NotFound("community")
	case !c.Local:
		return &policy.Refusal{Code: "not-organiser", Status: 403, Detail: c.Name + " is run by another instance"}
	}
	return &policy.Refusal{Code: "not-organiser", Status: 403, Detail: fmt.Sprintf("%s does not organise %s", person, c.Name)}
}

// SetCeiling changes what the community may hold from now on. What has not left yet is
// held to it; a wider ceiling opens nothing that was distributed before.
func (s *Communities) SetCeiling(ctx context.Context, person, community iri.IRI, marking string) error {
	rank, err := s.ceiling(marking)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		c, err := s.organise(ctx, tx, person, community)
		if err != nil {
			return err
		}
		was := c.Ceiling
		c.Ceiling = rank
		if err := models.SaveCommunity(ctx, tx, c); err != nil {
			return err
		}
		if err := models.NarrowMembers(ctx, tx, community, rank); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "community ceiling", string(community), map[string]any{"from": s.Guard.Name(was), "to": marking})
	})
}

// View is a community as a person may see it; members and invitations only for its
// members.
type View struct {
	Community   *models.Community // with its charter in Markdown, also where another instance runs it
	Members     []*models.Member
	Invitations []*models.Invitation
}

// member tells whether the person, or an office of hers, is or was in the audience.
func (s *Communities) member(ctx context.Context, person, community iri.IRI) (bool, error) {
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return false, err
	}
	for _, id := range append([]iri.IRI{person}, r.Offices...) {
		m, err := models.MemberOf(ctx, s.Store.R, community, id)
		if err == nil && m.State != models.MemberReserved {
			return true, nil
		}
		if err != nil && !models.NotFound(err) {
			return false, err
		}
	}
	return false, nil
}

// Show returns a community to one of its members, and the invitations to those who
// organise it.
func (s *Communities) Show(ctx context.Context, person, community iri.IRI) (*View, error) {
	c, err := models.CommunityByIRI(ctx, s.Store.R, community)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("community")
	}
	if err != nil {
		return nil, err
	}
	ok, err := s.member(ctx, person, community)
	if err != nil {
		return nil, err
	}
	if !ok && person != c.Organiser {
		return nil, dispatches.NotFound("community")
	}
	v := &View{Community: c}
	if v.Members, err = models.AllMembers(ctx, s.Store.R, community, "", 500); err != nil {
		return nil, err
	}
	runs, err := models.HasMandate(ctx, s.Store.R, person, c.Office, models.ActRelease, s.now())
	if err != nil {
		return nil, err
	}
	if c.Local && (person == c.Organiser || runs) {
		v.Invitations, err = models.Invitations(ctx, s.Store.R, community, "", 500)
	}
	return v, err
}

// List returns the communities that the person is or was in.
func (s *Communities) List(ctx context.Context, person, after iri.IRI, limit int) ([]*models.Community, error) {
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	return models.CommunitiesOf(ctx, s.Store.R, append([]iri.IRI{person}, r.Offices...), after, min(max(limit, 1), 200))
}

// Comments lists a community's comments that the person may see.
func (s *Communities) Comments(ctx context.Context, person, community iri.IRI, limit int) ([]*models.Comment, error) {
	r, err := s.Dispatches.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Where(r, audience.Comments, s.now())
	return models.CommentsWhere(ctx, s.Store.R, cond, args, community, min(max(limit, 1), 500))
}

// grade writes a rank of ours for the wire.
func (s *Communities) grade(rank int64) vocab.Grade {
	return vocab.Grade{Scheme: s.Guard.Scheme(), Level: s.Guard.Name(rank), Rank: int(rank)}
}
