package dispatches

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"valise/federation/policy"
	"valise/instance/formula"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Outlook is who could read a draft if it were released now, and what would not leave.
// It comes from the guard and the audience function that release itself asks.
type Outlook struct {
	Draft   *models.Draft
	Content *Content // with the members of collective addresses among the addressees
	// Readers are the addressees that it may go to.
	Readers     []Addressed
	Communities []Gathering
	// Stops are what release would be refused for.
	Stops []Stop
	// Offices counts the readers, Members and Guests those of the communities, Instances
	// the hosts of all of them.
	Offices, Instances, Members, Guests int
}

// Addressed is one addressee.
type Addressed struct {
	Actor    iri.IRI
	Name     string
	Host     iri.Host
	Local    bool
	Role     string
	Software string // "" where it is not known
	Through  string // the collective address, "" when named by itself
}

// Gathering is a community that the draft goes to.
type Gathering struct {
	Community iri.IRI
	Name      string
	Host      iri.Host
	// Ours says that its members are known here; another instance decides on its own.
	Ours            bool
	Members, Guests int
	Instances       int
	// Bulletins counts those of them whose software knows no dispatches: they are told of
	// it, with its text only where Inline.
	Bulletins int
	Inline    bool
	Withheld  []Withheld
}

// Withheld counts members whom the dispatch does not reach. Reason is the audience
// function's, or NotJoined.
type Withheld struct {
	Reason          string
	Members, Guests int
}

// NotJoined is the reason for members whose instance has not yet answered their Accept.
const NotJoined = "her instance has not answered yet"

// Stop is a reason for which release would be refused. About is an addressee's name, an
// attachment's, a paragraph's number, or "".
type Stop struct {
	Kind   string // addressee, paragraph, attachment, draft
	About  string
	Actor  iri.IRI
	Code   string
	Detail string
}

// Outlook looks ahead. It releases nothing and asks nobody.
func (s *Dispatches) Outlook(ctx context.Context, person iri.IRI, id string) (*Outlook, error) {
	d, err := s.draft(ctx, s.Store.R, person, id, models.ActRead)
	if err != nil {
		return nil, err
	}
	c, err := ParseContent(d.Content)
	if err != nil {
		return nil, err
	}
	o := &Outlook{Draft: d, Content: c}
	uses, err := s.expand(ctx, d.Office, c)
	if err := o.stop("draft", "", "", err); err != nil {
		return nil, err
	}
	level, err := s.Guard.Draft(c.Marking)
	if err := o.stop("draft", "", "", err); err != nil {
		return nil, err
	}
	p := &prepared{content: c, marking: int64(level.Rank), office: &models.Office{IRI: d.Office}}
	if err := s.unfinished(ctx, o, p); err != nil {
		return nil, err
	}
	ids := c.named()
	if len(ids) == 0 {
		if err := o.stop("draft", "", "", &policy.Refusal{Code: "nobody", Status: 422, Detail: "name at least one addressee or a community"}); err != nil {
			return nil, err
		}
	}
	actors, err := models.ActorsByIRI(ctx, s.Store.R, ids)
	if err != nil {
		return nil, err
	}
	rows := map[iri.IRI]*models.Actor{}
	for _, a := range actors {
		rows[a.IRI] = a
	}
	for _, id := range ids {
		p.addressees = append(p.addressees, models.Addressee{Actor: id, Host: id.Host(), Role: c.role(id), Local: id.Host() == s.Own})
	}
	if d.Corrects != "" {
		if p.previous, err = models.DispatchByIRI(ctx, s.Store.R, d.Corrects); err != nil {
			return nil, err
		}
		p.id = p.previous.IRI
	}
	r, err := s.reach(ctx, s.Store.R, p)
	if err != nil {
		return nil, err
	}
	return o, s.look(ctx, o, p, r, rows, uses)
}

// named are the ids of a draft's addressees and its community, each once.
func (c *Content) named() []iri.IRI {
	ids := slices.Concat(c.Action, c.Info)
	if c.Community != "" && !slices.Contains(ids, c.Community) {
		ids = append(ids, c.Community)
	}
	return ids
}

func (c *Content) role(id iri.IRI) string {
	if slices.Contains(c.Action, id) {
		return models.RoleAction
	}
	return models.RoleInfo
}

// stop notes a refusal; a fault of ours is returned.
func (o *Outlook) stop(kind, about string, actor iri.IRI, err error) error {
	if err == nil {
		return nil
	}
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	o.Stops = append(o.Stops, Stop{Kind: kind, About: about, Actor: actor, Code: refusal.Code, Detail: refusal.Detail})
	return nil
}

// unfinished notes what the draft lacks, and each portion above the whole by itself.
func (s *Dispatches) unfinished(ctx context.Context, o *Outlook, p *prepared) error {
	c := p.content
	for i, para := range c.Paragraphs {
		if err := o.stop("paragraph", fmt.Sprint(i+1), "", s.Guard.Portion(para.Marking, p.marking)); err != nil {
			return err
		}
		if gap := formula.Gap(para.Text); gap != "" {
			if err := o.stop("paragraph", fmt.Sprint(i+1), "", unfilled("this paragraph", gap)); err != nil {
				return err
			}
		}
	}
	for _, a := range c.Attachments {
		if err := o.stop("attachment", a.Name, "", s.Guard.Portion(a.Marking, p.marking)); err != nil {
			return err
		}
	}
	if len(o.Stops) == 0 {
		if err := o.stop("draft", "", "", s.checkContent(ctx, o.Draft.Office, c, o.Draft.Corrects)); err != nil {
			return err
		}
	}
	n, err := models.CountClashes(ctx, s.Store.R, o.Draft.ID)
	if err != nil || n == 0 {
		return err
	}
	return o.stop("draft", "", "", &policy.Refusal{Code: "unsettled", Status: 409, Detail: fmt.Sprintf("%d texts of this draft stand against each other; choose between them first", n)})
}

// look sorts the addressees into readers, communities and stops.
func (s *Dispatches) look(ctx context.Context, o *Outlook, p *prepared, r *reach, rows map[iri.IRI]*models.Actor, uses []models.CollectiveUse) error {
	hosts := map[iri.Host]bool{}
	var ours []iri.IRI
	for _, a := range p.addressees {
		name := string(a.Actor)
		if row := rows[a.Actor]; row != nil {
			name = row.Name
		}
		community := r.communities[a.Actor]
		if community != nil {
			name = community.Name
		}
		if err := s.mayGo(p, r, a); err != nil {
			if err := o.stop("addressee", name, a.Actor, err); err != nil {
				return err
			}
			continue
		}
		if community != nil || rows[a.Actor] != nil && rows[a.Actor].Type == models.TypeGroup {
			g := Gathering{Community: a.Actor, Name: name, Host: a.Host}
			if community != nil && community.Local {
				g.Ours, g.Inline = true, community.Rendering == models.RenderInline
				ours = append(ours, a.Actor)
			} else {
				hosts[a.Host] = true
			}
			o.Communities = append(o.Communities, g)
			continue
		}
		hosts[a.Host] = true
		entry := Addressed{Actor: a.Actor, Name: name, Host: a.Host, Local: a.Local, Role: a.Role}
		switch peer := r.peers[a.Host]; {
		case a.Local:
			entry.Software = "Valise"
		case peer != nil && peer.Software != "":
			entry.Software = peer.Software
		case rows[a.Actor] != nil && rows[a.Actor].OwnSoftware:
			entry.Software = "Valise"
		}
		for _, u := range uses {
			if u.Actor == a.Actor {
				entry.Through = u.Name
				break
			}
		}
		o.Readers = append(o.Readers, entry)
		o.Offices++
	}
	if err := s.gather(ctx, o, p, ours, hosts); err != nil {
		return err
	}
	o.Instances = len(hosts)
	return nil
}

// gather asks the audience function about each member of our own communities.
func (s *Dispatches) gather(ctx context.Context, o *Outlook, p *prepared, ours []iri.IRI, hosts map[iri.Host]bool) error {
	now := s.now()
	members, err := models.ReachedMembers(ctx, s.Store.R, ours, now)
	if err != nil {
		return err
	}
	for i := range o.Communities {
		g := &o.Communities[i]
		object := audience.Object{Author: o.Draft.Office, AuthorHost: s.Own, Addressees: p.addressees, Community: g.Community, MarkingRank: p.marking, DistributedAt: now}
		reached := map[iri.Host]bool{}
		for _, m := range members {
			if m.Community != g.Community || m.Actor == o.Draft.Office {
				continue
			}
			reader := audience.Reader{Actor: m.Actor, Host: m.Host, Local: m.Host == s.Own, Standing: m.Standing, Ceiling: m.PeerCeiling}
			if reader.Local {
				reader.Ceiling = s.Guard.Holds()
			}
			verdict := audience.May(reader, object, []audience.Membership{{Member: m.Member}}, now)
			if verdict.May && !reader.Local && m.AcceptedAt == 0 {
				verdict = audience.Verdict{Reason: NotJoined}
			}
			if !verdict.May {
				g.withhold(verdict.Reason, m.Role)
				continue
			}
			reached[m.Host], hosts[m.Host] = true, true
			if m.Role == models.RoleGuest {
				g.Guests++
			} else {
				g.Members++
			}
			if m.Form == models.FormBulletin {
				g.Bulletins++
			}
		}
		g.Instances = len(reached)
		o.Members += g.Members
		o.Guests += g.Guests
	}
	return nil
}

func (g *Gathering) withhold(reason, role string) {
	i := slices.IndexFunc(g.Withheld, func(w Withheld) bool { return w.Reason == reason })
	if i < 0 {
		g.Withheld = append(g.Withheld, Withheld{Reason: reason})
		i = len(g.Withheld) - 1
	}
	if role == models.RoleGuest {
		g.Withheld[i].Guests++
	} else {
		g.Withheld[i].Members++
	}
}
