// Package problem answers with RFC 9457 problem documents: a reason that a machine can
// read, in words that an operator understands.
package problem

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/sign"
	"valise/federation/vocab"
)

type document struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// Of turns an error into the refusal that the sender sees. Errors of ours become 503
// without their text: the sender keeps the activity and comes again.
func Of(err error) *policy.Refusal {
	var r *policy.Refusal
	var s *sign.Error
	var v *vocab.Error
	var p *remote.ProofFault
	var c *remote.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &s):
		return &policy.Refusal{Code: string(s.Kind), Status: http.StatusUnauthorized, Detail: s.Detail}
	case errors.As(err, &v):
		return &policy.Refusal{Code: v.Code, Status: http.StatusBadRequest, Detail: v.Error()}
	case errors.As(err, &p) && !p.Temporary:
		return &policy.Refusal{Code: p.Code, Status: http.StatusUnauthorized, Detail: p.Detail}
	case errors.As(err, &c) && !c.Temporary():
		return &policy.Refusal{Code: "key-unavailable", Status: http.StatusUnauthorized, Detail: "your key cannot be read: " + string(c.Kind)}
	case errors.As(err, &c), errors.As(err, &p):
		return &policy.Refusal{Code: "key-unavailable", Status: http.StatusServiceUnavailable, Detail: "your key cannot be fetched at the moment; come again", RetryAfter: 60}
	}
	return &policy.Refusal{Code: "unavailable", Status: http.StatusServiceUnavailable, Detail: "the fault is ours; nothing was kept; come again", RetryAfter: 30}
}

// Write answers with the refusal and logs the cause, once.
func Write(w http.ResponseWriter, req *http.Request, log *slog.Logger, err error) {
	r := Of(err)
	level := slog.LevelInfo
	if r.Status >= 500 {
		level = slog.LevelWarn
	}
	log.Log(req.Context(), level, "refused", "method", req.Method, "path", req.URL.Path, "from", req.RemoteAddr, "status", r.Status, "rule", r.Code, "why", err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "private, no-store")
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
	w.WriteHeader(r.Status)
	body, _ := json.Marshal(document{Type: policy.ProblemBase + r.Code, Title: r.Code, Status: r.Status, Detail: r.Detail})
	w.Write(body)
}
