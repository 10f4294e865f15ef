package serve

import (
	"context"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

const (
	// pageMost is how many entries one page of an outbox has.
	pageMost = 50
	// pageBytes keeps a page below the 1 MiB that an instance reads of a document.
	pageBytes = 1<<20 - 8<<10
)

// group finds a community that we run.
func (s *Server) group(ctx context.Context, name string) (*models.Community, error) {
	id, err := s.id("/g/" + name)
	if err != nil {
		return nil, err
	}
	g, err := models.CommunityByIRI(ctx, s.Store.R, id)
	if err == nil && !g.Local {
		return nil, hide("%s is none of ours", id)
	}
	return g, orHide(err, id)
}

// memberGroup finds the community of the path, for an asker who is a member of it or
// whose host has one.
func (s *Server) memberGroup(c *gin.Context) (*asker, *models.Community, error) {
	a, err := s.correspondence(c.Request)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.group(c.Request.Context(), c.Param("name"))
	if err != nil {
		return nil, nil, err
	}
	return a, g, s.member(c.Request.Context(), a, g.IRI)
}

// groupOutbox begins the sequence of a community's announcements.
func (s *Server) groupOutbox(c *gin.Context) error {
	_, g, err := s.memberGroup(c)
	if err != nil {
		return err
	}
	return sendActivity(c, vocab.Collection{ID: g.IRI + "/outbox", AttributedTo: g.IRI, Total: g.Sequence, First: page(g.IRI, 0)}.Encode())
}

func page(group iri.IRI, after int64) iri.IRI {
	return group + "/outbox/after/" + iri.IRI(strconv.FormatInt(after, 10))
}

// groupOutboxPage lists the entries after a sequence number, oldest first. Each number
// is shown; of what is withheld from the asker, nothing but number and digest.
func (s *Server) groupOutboxPage(c *gin.Context) error {
	a, g, err := s.memberGroup(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	after, err := number(c.Param("seq"))
	if err != nil {
		return err
	}
	entries, err := models.LogEntries(ctx, s.Store.R, g.IRI, after, pageMost)
	if err != nil {
		return err
	}
	p := vocab.Page{ID: page(g.IRI, after), PartOf: g.IRI + "/outbox"}
	last, size := after, 0
	for _, e := range entries {
		item, err := s.entry(ctx, a, e)
		switch {
		case isUnseen(err):
			s.Log.Info("withheld", "community", g.IRI, "sequence", e.Sequence, "from", a.peer.Host, "why", err)
			item = vocab.WithheldEntry{Sequence: e.Sequence, Digest: e.Digest}.Encode()
		case err != nil:
			return err
		case len(item) > pageBytes:
			item = vocab.ItemID(e.Activity) // to be fetched by itself
		}
		if size += len(item) + 1; size > pageBytes && len(p.Items) > 0 {
			break
		}
		p.Items, last = append(p.Items, item), e.Sequence
	}
	if last < g.Sequence && len(p.Items) > 0 {
		p.Next = page(g.IRI, last)
	}
	return sendActivity(c, p.Encode())
}

// plainOutbox is the outbox of an office or a person: empty, since dispatches go to
// their addressees. An accredited host is told how many of them it may have.
func (s *Server) plainOutbox(c *gin.Context) error {
	row, err := s.localActor(c, "/outbox")
	if err != nil {
		return err
	}
	a, err := s.who(c.Request, false)
	if err != nil && !isUnseen(err) {
		return err
	}
	box := vocab.Collection{ID: row.IRI + "/outbox", AttributedTo: row.IRI}
	if err == nil && a.peer.State == models.PeerAccredited {
		reader := a.reader
		reader.Ceiling = min(reader.Ceiling, s.Guard.Federates())
		cond, args := audience.Where(reader, audience.Dispatches, models.At(s.Now()))
		n, err := s.Store.R.NewSelect().TableExpr("dispatches AS d").Where("d.latest").Where("d.origin = ?", models.OriginIssued).
			Where("d.author = ?", row.IRI).Where("d.state = ?", models.DispatchInForce).Where(cond, args...).Count(c.Request.Context())
		if err != nil {
			return err
		}
		box.Total = n
	}
	return sendActivity(c, box.Encode())
}

// followers tells a host with a standing how many there are, never who. A member
// instance may ask about one actor, since Lemmy does so before it serves a private post
// to somebody.
func (s *Server) followers(c *gin.Context) error {
	a, err := s.who(c.Request, false)
	if err != nil {
		return err
	}
	row, err := s.localActor(c, "/followers")
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if about, asked := c.Request.URL.Query()["is_follower"]; asked {
		if err := s.isFollower(ctx, a, row.IRI, strings.Join(about, " ")); err != nil {
			return err
		}
	}
	total := int64(0)
	if row.Type == models.TypeGroup {
		if total, err = models.CountMembers(ctx, s.Store.R, row.IRI); err != nil {
			return err
		}
	}
	return sendActivity(c, vocab.Collection{ID: row.Followers, AttributedTo: row.IRI, Total: total}.Encode())
}

func (s *Server) isFollower(ctx context.Context, a *asker, group iri.IRI, about string) error {
	if err := a.correspondence(); err != nil {
		return err
	}
	if err := s.member(ctx, a, group); err != nil {
		return err
	}
	id, err := s.Rules.Parse(about)
	if err != nil {
		return hide("is_follower: %v", err)
	}
	in, err := s.inForce(ctx, group, id, models.At(s.Now()))
	if err == nil && !in {
		return hide("%s is no member of %s", id, group)
	}
	return err
}

// moderators names the organiser to hosts with a standing: Lemmy reads there who has
// authority over a community.
func (s *Server) moderators(c *gin.Context) error {
	if _, err := s.who(c.Request, false); err != nil {
		return err
	}
	g, err := s.group(c.Request.Context(), c.Param("name"))
	if err != nil {
		return err
	}
	list := vocab.Collection{ID: g.IRI + "/moderators", AttributedTo: g.IRI}
	if g.Organiser != "" {
		list.Total, list.Items = 1, [][]byte{vocab.ItemID(g.Organiser)}
	}
	return sendActivity(c, list.Encode())
}
