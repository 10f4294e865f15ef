package models_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func version(n int64) *models.Dispatch {
	return &models.Dispatch{
		IRI: cable, Version: n, Origin: models.OriginIssued, Author: ministry, AuthorHost: "ministry.example", Reference: "EUR 2026/000001",
		Kind: "cable", Subject: fmt.Sprint("Subject ", n), Precedence: "PRIORITY", PrecedenceRank: 1, Marking: "LIMITED", MarkingRank: 2,
		Language: "en", Context: cable + "/thread", Activity: iri.IRI(fmt.Sprintf("https://ministry.example/a/%d", n)), Document: []byte(fmt.Sprint("document ", n)),
		Digest: fmt.Sprint("sha256:", n), Signatory: alice, ChangeNote: fmt.Sprint("change ", n), State: models.DispatchInForce,
		PublishedAt: noon, DistributedAt: noon, UpdatedAt: noon + models.Time(n), DueAt: noon + 1000, CreatedAt: noon,
	}
}

func insertDispatch(t *testing.T, s *models.Store, d *models.Dispatch) (isNew bool) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx bun.Tx) (err error) {
		isNew, err = models.InsertDispatch(ctx, tx, d)
		return err
	})
	return isNew
}

func latest(t *testing.T, s *models.Store, want int64) *models.Dispatch {
	t.Helper()
	d, err := models.DispatchByIRI(t.Context(), s.R, cable)
	must(t, err)
	if d.Version != want {
		t.Errorf("the latest version is %d, want %d", d.Version, want)
	}
	all, err := models.Versions(t.Context(), s.R, cable)
	must(t, err)
	for _, v := range all {
		if v.Latest != (v.Version == want) {
			t.Errorf("version %d: latest is %v", v.Version, v.Latest)
		}
	}
	return d
}

func TestDispatchIsKeptWhole(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		want := version(1)
		want.Community, want.SupersededBy, want.WithdrawnAt = group, cable+"2", noon+5
		if !insertDispatch(t, s, want) || !want.Latest {
			t.Fatal("not new, or not the latest")
		}
		got := latest(t, s, 1)
		want.ID = got.ID
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", *want) {
			t.Errorf("got  %+v\nwant %+v", *got, *want)
		}
	})
}

func TestDispatchVersionsComeInAnyOrder(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		for _, c := range []struct {
			version int64
			isNew   bool
			latest  int64
		}{{2, true, 2}, {1, true, 2}, {4, true, 4}, {3, true, 4}, {4, false, 4}, {2, false, 4}} {
			d := version(c.version)
			d.Latest = true // the store decides
			if !c.isNew {
				d.Subject = "again"
			}
			if got := insertDispatch(t, s, d); got != c.isNew {
				t.Errorf("version %d is new: %v", c.version, got)
			}
			latest(t, s, c.latest)
		}
		d, err := models.DispatchVersion(ctx, s.R, cable, 2)
		must(t, err)
		if d.Subject != "Subject 2" {
			t.Errorf("a version that is there was replaced: %q", d.Subject)
		}
		if d, err = models.DispatchByReference(ctx, s.R, "EUR 2026/000001"); err != nil || d.Version != 4 {
			t.Errorf("by reference: %+v (%v)", d, err)
		}
		if _, err := models.DispatchVersion(ctx, s.R, cable, 9); !models.NotFound(err) {
			t.Errorf("a version that is not there: %v", err)
		}
	})
}

// Of versions that come at once some may have to come again; there is one latest.
func TestDispatchVersionsAtOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const n = 8
		for round := 0; ; round++ {
			failed := 0
			for _, err := range gather(t, s, n, func(ctx context.Context, tx bun.Tx, i int) error {
				_, err := models.InsertDispatch(ctx, tx, version(int64(i+1)))
				return err
			}) {
				if err != nil {
					failed++
					if !models.IsConflict(err) {
						t.Error(err)
					}
				}
			}
			if failed == 0 {
				break
			}
			if round > n {
				t.Fatalf("%d of %d still fail", failed, n)
			}
		}
		latest(t, s, n)
	})
}

func TestReferenceIsUsedOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		insertDispatch(t, s, version(1))
		second := version(1)
		second.IRI += "-other"
		err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := models.InsertDispatch(ctx, tx, second)
			return err
		})
		if !models.IsConflict(err) {
			t.Errorf("a number of ours used twice: %v", err)
		}
		second.Origin = models.OriginArchive
		if !insertDispatch(t, s, second) {
			t.Error("an archive record may bear any number")
		}
	})
}

func TestWithdrawDispatch(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		insertDispatch(t, s, version(1))
		insertDispatch(t, s, version(2))
		withdraw := func(state string, by iri.IRI, at models.Time) []*models.Dispatch {
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				return models.WithdrawDispatch(ctx, tx, cable, state, []byte("tombstone"), by, at)
			})
			all, err := models.Versions(t.Context(), s.R, cable)
			must(t, err)
			if len(all) != 2 {
				t.Fatalf("%d versions", len(all))
			}
			return all
		}
		for _, d := range withdraw(models.DispatchSuperseded, cable+"2", noon+5) {
			if d.State != models.DispatchSuperseded || d.SupersededBy != cable+"2" || d.Document == nil || d.Subject == "" || string(d.Tombstone) != "tombstone" {
				t.Errorf("superseded: %+v", d)
			}
		}
		for _, d := range withdraw(models.DispatchWithdrawn, "", noon+6) {
			if d.Document != nil || d.Subject != "" || d.ChangeNote != "" {
				t.Errorf("text of version %d is still there: %+v", d.Version, d)
			}
			if d.State != models.DispatchWithdrawn || d.WithdrawnAt != noon+6 || d.Digest == "" || d.Reference == "" || string(d.Tombstone) != "tombstone" {
				t.Errorf("evidence of version %d: %+v", d.Version, d)
			}
		}
		latest(t, s, 2)
	})
}

func TestAddresseesReferencesAttachments(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		to := []models.Addressee{{Dispatch: cable, Actor: embassy, Host: "embassy.example", Role: models.RoleInfo},
			{Dispatch: cable, Actor: ministry, Host: "ministry.example", Role: models.RoleAction, Local: true}}
		files := []models.Attachment{{Dispatch: cable, Digest: "d2", Position: 2, Name: "b", State: models.AttachmentMissing, NextAt: noon + 10},
			{Dispatch: cable, Digest: "d1", Position: 1, Name: "a", MediaType: "application/pdf", Size: 7, URL: cable + "/f", State: models.AttachmentMissing, NextAt: noon}}
		for range 2 {
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				must(t, models.InsertAddressees(ctx, tx, nil))
				must(t, models.InsertAddressees(ctx, tx, to))
				must(t, models.InsertReferences(ctx, tx, []models.DispatchReference{{Dispatch: cable, Target: cable + "0", Label: "REF A", Digest: "x"}}))
				return models.InsertAttachments(ctx, tx, files)
			})
		}
		if got, err := models.AddresseesOf(ctx, s.R, cable); err != nil || len(got) != 2 || got[0] != to[1] || got[1] != to[0] {
			t.Errorf("addressees, ACTION first: %+v (%v)", got, err)
		}
		if got, err := models.ReferencesOf(ctx, s.R, cable); err != nil || len(got) != 1 || got[0].Label != "REF A" {
			t.Errorf("references: %+v (%v)", got, err)
		}
		if got, err := models.AttachmentsOf(ctx, s.R, cable); err != nil || len(got) != 2 || got[0] != files[1] || got[1] != files[0] {
			t.Errorf("attachments, in order: %+v (%v)", got, err)
		}
		missing, err := models.MissingAttachments(ctx, s.R, noon, 10)
		must(t, err)
		if len(missing) != 1 || missing[0].Digest != "d1" {
			t.Fatalf("to be fetched: %+v", missing)
		}
		missing[0].State, missing[0].Attempts = models.AttachmentHere, 1
		must(t, models.SaveAttachment(ctx, s.W, &missing[0]))
		if got, err := models.MissingAttachments(ctx, s.R, noon+10, 10); err != nil || len(got) != 1 || got[0].Digest != "d2" {
			t.Errorf("to be fetched later: %+v (%v)", got, err)
		}
		if got, err := models.AttachmentsByDigest(ctx, s.R, "d1"); err != nil || len(got) != 1 || got[0].State != models.AttachmentHere {
			t.Errorf("by digest: %+v (%v)", got, err)
		}
	})
}

func TestRegistrations(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		if _, err := models.RegistrationOf(ctx, s.R, cable, embassy); !models.NotFound(err) {
			t.Fatalf("nothing done yet: %v", err)
		}
		r := &models.Registration{Dispatch: cable, Office: embassy, Number: "IN 7", RegisteredAt: noon, RegisteredBy: alice}
		must(t, models.SaveRegistration(ctx, s.W, r))
		r.ReadAt, r.ReadBy, r.TakenAt, r.TakenBy = noon+1, alice, noon+2, bob
		must(t, models.SaveRegistration(ctx, s.W, r))
		if got, err := models.RegistrationOf(ctx, s.R, cable, embassy); err != nil || *got != *r {
			t.Errorf("got %+v (%v)", got, err)
		}
	})
}

func TestEvidenceCountsTheFirstTime(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		row := func(v int64, to iri.IRI, station string, at models.Time) *models.Evidence {
			return &models.Evidence{Dispatch: cable, Version: v, Addressee: to, Station: station, ByActor: to, At: at, Detail: fmt.Sprint(at), Document: []byte("receipt")}
		}
		add := func(rows ...*models.Evidence) {
			in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.InsertEvidence(ctx, tx, rows...) })
		}
		add()
		add(row(1, embassy, models.Delivered, noon+2), row(1, embassy, models.Submitted, noon), row(1, embassy, models.Delivered, noon+3))
		add(row(1, embassy, models.Delivered, noon+1), row(2, embassy, models.Delivered, noon+4), row(1, expert, models.Delivered, noon+5))
		got, err := models.EvidenceOf(t.Context(), s.R, cable, 10)
		must(t, err)
		var board []string
		for _, e := range got {
			board = append(board, fmt.Sprintf("%d %s %s %d", e.Version, e.Addressee.Host(), e.Station, e.At-noon))
		}
		expect(t, "the board", board, []string{"1 embassy.example submitted 0", "1 embassy.example delivered 2", "2 embassy.example delivered 4", "1 institute.example delivered 5"})
		if string(got[1].Document) != "receipt" || got[1].Detail != fmt.Sprint(noon+2) || got[1].ByActor != embassy {
			t.Errorf("got %+v", got[1])
		}

		handed := func(id string, to iri.IRI, version int64, at models.Time, state string) *models.Delivery {
			d := delivery(id, id, 0)
			d.ObjectID, d.ObjectVersion, d.Recipient, d.State, d.FinishedAt = cable, version, to, state, at
			return d
		}
		rows := []*models.Delivery{handed("1", embassy, 1, noon+1, models.DeliveryDone), handed("2", embassy, 1, noon+9, models.DeliveryDone), handed("3", embassy, 2, noon+3, models.DeliveryDone),
			handed("4", "", 2, noon+8, models.DeliveryDone), handed("5", expert, 2, noon+1, models.DeliveryFailed)}
		control := handed("6", expert, 2, noon+1, models.DeliveryDone)
		control.Purpose = models.PurposeControl
		rows = append(rows, control, handed("7", expert, 2, 0, models.DeliveryPending))
		queue(t, s, rows...)
		for _, d := range rows {
			d.ID = deliveryID(t, s, d.Activity)
		}
		finish(t, s, rows[:6]...)
		got, err = models.EvidenceOf(t.Context(), s.R, cable, 10)
		must(t, err)
		board = nil
		for _, e := range got {
			if e.Station == models.HandedOver {
				board = append(board, fmt.Sprintf("%d %s %d", e.Version, e.Addressee, e.At-noon))
			}
		}
		expect(t, "handed over", board, []string{"1 " + string(embassy) + " 1", "2 " + string(embassy) + " 3", "2 https://embassy.example/actor 8"})

		many := make([]*models.Evidence, 1100)
		for i := range many {
			many[i] = row(3, iri.IRI(fmt.Sprintf("https://h%d.example/u/1", i)), models.Submitted, noon+9)
		}
		add(many...)
		if got, err = models.EvidenceOf(t.Context(), s.R, cable, 5000); err != nil || len(got) != 1107 {
			t.Errorf("%d rows (%v), want 1107", len(got), err)
		}
	})
}
