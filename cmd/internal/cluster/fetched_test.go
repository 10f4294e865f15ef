package cluster_test

import (
	"net/http"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/models/iri"
)

// fetch asks an instance of the cluster for a document, signed, and returns the status.
func (s *court) fetch(by sign.Signer, id iri.IRI) int {
	s.T.Helper()
	return s.get(by, id).status
}

func (s *court) get(by sign.Signer, id iri.IRI) answer {
	s.T.Helper()
	r, err := http.NewRequest(http.MethodGet, string(id), nil)
	cluster.Must(s.T, err)
	r.Header.Set("Accept", "application/activity+json")
	if by != nil {
		cluster.Must(s.T, sign.SignRFC9421(r, nil, by, s.Clock.Now()))
	}
	return s.o.do(r)
}
