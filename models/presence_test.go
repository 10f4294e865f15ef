package models_test

import (
	"context"
	"testing"

	"valise/models"
	"valise/models/modeltest"
)

// The first process at a database may undo what dead ones had begun; one that comes
// beside it may not, and after all have gone the next one may again.
func TestOnlyWhoIsAloneIsFirst(t *testing.T) {
	url := modeltest.Postgres(t)
	attend := func() (*models.Store, bool) {
		s, err := models.Open(t.Context(), url)
		must(t, err)
		first := false
		must(t, s.Attend(t.Context(), func(context.Context) error { first = true; return nil }))
		return s, first
	}
	a, first := attend()
	if !first {
		t.Error("nobody else is there, and it was not first")
	}
	b, first := attend()
	if first {
		t.Error("the second was first beside a living one")
	}
	must(t, a.Close())
	c, first := attend()
	if first {
		t.Error("the third was first beside a living one")
	}
	must(t, b.Close())
	must(t, c.Close())
	d, first := attend()
	if !first {
		t.Error("all have gone, and the next is not first")
	}
	must(t, d.Close())
}

func TestFirstOnSQLiteIsWhoHoldsTheFolder(t *testing.T) {
	s := modeltest.DB(t)
	first := false
	must(t, s.Attend(t.Context(), func(context.Context) error { first = true; return nil }))
	if !first {
		t.Error("it was not first")
	}
}
