package models_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	deskOffice = iri.IRI("https://ministry.example/o/state")
	deskReader = iri.IRI("https://ministry.example/u/desk")
	deskPeer   = iri.IRI("https://embassy.example/o/ankara")
)

// seat opens an office with one reader.
func seat(ctx context.Context, tx bun.Tx) error {
	for _, a := range []*models.Actor{
		{IRI: deskOffice, Host: "ministry.example", Local: true, Type: models.TypeOrganization, Username: "state", Name: "Department of State", CreatedAt: noon},
		{IRI: deskReader, Host: "ministry.example", Local: true, Type: models.TypePerson, Username: "desk", Name: "Desk officer", CreatedAt: noon},
		{IRI: deskPeer, Host: "embassy.example", Type: models.TypeOrganization, Username: "ankara", Name: "Embassy Ankara", CreatedAt: noon},
	} {
		if err := models.InsertActor(ctx, tx, a); err != nil {
			return err
		}
	}
	return models.GrantMandate(ctx, tx, &models.Mandate{Office: deskOffice, Person: deskReader, Act: models.ActRead, GrantedAt: noon, GrantedBy: "operator"})
}

// arrive keeps a dispatch of the peer, addressed to the office.
func arrive(ctx context.Context, tx bun.Tx, n int, role string, change func(*models.Dispatch)) (*models.Dispatch, error) {
	id := iri.IRI(fmt.Sprintf("https://embassy.example/d/%03d", n))
	d := &models.Dispatch{IRI: id, Version: 1, Origin: models.OriginReceived, Author: deskPeer, AuthorHost: "embassy.example", Reference: fmt.Sprintf("ANKARA 2026/%06d", n), Kind: "cable",
		Subject: fmt.Sprint("Subject ", n), Precedence: "ROUTINE", PrecedenceRank: 1, Marking: "LIMITED", MarkingRank: 3, Language: "en", Activity: id + "/a", Document: []byte("{}"), Digest: fmt.Sprint("d", n),
		State: models.DispatchInForce, PublishedAt: noon, DistributedAt: noon, Excerpt: "First words.", CreatedAt: noon}
	if change != nil {
		change(d)
	}
	if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
		return d, err
	}
	return d, models.InsertAddressees(ctx, tx, []models.Addressee{{Dispatch: id, Actor: deskOffice, Host: "ministry.example", Role: role, Local: true}})
}

func query(folder string, limit int) models.DeskQuery {
	r := audience.Reader{Actor: deskReader, Offices: []iri.IRI{deskOffice}, Host: "ministry.example", Local: true, Ceiling: 3}
	q := models.DeskQuery{Holder: deskOffice, Readers: []iri.IRI{deskReader, deskOffice}, Folder: folder, Limit: limit, Now: noon}
	q.Cond, q.Args = audience.Bound(r, audience.Dispatches, noon)
	return q
}

func page(t *testing.T, s *models.Store, q models.DeskQuery) []*models.DeskRow {
	t.Helper()
	rows, err := models.DeskPage(t.Context(), s.R, q)
	must(t, err)
	return rows
}

// Whatever ties there are, and whatever arrives in between, each row is met once and in
// order.
func TestDeskPagesAreStable(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		var want []*models.Dispatch
		add := func(n int) {
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				d, err := arrive(ctx, tx, n, models.RoleAction, func(d *models.Dispatch) {
					d.PrecedenceRank, d.DistributedAt = int64(n%4+1), noon+models.Time(n%5)
				})
				want = append(want, d)
				return err
			})
		}
		in(t, s, seat)
		for n := range 53 {
			add(n)
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			_, err := arrive(ctx, tx, 900, models.RoleInfo, nil)
			return err
		})
		slices.SortFunc(want, func(a, b *models.Dispatch) int {
			return cmp.Or(cmp.Compare(b.PrecedenceRank, a.PrecedenceRank), cmp.Compare(b.DistributedAt, a.DistributedAt), strings.Compare(string(b.IRI), string(a.IRI)))
		})
		var got []*models.DeskRow
		q := query(models.FolderAction, 7)
		for turn := 0; ; turn++ {
			rows := page(t, s, q)
			got = append(got, rows...)
			if len(rows) < q.Limit {
				break
			}
			q.After = rows[len(rows)-1].Key
			in(t, s, func(ctx context.Context, tx bun.Tx) error { // before the place where the reader is
				_, err := arrive(ctx, tx, 100+turn, models.RoleAction, func(d *models.Dispatch) { d.PrecedenceRank, d.DistributedAt = 4, noon+100 })
				return err
			})
		}
		if len(got) != 53 {
			t.Fatalf("%d rows", len(got))
		}
		for i, r := range got {
			if r.IRI != want[i].IRI {
				t.Fatalf("row %d is %s, want %s", i, r.IRI, want[i].IRI)
			}
		}
		if r := got[0]; r.AuthorName != "Embassy Ankara" || !r.Unread || !r.Waiting || r.Role != models.RoleAction || r.Excerpt != "First words." || r.Addressees != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// What a folder says follows what was done, and corrections, withdrawals and receipts.
func TestDeskFollowsWhatWasDone(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		counts := func() models.DeskCount {
			t.Helper()
			all, err := models.DeskCounts(ctx, s.R, deskReader, 3, noon)
			must(t, err)
			if len(all) != 2 || all[0].IRI != deskOffice || all[1].IRI != deskReader {
				t.Fatalf("counts %+v", all)
			}
			return all[0]
		}
		var one, two, over *models.Dispatch
		in(t, s, seat)
		in(t, s, func(ctx context.Context, tx bun.Tx) (err error) {
			if one, err = arrive(ctx, tx, 1, models.RoleAction, func(d *models.Dispatch) { d.DueAt = noon - 1 }); err != nil {
				return err
			}
			if two, err = arrive(ctx, tx, 2, models.RoleInfo, nil); err != nil {
				return err
			}
			over, err = arrive(ctx, tx, 3, models.RoleAction, func(d *models.Dispatch) { d.MarkingRank = 4 })
			return err
		})
		if c := counts(); c.Action != 2 || c.ActionUnread != 2 || c.Info != 1 || !c.Named || c.Archive {
			t.Errorf("at first %+v", c)
		}
		if rows := page(t, s, query(models.FolderAction, 10)); len(rows) != 1 || rows[0].IRI == over.IRI {
			t.Errorf("a row above the reader's ceiling is listed: %d rows", len(rows))
		}
		q := query(models.FolderAction, 10)
		q.State = models.DeskOverdue
		if rows := page(t, s, q); len(rows) != 1 || rows[0].IRI != one.IRI {
			t.Errorf("overdue: %d rows", len(rows))
		}
		must(t, models.SaveRegistration(ctx, s.W, &models.Registration{Dispatch: one.IRI, Office: deskOffice, ReadAt: noon + 1, ReadBy: deskReader}))
		if c := counts(); c.Action != 2 || c.ActionUnread != 1 {
			t.Errorf("once read %+v", c)
		}
		must(t, models.SaveRegistration(ctx, s.W, &models.Registration{Dispatch: one.IRI, Office: deskOffice, Number: "64/1", RegisteredAt: noon + 2, RegisteredBy: deskReader, ReadAt: noon + 1, ReadBy: deskReader, TakenAt: noon + 3, TakenBy: deskReader}))
		if c := counts(); c.Action != 1 {
			t.Errorf("once taken %+v", c)
		}
		rows := page(t, s, query(models.FolderRegistered, 10))
		if len(rows) != 1 || rows[0].By != "Desk officer" || rows[0].Number != "64/1" || rows[0].TakenAt != noon+3 || rows[0].Unread || rows[0].Waiting {
			t.Errorf("registered: %+v", rows)
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			return models.WithdrawDispatch(ctx, tx, two.IRI, models.DispatchWithdrawn, []byte("stone"), "", noon+4)
		})
		if c := counts(); c.Info != 0 {
			t.Errorf("a withdrawn dispatch waits: %+v", c)
		}
		if rows := page(t, s, query(models.FolderInfo, 10)); len(rows) != 1 || rows[0].Excerpt != "" || rows[0].Subject != "" || rows[0].State != models.DispatchWithdrawn {
			t.Errorf("withdrawn: %+v", rows)
		}
		// A correction may raise the precedence: the row moves.
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if _, err := arrive(ctx, tx, 4, models.RoleAction, func(d *models.Dispatch) { d.PrecedenceRank = 2 }); err != nil {
				return err
			}
			next := *one
			next.ID, next.Version, next.PrecedenceRank = 0, 2, 4
			_, err := models.InsertDispatch(ctx, tx, &next)
			return err
		})
		if rows := page(t, s, query(models.FolderAction, 10)); len(rows) != 2 || rows[0].IRI != one.IRI || rows[0].Version != 2 {
			t.Errorf("a corrected dispatch keeps its old place: %+v", rows)
		}
	})
}

// A sent dispatch is set aside while somebody does not have it.
func TestDeskSetsAside(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		id := iri.IRI("https://ministry.example/d/1")
		in(t, s, seat)
		evidence := func(who iri.IRI, station string) {
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				return models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: id, Version: 1, Addressee: who, Station: station, ByActor: deskOffice, At: noon})
			})
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if _, err := models.InsertDispatch(ctx, tx, &models.Dispatch{IRI: id, Version: 1, Origin: models.OriginIssued, Author: deskOffice, AuthorHost: "ministry.example", Reference: "STATE 2026/000001", Kind: "cable",
				Subject: "Sent", Precedence: "ROUTINE", PrecedenceRank: 1, Marking: "LIMITED", MarkingRank: 3, Activity: id + "/a", Document: []byte("{}"), Digest: "d", State: models.DispatchInForce, CreatedAt: noon}); err != nil {
				return err
			}
			if err := models.InsertTags(ctx, tx, id, []string{"CY", "UN", "CY"}); err != nil {
				return err
			}
			if err := models.InsertReferences(ctx, tx, []models.DispatchReference{{Dispatch: id, Target: "https://embassy.example/d/1", Label: "ANKARA 2026/000001"}}); err != nil {
				return err
			}
			return models.InsertAddressees(ctx, tx, []models.Addressee{{Dispatch: id, Actor: deskPeer, Host: "embassy.example", Role: models.RoleAction}, {Dispatch: id, Actor: deskPeer + "-2", Host: "embassy.example", Role: models.RoleInfo}})
		})
		evidence(deskPeer, models.Delivered)
		if rows := page(t, s, query(models.FolderAside, 10)); len(rows) != 0 {
			t.Errorf("nothing is late, yet: %+v", rows)
		}
		evidence(deskPeer+"-2", models.LateMark)
		aside := page(t, s, query(models.FolderAside, 10))
		if len(aside) != 1 || aside[0].Have != 1 || aside[0].Stuck != 1 || aside[0].Addressees != 2 || aside[0].First != "Embassy Ankara" {
			t.Fatalf("set aside: %+v", aside)
		}
		if got := fmt.Sprint(aside[0].Tags, aside[0].References); got != "[CY UN] [ANKARA 2026/000001]" {
			t.Errorf("labels %s", got)
		}
		q := query(models.FolderSent, 10)
		for what, change := range map[string]func(*models.DeskQuery){"tag": func(q *models.DeskQuery) { q.Tag = "UN" }, "peer": func(q *models.DeskQuery) { q.Peer = "embassy.example" }, "stuck": func(q *models.DeskQuery) { q.State = models.DeskStuck }} {
			n := q
			if change(&n); len(page(t, s, n)) != 1 {
				t.Errorf("not found by %s", what)
			}
		}
		for what, change := range map[string]func(*models.DeskQuery){"tag": func(q *models.DeskQuery) { q.Tag = "FR" }, "peer": func(q *models.DeskQuery) { q.Peer = "other.example" },
			"kind": func(q *models.DeskQuery) { q.Kind = "nonPaper" }, "time": func(q *models.DeskQuery) { q.From = noon + 1 }, "marking": func(q *models.DeskQuery) { q.Marking = 1 },
			"precedence": func(q *models.DeskQuery) { q.Precedence = 4 }, "language": func(q *models.DeskQuery) { q.Language = "fr" }, "withdrawn": func(q *models.DeskQuery) { q.State = models.DeskWithdrawn }} {
			n := q
			if change(&n); len(page(t, s, n)) != 0 {
				t.Errorf("found by another %s", what)
			}
		}
		all, err := models.DeskCounts(ctx, s.R, deskReader, 3, noon)
		must(t, err)
		if all[0].Aside != 1 {
			t.Errorf("%+v", all[0])
		}
		evidence(deskPeer+"-2", models.Delivered)
		if rows := page(t, s, query(models.FolderAside, 10)); len(rows) != 0 {
			t.Errorf("it was delivered: %+v", rows)
		}
		must(t, models.ForgetStuck(ctx, s.W))
		var left int
		if err := s.R.NewRaw(`SELECT COUNT(*) FROM addressees WHERE stuck`).Scan(ctx, &left); err != nil || left != 0 {
			t.Errorf("%d rows are stuck for ever (%v)", left, err)
		}
	})
}

// What is stored at once with a new dispatch is what the lists would be brought in line
// with afterwards.
func TestANewDispatchIsOnTheLists(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		marks := func(id iri.IRI) []string {
			var out []string
			must(t, s.R.NewRaw(`SELECT actor || ' ' || role || ' ' || precedence_rank || ' ' || distributed_at || ' ' || unread || ' ' || waiting || ' ' || registered || ' ' || stuck
				FROM addressees WHERE dispatch = ? ORDER BY actor`, id).Scan(t.Context(), &out))
			return out
		}
		for n, change := range []func(*models.Dispatch){
			func(*models.Dispatch) {},
			func(d *models.Dispatch) { d.PrecedenceRank, d.DistributedAt = 3, noon+5 },
			func(d *models.Dispatch) { d.Origin = models.OriginArchive },
			func(d *models.Dispatch) { d.State = models.DispatchWithdrawn },
			func(d *models.Dispatch) { d.Document = nil },
		} {
			var want, got []string
			for i, together := range []bool{false, true} {
				id := iri.IRI(fmt.Sprintf("https://embassy.example/d/%d-%d", n, i))
				d := &models.Dispatch{IRI: id, Version: 1, Origin: models.OriginReceived, Author: deskPeer, AuthorHost: "embassy.example", PrecedenceRank: 1, Activity: id + "/a",
					Document: []byte("{}"), State: models.DispatchInForce, PublishedAt: noon, DistributedAt: noon, CreatedAt: noon}
				change(d)
				to := []models.Addressee{{Dispatch: id, Actor: deskOffice, Host: "ministry.example", Role: models.RoleAction, Local: true},
					{Dispatch: id, Actor: deskReader, Host: "ministry.example", Role: models.RoleInfo, Local: true}, {Dispatch: id, Actor: deskPeer, Host: "embassy.example", Role: models.RoleInfo}}
				must(t, s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
					if together {
						fresh, err := models.InsertNewDispatch(ctx, tx, d, to)
						if err == nil && (!fresh || !d.Latest) {
							t.Errorf("%s: fresh %v, latest %v", id, fresh, d.Latest)
						}
						return err
					}
					if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
						return err
					}
					return models.InsertAddressees(ctx, tx, to)
				}))
				want, got = got, marks(id)
			}
			if len(got) != 3 || !slices.Equal(got, want) {
				t.Errorf("case %d: at once %q, in line %q", n, got, want)
			}
		}
	})
}
