package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"valise/federation/policy"
	"valise/models"
	"valise/models/iri"
)

type jrd struct {
	Subject string    `json:"subject"`
	Aliases []string  `json:"aliases,omitempty"`
	Links   []jrdLink `json:"links"`
}

type jrdLink struct {
	Rel  string `json:"rel"`
	Type string `json:"type"`
	Href string `json:"href"`
}

// webFinger answers RFC 7033 for the handles and ids of our actors, and for the
// instance itself (FEP-d556).
func (s *Server) webFinger(c *gin.Context) error {
	c.Header("Access-Control-Allow-Origin", "*") // RFC 7033 §5
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return badQuery("it cannot be read as a query")
	}
	if len(query["resource"]) != 1 || query["resource"][0] == "" {
		return badQuery("name exactly one resource")
	}
	answer, err := s.finger(c, query["resource"][0])
	if err != nil {
		return err
	}
	if rels, named := query["rel"]; named {
		answer.Links = slices.DeleteFunc(answer.Links, func(l jrdLink) bool { return !slices.Contains(rels, l.Rel) })
	}
	return sendJSON(c, "application/jrd+json", answer)
}

func (s *Server) finger(c *gin.Context, resource string) (*jrd, error) {
	const activity = "application/activity+json"
	ctx := c.Request.Context()
	if strings.Contains(resource, "://") {
		id, err := s.Rules.Parse(resource)
		if err != nil {
			return nil, badQuery("%v", err)
		}
		if id == s.base("/") {
			return &jrd{Subject: string(id), Links: []jrdLink{{relService, activity, string(s.instanceActor())}}}, nil
		}
		a, err := models.ActorByIRI(ctx, s.Store.R, id)
		if err != nil || !a.Local {
			return nil, unknown(err, resource)
		}
		return s.describe(a), nil
	}
	h, err := s.Rules.ParseHandle(resource)
	if err != nil {
		return nil, badQuery("%v", err)
	}
	if h.Host != s.Own {
		return nil, hide("%s is of another host", h)
	}
	a, err := models.LocalActorByName(ctx, s.Store.R, h.Name)
	if err != nil {
		return nil, unknown(err, resource)
	}
	return s.describe(a), nil
}

func (s *Server) describe(a *models.Actor) *jrd {
	return &jrd{Subject: iri.Handle{Name: a.Username, Host: s.Own}.Acct(), Aliases: []string{string(a.IRI)},
		Links: []jrdLink{{"self", "application/activity+json", string(a.IRI)}}}
}

func unknown(err error, resource string) error {
	if err == nil || models.NotFound(err) {
		return hide("%q is none of ours", resource)
	}
	return err
}

func badQuery(format string, args ...any) error {
	return &policy.Refusal{Code: "bad-query", Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...)}
}

func sendJSON(c *gin.Context, mediaType string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return send(c, mediaType, body)
}
