package cluster_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/instance/audit"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// rsaOf is the RSA key that the embassy shows of its community.
func (s *readers) rsaOf(t *testing.T) string {
	t.Helper()
	k, err := models.ActiveKey(context.Background(), s.Nodes[embassy].Store.R, s.community, string(sign.RSA))
	cluster.Must(t, err)
	return k.Public
}

// kept tells whether the private half of a replaced key is still there.
func (s *readers) kept(t *testing.T) bool {
	t.Helper()
	_, err := models.PreviousRSA(context.Background(), s.Nodes[embassy].Store.R, s.community)
	if err != nil && !models.NotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// An RSA key is replaced under its id, and no server of other software loses anything: the
// old key speaks to it until it has taken the Update, which the old key has signed.
func TestRSARotationTowardsOtherSoftware(t *testing.T) {
	cluster.Each(t, testRSARotationTowardsOtherSoftware)
}

func testRSARotationTowardsOtherSoftware(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		e := s.Nodes[embassy]
		a := s.joined(t, "eva", communities.Invitation{HistoryDays: -1})
		s.send(t, "Before the rotation", "UNCLASSIFIED")
		was := s.rsaOf(t)
		s.Faults(towards(social, cluster.RequestLost))
		cluster.Must(t, e.Keys.RotateRSA(ctx, "test", s.community, "yearly"))
		now := s.rsaOf(t)
		if now == was {
			t.Fatal("the key is the same")
		}
		s.Settle()
		if !s.kept(t) {
			t.Error("the old key was erased before its successor was taken")
		}
		if err := e.Keys.RotateRSA(ctx, "test", s.community, "again"); err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("a second rotation during the first: %v", err)
		}
		s.send(t, "While it was away", "UNCLASSIFIED")
		s.Faults(nil)
		for range 8 {
			s.later(time.Hour)
		}
		s.send(t, "After the rotation", "UNCLASSIFIED")
		if got := a.Home(); len(got) != 3 {
			t.Errorf("she sees %d posts", len(got))
		}
		if got := s.server.Rekeyed(); len(got) != 0 {
			t.Errorf("%s found the key changed without an Update: %v", s.name, got)
		}
		if s.kept(t) {
			t.Error("the old key is kept though nobody needs it")
		}
		updates := 0
		for _, in := range s.server.Received() {
			if in.Type != "Update" {
				continue
			}
			updates++
			var doc struct {
				Object struct {
					PublicKey struct{ ID, PublicKeyPem string }
				}
			}
			cluster.Must(t, json.Unmarshal(in.Raw, &doc))
			if doc.Object.PublicKey.ID != string(s.community)+"#rsa" || doc.Object.PublicKey.PublicKeyPem != now {
				t.Errorf("the Update shows %+v", doc.Object.PublicKey)
			}
		}
		if updates != 1 {
			t.Errorf("%d Updates came", updates)
		}
		if _, err := audit.Verify(ctx, e.Store.R); err != nil {
			t.Error(err)
		}
		entries, err := models.AuditAfter(ctx, e.Store.R, 0, string(s.community), "key rotated", 10)
		if err != nil || len(entries) != 1 || !strings.Contains(entries[0].Detail, "yearly") {
			t.Errorf("the trail shows %v: %v", entries, err)
		}
		// The next one needs no waiting.
		cluster.Must(t, e.Keys.RotateRSA(ctx, "test", s.community, "again"))
		s.later(2 * time.Minute)
		s.send(t, "After the second rotation", "UNCLASSIFIED")
		if got := a.Home(); len(got) != 4 {
			t.Errorf("she sees %d posts", len(got))
		}
		s.Check()
	})
}

// A server that has taken the Update, while its answer was lost, knows the new key and
// refuses the old one at once: the other key is tried, and remembered.
func TestRSARotationWhoseAnswerWasLost(t *testing.T) {
	cluster.Each(t, testRSARotationWhoseAnswerWasLost)
}

func testRSARotationWhoseAnswerWasLost(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		a := s.joined(t, "eva", communities.Invitation{HistoryDays: -1})
		lost := 0
		s.Faults(func(r *http.Request) cluster.Fault {
			if r.URL.Host == string(social) && r.Method == http.MethodPost && lost == 0 {
				lost++
				return cluster.AnswerLost
			}
			return cluster.None
		})
		cluster.Must(t, s.Nodes[embassy].Keys.RotateRSA(ctx, "test", s.community, "yearly"))
		s.Settle()
		s.send(t, "Between the two", "UNCLASSIFIED")
		for range 4 {
			s.later(10 * time.Minute)
		}
		if got := a.Home(); lost != 1 || len(got) != 1 {
			t.Errorf("lost %d answers, she sees %d posts", lost, len(got))
		}
		if s.kept(t) {
			t.Error("the old key is kept")
		}
		held, err := models.HeldHosts(ctx, s.Nodes[embassy].Store.R, "", 10)
		if err != nil || len(held) != 0 {
			t.Errorf("held: %v %v", held, err)
		}
		s.Check()
	})
}

// What has no RSA key has none to replace.
func TestRSARotationOfWhatHasNone(t *testing.T) { cluster.Each(t, testRSARotationOfWhatHasNone) }

func testRSARotationOfWhatHasNone(t *testing.T) {
	s := newCourt(t)
	ctx := context.Background()
	for _, who := range []iri.IRI{s.desk, s.post} {
		if err := s.Nodes[ministry].Keys.RotateRSA(ctx, "test", who, "yearly"); err == nil {
			t.Errorf("a key of %s was replaced", who)
		}
	}
}
