// Package drafting is how several people write one draft: paragraphs that are saved one
// by one and merged by words, who is there, comments, clearance, history, addresses,
// templates, and the queue of what waits for release. What a draft is, and how one is
// released, is the business of package dispatches.
package drafting

import (
	"context"
	"errors"
	"io"
	"time"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/communities"
	"valise/instance/directory"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Drafting is the service.
type Drafting struct {
	Store       *models.Store
	Dispatches  *dispatches.Dispatches
	Directory   *directory.Directory
	Communities *communities.Communities
	Now         func() time.Time
	Rand        io.Reader
}

var invalid = accounts.Invalid

func (s *Drafting) now() models.Time { return models.At(s.Now()) }

// Code is the code of a refusal in err's chain, or "".
func Code(err error) string {
	var r *policy.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Codes of refusals that pages answer in a way of their own.
const (
	CodeStale   = "stale-draft"
	CodeClosed  = "draft-closed"
	CodeInvalid = "invalid"
	// CodeProve asks for a fresh sign-in.
	CodeProve = "prove-yourself"
)

// Right is what a person may do with the drafts of an office.
type Right struct {
	Draft, Clear, Release bool
}

// Office is an office that a person has a mandate for.
type Office struct {
	IRI   iri.IRI
	Title string
	Code  string
	Right
}

// Offices lists the offices for which a person may draft, clear or release, by title.
func (s *Drafting) Offices(ctx context.Context, person iri.IRI) ([]Office, error) {
	rows, err := models.OfficesOf(ctx, s.Store.R, person, s.now())
	if err != nil {
		return nil, err
	}
	var out []Office
	for _, r := range rows {
		if n := len(out); n == 0 || out[n-1].IRI != r.Office {
			out = append(out, Office{IRI: r.Office, Title: r.Title, Code: r.Code})
		}
		right := &out[len(out)-1].Right
		switch r.Act {
		case models.ActDraft:
			right.Draft = true
		case models.ActClear:
			right.Clear = true
		case models.ActRelease:
			right.Release = true
		}
	}
	return out, nil
}

// with are the offices that a right is held in.
func with(offices []Office, has func(Right) bool) []iri.IRI {
	var out []iri.IRI
	for _, o := range offices {
		if has(o.Right) {
			out = append(out, o.IRI)
		}
	}
	return out
}
