// Package refusals tells what a service refused from what has failed, for those above
// it, which know no federation.
package refusals

import (
	"errors"
	"io/fs"
	"strings"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/models"
	"valise/models/files"
	"valise/models/iri"
)

// TypeBase begins the type of every problem document (RFC 9457).
const TypeBase = policy.ProblemBase

// Refusal is a decision against a request, or a fault of another instance that the
// asker can do something about. Status is an HTTP status.
type Refusal struct {
	Code   string
	Status int
	Detail string
	Field  string // of the request, where one alone is wrong
}

// Of returns the refusal in err's chain. ok is false for a fault of ours, whose text
// is for the log alone.
func Of(err error) (r Refusal, ok bool) {
	var p *policy.Refusal
	var c *remote.Error
	var i *iri.Error
	switch {
	case errors.As(err, &p):
		// What wraps a refusal says which part of the request it is about.
		return Refusal{p.Code, p.Status, strings.Replace(err.Error(), p.Error(), p.Detail, 1), p.Field}.defaults(), true
	case errors.As(err, &c):
		return Refusal{Code: string(c.Kind), Status: 502, Detail: err.Error()}, true
	case errors.As(err, &i):
		return Refusal{Code: "invalid", Status: 422, Detail: err.Error()}, true
	case errors.Is(err, files.ErrTooLarge), errors.Is(err, files.ErrDigest):
		return Refusal{Code: "invalid", Status: 422, Detail: err.Error()}, true
	case models.IsBusy(err):
		return Refusal{Code: "try-again", Status: 503, Detail: models.ErrBusy.Error()}, true
	case errors.Is(err, fs.ErrNotExist):
		return Refusal{Code: "not-found", Status: 404, Detail: err.Error()}, true
	}
	return Refusal{}, false
}

// defaults fills the status that refusals to other instances leave to their sender.
func (r Refusal) defaults() Refusal {
	if r.Status == 0 {
		r.Status = 403
	}
	return r
}
