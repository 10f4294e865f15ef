package machine

import (
	"time"

	"github.com/gin-gonic/gin"

	"valise/instance/search"
	"valise/models"
	"valise/models/iri"
)

// SearchPage is one page of an answer. Count is how many there are; with More there are
// more than that, and the facets are about the newest Count.
type SearchPage struct {
	Items  []SearchHit   `json:"items"`
	Next   string        `json:"next,omitempty"`
	Count  int           `json:"count"`
	More   bool          `json:"more"`
	Facets []SearchFacet `json:"facets"`
}

// SearchHit is a dispatch, an archive record or a comment that was found. Ranges are
// pairs of byte offsets into the UTF-8 text beside them.
type SearchHit struct {
	Source        string          `json:"source"` // "dispatch" or "comment"
	ID            iri.IRI         `json:"id"`
	Dispatch      iri.IRI         `json:"dispatch,omitempty"` // of a comment: what it is on
	Archive       bool            `json:"archive"`
	Reference     string          `json:"reference,omitempty"`
	Subject       string          `json:"subject,omitempty"`
	SubjectMarks  [][2]int        `json:"subjectMarks,omitempty"`
	Author        iri.IRI         `json:"author"`
	AuthorName    string          `json:"authorName,omitempty"`
	Community     iri.IRI         `json:"community,omitempty"`
	CommunityName string          `json:"communityName,omitempty"`
	Kind          string          `json:"kind"`
	Precedence    string          `json:"precedence,omitempty"`
	Marking       string          `json:"marking"`
	Language      string          `json:"language,omitempty"`
	State         string          `json:"state"`
	Tags          []string        `json:"tags,omitempty"`
	At            models.Time     `json:"at"`
	Extracts      []SearchExtract `json:"extracts,omitempty"`
}

// SearchExtract is a piece of the text. Before and After say that the text goes on.
type SearchExtract struct {
	Text   string   `json:"text"`
	Marks  [][2]int `json:"marks,omitempty"`
	Before bool     `json:"before"`
	After  bool     `json:"after"`
}

// SearchFacet counts the values of one header among what was found. Filter narrows the
// question to a value.
type SearchFacet struct {
	Name   string        `json:"name"`
	Values []SearchValue `json:"values"`
	More   bool          `json:"more"`
}

// SearchValue is one value of a facet.
type SearchValue struct {
	Value  string `json:"value"`
	Label  string `json:"label,omitempty"`
	Count  int    `json:"count"`
	Filter string `json:"filter"`
}

// settleMost is how long an answer waits for what was kept just now to be indexed. Only
// where no instance runs beside the command is there much of it.
const settleMost = 10 * time.Second

func (a *api) search(r *gin.Engine) {
	r.GET("/search", a.do(func(c *gin.Context) (any, error) {
		ctx := c.Request.Context()
		person, err := a.person(c, c.Query("as"))
		if err != nil {
			return nil, err
		}
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		q, err := search.Parse(c.Query("q"))
		if err != nil {
			return nil, err
		}
		q.Ranked = c.Query("order") != "date"
		if err := a.Search.Settle(ctx, settleMost); err != nil {
			return nil, err
		}
		p, err := a.Search.Find(ctx, person, q, c.Query("from"), limit)
		if err != nil {
			return nil, err
		}
		return searchPage(p), nil
	}))
	r.POST("/search/rebuild", a.do(func(c *gin.Context) (any, error) {
		return Done{true}, a.Search.Rebuild(c.Request.Context(), operator)
	}))
}

func searchPage(p *search.Page) SearchPage {
	out := SearchPage{Items: []SearchHit{}, Next: p.Next, Count: p.Count, More: p.More, Facets: []SearchFacet{}}
	for _, h := range p.Hits {
		hit := SearchHit{Source: h.Source, ID: h.ID, Archive: h.Archive, Reference: h.Reference, Subject: h.Subject, SubjectMarks: pairs(h.SubjectMarks), Author: h.Author, AuthorName: h.AuthorName,
			Community: h.Community, CommunityName: h.CommunityName, Kind: h.Kind, Precedence: h.Precedence, Marking: h.Marking, Language: h.Language, State: h.State, Tags: h.Tags, At: h.At}
		if h.Source == models.SearchComment {
			hit.Dispatch = h.Dispatch
		}
		for _, e := range h.Extracts {
			hit.Extracts = append(hit.Extracts, SearchExtract{e.Text, pairs(e.Marks), e.Before, e.After})
		}
		out.Items = append(out.Items, hit)
	}
	for _, f := range p.Facets {
		facet := SearchFacet{Name: f.Name, More: f.More}
		for _, v := range f.Values {
			facet.Values = append(facet.Values, SearchValue(v))
		}
		out.Facets = append(out.Facets, facet)
	}
	return out
}

func pairs(in []search.Range) [][2]int {
	var out [][2]int
	for _, r := range in {
		out = append(out, [2]int{r.Start, r.End})
	}
	return out
}
