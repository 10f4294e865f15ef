package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// wants makes a person one who wants mails.
func wants(t *testing.T, s *models.Store, person iri.IRI) {
	t.Helper()
	must(t, models.SetPreferences(t.Context(), s.W, &models.Preferences{Person: person, Notify: true}))
	must(t, models.SetEmail(t.Context(), s.W, person, "her@post.example"))
	if ok, err := models.ProveEmail(t.Context(), s.W, person, "her@post.example", noon); err != nil || !ok {
		t.Fatalf("address not proved: %v", err)
	}
}

func mailsDue(t *testing.T, s *models.Store, now models.Time) map[iri.IRI]models.DueMail {
	t.Helper()
	rows, err := models.DueMails(t.Context(), s.R, now, 50)
	must(t, err)
	out := map[iri.IRI]models.DueMail{}
	for _, d := range rows {
		out[d.Person] = d
	}
	return out
}

// A notice and what makes a mail of it are kept together or not at all, for each person
// whom it is for and who wants mails.
func TestNoticesMakeMails(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		wants(t, s, alice)
		wants(t, s, bob)
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if _, err := models.GrantOperator(ctx, tx, bob, "test", noon); err != nil {
				return err
			}
			if err := models.GrantMandate(ctx, tx, &models.Mandate{Office: ministry, Person: alice, Act: models.ActRead, GrantedAt: noon}); err != nil {
				return err
			}
			return models.GrantMandate(ctx, tx, &models.Mandate{Office: embassy, Person: alice, Act: models.ActRead, GrantedAt: noon, EndsAt: noon})
		})
		for _, c := range []struct {
			to   iri.IRI
			want []iri.IRI
		}{
			{alice, []iri.IRI{alice}}, {ministry, []iri.IRI{alice}}, {models.Operator, []iri.IRI{bob}},
			{embassy, nil}, // her term is over
			{expert, nil},
		} {
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				return models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.to, Kind: "k", Subject: "x", CreatedAt: noon})
			})
			got := mailsDue(t, s, noon)
			if len(got) != len(c.want) {
				t.Errorf("%s: %v, want %v", c.to, got, c.want)
			}
			for _, who := range c.want {
				if _, ok := got[who]; !ok {
					t.Errorf("%s: no mail to %s", c.to, who)
				}
			}
			must(t, models.DropMails(t.Context(), s.W))
		}
		err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: alice, CreatedAt: noon}); err != nil {
				return err
			}
			return errRollBack
		})
		if got := mailsDue(t, s, noon); !errors.Is(err, errRollBack) || len(got) != 0 {
			t.Errorf("a notice that was taken back is mailed: %v", got)
		}
		must(t, models.DoubtEmail(t.Context(), s.W, alice))
		must(t, models.InsertNotice(t.Context(), s.W, &models.Notice{Recipient: alice, CreatedAt: noon}))
		if got := mailsDue(t, s, noon); len(got) != 0 {
			t.Errorf("an address that is not proved gets mails: %v", got)
		}
	})
}

// One process has a mail; what arrives while it is sent waits for the next one, whose
// time the last one sets.
func TestMailsAreLeased(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		must(t, models.QueueMail(t.Context(), s.W, alice, models.MailNotice, noon))
		must(t, models.QueueMail(t.Context(), s.W, alice, models.MailNotice, noon))
		d := mailsDue(t, s, noon)[alice]
		taken := 0
		for _, err := range gather(t, s, 8, func(ctx context.Context, tx bun.Tx, _ int) error {
			ok, err := models.LeaseMail(ctx, tx, d, noon, noon.Add(time.Minute))
			if err == nil && !ok {
				return errRollBack
			}
			return err
		}) {
			if err == nil {
				taken++
			} else if !errors.Is(err, errRollBack) {
				t.Error(err)
			}
		}
		if taken != 1 || len(mailsDue(t, s, noon)) != 0 {
			t.Fatalf("%d processes have the mail", taken)
		}
		must(t, models.QueueMail(t.Context(), s.W, alice, models.MailNotice, noon))
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			return models.MailSent(ctx, tx, d, noon, noon.Add(time.Hour))
		})
		if got := mailsDue(t, s, noon.Add(59*time.Minute)); len(got) != 0 {
			t.Errorf("a second mail within the hour: %v", got)
		}
		later := mailsDue(t, s, noon.Add(time.Hour))[alice]
		if later.UpTo <= d.UpTo {
			t.Errorf("what came meanwhile is lost: %+v", later)
		}
		// A process that died gives its mail back when its lease is over.
		ok, err := models.LeaseMail(t.Context(), s.W, later, noon.Add(time.Hour), noon.Add(61*time.Minute))
		must(t, err)
		if got := mailsDue(t, s, noon.Add(61*time.Minute)); !ok || len(got) != 1 {
			t.Errorf("a dead process keeps its mail: %v", got)
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			return models.MailFailed(ctx, tx, later, "the server is down", noon.Add(2*time.Hour), false)
		})
		rows, err := models.MailTroubles(t.Context(), s.R, "", 10)
		must(t, err)
		if len(rows) != 1 || rows[0].Person != alice || rows[0].Reason != "the server is down" || rows[0].Attempts != 1 {
			t.Errorf("troubles: %+v", rows)
		}
	})
}

// A colleague's reading does not hide a notice of their office, and nobody reads or
// counts what is not for her.
func TestNoticesAreReadByEach(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			for _, who := range []iri.IRI{alice, bob} {
				if err := models.GrantMandate(ctx, tx, &models.Mandate{Office: ministry, Person: who, Act: models.ActDraft, GrantedAt: noon}); err != nil {
					return err
				}
			}
			for _, to := range []iri.IRI{ministry, alice, embassy, models.Operator, ministry, bob} {
				if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: to, Kind: "k", Subject: string(to), CreatedAt: noon}); err != nil {
					return err
				}
			}
			return nil
		})
		unread := func(who iri.IRI, want int64) {
			t.Helper()
			n, err := models.UnreadNotices(t.Context(), s.R, who, noon)
			must(t, err)
			rows, err := models.NoticesFor(t.Context(), s.R, who, true, 0, 50, noon)
			must(t, err)
			if n != want || int64(len(rows)) != want {
				t.Errorf("%s: %d unread, %d listed, want %d", who, n, len(rows), want)
			}
		}
		all := func(who iri.IRI, before int64) []models.HerNotice {
			t.Helper()
			rows, err := models.NoticesFor(t.Context(), s.R, who, false, before, 2, noon)
			must(t, err)
			return rows
		}
		unread(alice, 3)
		unread(bob, 3)
		unread(expert, 0)
		first := all(alice, 0)
		next := all(alice, first[len(first)-1].ID)
		if len(first) != 2 || len(next) != 1 || first[0].ID <= first[1].ID || first[1].ID <= next[0].ID || !next[0].Unread {
			t.Fatalf("pages: %+v, %+v", first, next)
		}
		ids := []int64{first[0].ID, 3, 4} // 3 and 4 are for the embassy and the operator
		for range 2 {
			in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.ReadNotices(ctx, tx, alice, ids, noon) })
		}
		unread(alice, 2)
		unread(bob, 3)
		if got := all(bob, first[0].ID+1); got[0].ReadAt != noon || !got[0].Unread {
			t.Errorf("bob sees %+v", got[0])
		}
		if rows, err := models.Notices(t.Context(), s.R, embassy, 0, 5); err != nil || rows[0].ReadAt != 0 {
			t.Errorf("a stranger has read %+v (%v)", rows, err)
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.ReadAllNotices(ctx, tx, alice, first[0].ID) })
		unread(alice, 0)
		unread(bob, 3)
		in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.ReadAllNotices(ctx, tx, alice, 1) })
		unread(alice, 0)
		_, err := models.GrantOperator(t.Context(), s.W, bob, "test", noon)
		must(t, err)
		unread(bob, 4)
	})
}
