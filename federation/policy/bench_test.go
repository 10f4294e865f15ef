package policy

import (
	"testing"

	"valise/config"
	"valise/models"
)

// What the guard and the origin rules decide for one arrival and one delivery.

func BenchmarkGuardRead(b *testing.B) {
	g := NewGuard(config.Defaults())
	scheme := g.Scheme()
	b.ReportAllocs()
	for b.Loop() {
		if _, rank, err := g.Read(scheme, "LIMITED", 3); err != nil || rank != 3 {
			b.Fatal(rank, err)
		}
	}
}

func BenchmarkGuardLeave(b *testing.B) {
	g := NewGuard(config.Defaults())
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Leave(3, Ceiling{"the peer", 3}, Ceiling{"the community", 3}, Ceiling{"the member", 3}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGuardRefuses(b *testing.B) {
	g := NewGuard(config.Defaults())
	b.ReportAllocs()
	for b.Loop() {
		if g.Leave(3, Ceiling{"the peer", 2}) == nil {
			b.Fatal("above the ceiling, and not refused")
		}
	}
}

func BenchmarkGuardPortions(b *testing.B) {
	g := NewGuard(config.Defaults())
	b.ReportAllocs()
	for b.Loop() {
		for range 12 {
			if err := g.Portion("U", 3); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkOrigin(b *testing.B) {
	const actor = "https://b.example/o/paris"
	act := Act{ID: "https://b.example/a/1", Actor: actor, Type: "Create", ObjectID: "https://b.example/d/1", ObjectType: "Article", ObjectOwner: actor, ObjectEmbedded: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := Origin(actor, act); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStanding(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Standing(models.PeerAccredited, "Create", "Article", 8000); err != nil {
			b.Fatal(err)
		}
	}
}
