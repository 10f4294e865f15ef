package serve

import (
	"context"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// officePage is how many offices one page of the directory has.
const officePage = 100

func (s *Server) officesID() iri.IRI { return s.instanceActor() + "/offices" }

// offices begins the directory of our offices. It is for accredited hosts: to whom one
// may write is theirs to know, and nobody else's.
func (s *Server) offices(c *gin.Context) error {
	if err := s.accreditedHost(c); err != nil {
		return err
	}
	total, err := models.CountOffices(c.Request.Context(), s.Store.R)
	if err != nil {
		return err
	}
	return sendActivity(c, vocab.Collection{ID: s.officesID(), AttributedTo: s.instanceActor(), Total: total, First: s.officesID() + "/first"}.Encode())
}

// officesPage lists offices by id: the first ones, or those after an office's name.
func (s *Server) officesPage(c *gin.Context) error {
	if err := s.accreditedHost(c); err != nil {
		return err
	}
	id, after := s.officesID()+"/first", iri.IRI("")
	if name := c.Param("name"); name != "" {
		var err error
		if after, err = s.id("/o/" + name); err != nil {
			return err
		}
		id = s.officesID() + iri.IRI("/after/"+name)
	}
	return s.sendOffices(c.Request.Context(), c, id, after)
}

func (s *Server) sendOffices(ctx context.Context, c *gin.Context, id, after iri.IRI) error {
	rows, err := models.OfficePage(ctx, s.Store.R, after, officePage)
	if err != nil {
		return err
	}
	p := vocab.Page{ID: id, PartOf: s.officesID(), Profiles: true}
	for _, o := range rows {
		p.Items = append(p.Items, vocab.OfficeItem{ID: o.IRI, PreferredUsername: o.Username, Name: o.Name, Code: o.Code, Post: o.Post}.Encode())
	}
	if len(rows) == officePage {
		p.Next = s.officesID() + iri.IRI("/after/"+rows[len(rows)-1].Username)
	}
	return sendActivity(c, p.Encode())
}

func (s *Server) accreditedHost(c *gin.Context) error {
	a, err := s.who(c.Request, false)
	if err == nil && a.peer.State != models.PeerAccredited {
		return hide("%s: the directory is for accredited hosts", a.sender.KeyID)
	}
	return err
}
