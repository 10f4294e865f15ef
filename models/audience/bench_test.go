package audience

import (
	"context"
	"fmt"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func BenchmarkMay(b *testing.B) {
	o := Object{Author: europe, AuthorHost: europe.Host(), Community: club, MarkingRank: 1, DistributedAt: released}
	for i := range 20 {
		a := actor(iri.Host(fmt.Sprintf("h%d.example", i)), "o/x")
		o.Addressees = append(o.Addressees, models.Addressee{Actor: a, Host: a.Host()})
	}
	members := []Membership{{Member: models.Member{Community: club, Actor: expert, Host: expert.Host(), Ceiling: 1, State: models.MemberActive}}}
	r := foreign(expert, models.PeerGuest)
	for b.Loop() {
		if !May(r, o, members, now).May {
			b.Fatal("a member may not read")
		}
	}
}

// BenchmarkAllowed asks for one page of 50 dispatches, and for all of 10,000: a tenth
// in a community of 500 members, the rest with three addressees each.
func BenchmarkAllowed(b *testing.B) {
	const dispatches = 10_000
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			url := modeltest.SQLite(b)
			if kind == "postgres" {
				url = modeltest.Postgres(b)
			}
			s, err := models.Open(b.Context(), url)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			ids, want := fill(b, s, dispatches)
			r := foreign(expert, models.PeerGuest)
			for _, n := range []int{50, dispatches} {
				b.Run(fmt.Sprint(n), func(b *testing.B) {
					for b.Loop() {
						got, err := Allowed(b.Context(), s.R, r, Dispatches, ids[:n], now)
						if err != nil || len(got) != want*n/dispatches {
							b.Fatalf("%d of %d (%v)", len(got), n, err)
						}
					}
				})
			}
		})
	}
}

// fill returns the ids, and how many of them the expert may have.
func fill(b *testing.B, s *models.Store, n int) (ids []iri.IRI, allowed int) {
	b.Helper()
	err := s.InTx(b.Context(), func(ctx context.Context, tx bun.Tx) error {
		if err := models.SaveCommunity(ctx, tx, &models.Community{IRI: club, Local: true, CreatedAt: now}); err != nil {
			return err
		}
		for i := range 500 {
			who := actor(iri.Host(fmt.Sprintf("h%d.example", i)), "u/a")
			if i == 0 {
				who = expert
			}
			if err := models.SaveMember(ctx, tx, &models.Member{Community: club, Actor: who, Host: who.Host(), Ceiling: 1, State: models.MemberActive}); err != nil {
				return err
			}
		}
		for i := range n {
			d := &models.Dispatch{IRI: iri.IRI(fmt.Sprint("https://ministry.example/d/", i)), Version: 1, Origin: models.OriginIssued, Author: europe,
				AuthorHost: europe.Host(), Reference: fmt.Sprint(i), State: models.DispatchInForce, DistributedAt: released, MarkingRank: 1, Document: make([]byte, 4096)}
			ids = append(ids, d.IRI)
			var to []models.Addressee
			if i%10 == 0 {
				d.Community = club
				allowed++
			} else {
				for k := range 3 {
					a := actor(iri.Host(fmt.Sprintf("h%d.example", (i+k)%100)), "o/x")
					to = append(to, models.Addressee{Dispatch: d.IRI, Actor: a, Host: a.Host(), Role: models.RoleInfo})
				}
			}
			if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
				return err
			}
			if err := models.InsertAddressees(ctx, tx, to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return ids, allowed
}
