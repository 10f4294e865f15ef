package models_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func TestKeys(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		key := func(id, kind, public string) *models.Key {
			k := &models.Key{Actor: ministry, KeyID: ministry + iri.IRI(id), Type: kind, Public: public, Sealed: []byte{0, 255, 1}, State: models.KeyActive, CreatedAt: noon}
			must(t, models.InsertKey(ctx, s.W, k))
			return k
		}
		rsa := key("#rsa", "rsa", "pem 1")
		ed := key("#ed-1", "ed25519", "z1")
		if err := models.InsertKey(ctx, s.W, &models.Key{Actor: ministry, KeyID: rsa.KeyID, Public: "pem 1", State: models.KeyActive}); !models.IsConflict(err) {
			t.Errorf("the same value under the same id: %v", err)
		}
		rsa.State, rsa.RevokedAt, rsa.RevocationReason, rsa.Entry = models.KeyRetired, noon+5, "rotation", []byte("entry")
		must(t, models.SetKeyState(ctx, s.W, rsa))
		second := key("#rsa", "rsa", "pem 2")
		rows, err := models.KeyByID(ctx, s.R, rsa.KeyID)
		must(t, err)
		if len(rows) != 2 || rows[0].ID != second.ID || fmt.Sprint(*rows[1]) != fmt.Sprint(*rsa) {
			t.Errorf("the values behind one id, active first: %+v", rows)
		}
		if k, err := models.ActiveKey(ctx, s.R, ministry, "rsa"); err != nil || k.ID != second.ID {
			t.Errorf("active: %+v (%v)", k, err)
		}
		if all, err := models.KeysOf(ctx, s.R, ministry); err != nil || len(all) != 3 || all[0].ID != second.ID || all[1].ID != ed.ID {
			t.Errorf("all, newest first: %+v (%v)", all, err)
		}
		ed.State = models.KeyCompromised
		must(t, models.SetKeyState(ctx, s.W, ed))
		if _, err := models.ActiveKey(ctx, s.R, ministry, "ed25519"); !models.NotFound(err) {
			t.Errorf("a compromised key is active: %v", err)
		}

		for _, doc := range []string{"first", "second"} {
			must(t, models.KeepKeyDocument(ctx, s.W, "digest", []byte(doc), noon))
		}
		if doc, err := models.KeyDocument(ctx, s.R, "digest"); err != nil || string(doc) != "first" {
			t.Errorf("document %q (%v)", doc, err)
		}
		if _, err := models.KeyDocument(ctx, s.R, "other"); !models.NotFound(err) {
			t.Errorf("a document never seen: %v", err)
		}
	})
}

func TestActivities(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		add := func(id, kind string, object iri.IRI) *models.Activity {
			a := &models.Activity{IRI: "https://ministry.example/a/" + iri.IRI(id), Actor: ministry, Type: kind, ObjectID: object, Bytes: []byte(id + "\x00"), Digest: id, CreatedAt: noon}
			must(t, models.InsertActivity(ctx, s.W, a))
			return a
		}
		a := add("1", "Create", cable)
		add("2", "Delete", cable)
		add("3", "Create", cable+"2")
		if err := models.InsertActivity(ctx, s.W, a); !models.IsConflict(err) {
			t.Errorf("a repeated id: %v", err)
		}
		if got, err := models.ActivityByIRI(ctx, s.R, a.IRI); err != nil || fmt.Sprint(*got) != fmt.Sprint(*a) {
			t.Errorf("got %+v (%v)", got, err)
		}
		must(t, models.EraseActivityBytes(ctx, s.W, nil))
		must(t, models.EraseActivityBytes(ctx, s.W, []iri.IRI{cable}))
		for _, id := range []iri.IRI{"1", "2", "3"} {
			r, err := models.ActivityByIRI(ctx, s.R, "https://ministry.example/a/"+id)
			must(t, err)
			if erased := r.Bytes == nil; erased != (r.Digest == "1") {
				t.Errorf("activity %s: bytes %q", r.Digest, r.Bytes)
			}
		}
	})
}

// Whoever appends at once forms one chain.
func TestAuditIsOneChain(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if _, err := models.LastAudit(ctx, tx); !models.NotFound(err) {
				t.Errorf("an empty trail: %v", err)
			}
			return nil
		})
		hash := func(previous string, i int) string {
			sum := sha256.Sum256(fmt.Append(nil, previous, i))
			return hex.EncodeToString(sum[:])
		}
		for _, err := range gather(t, s, 20, func(ctx context.Context, tx bun.Tx, i int) error {
			last, err := models.LastAudit(ctx, tx)
			if err != nil && !models.NotFound(err) {
				return err
			}
			act := "release"
			if i%2 == 1 {
				act = "sign-in failed"
			}
			return models.InsertAudit(ctx, tx, &models.AuditEntry{At: noon, Actor: string(alice), Act: act, Object: fmt.Sprint(i), Detail: "d", Previous: last.Hash, Hash: hash(last.Hash, i)})
		}) {
			must(t, err)
		}
		all, err := models.AuditAfter(t.Context(), s.R, 0, "", "", 100)
		must(t, err)
		if len(all) != 20 {
			t.Fatalf("%d entries, want 20", len(all))
		}
		previous := ""
		for _, e := range all {
			if e.Previous != previous {
				t.Fatalf("entry %d does not follow the one before it", e.ID)
			}
			previous = e.Hash
		}
		for _, c := range []struct {
			after       int64
			object, act string
			want        int
		}{{0, "", "release", 10}, {0, "4", "", 1}, {0, "4", "sign-in failed", 0}, {all[14].ID, "", "", 5}} {
			if rows, err := models.AuditAfter(t.Context(), s.R, c.after, c.object, c.act, 100); err != nil || len(rows) != c.want {
				t.Errorf("%+v: %d entries (%v)", c, len(rows), err)
			}
		}
	})
}

func TestNotices(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		for i := range 3 {
			must(t, models.InsertNotice(ctx, s.W, &models.Notice{Recipient: models.Operator, Kind: "delivery failed", Subject: fmt.Sprint(i), Detail: "\xff", CreatedAt: noon}))
		}
		must(t, models.InsertNotice(ctx, s.W, &models.Notice{Recipient: alice, Kind: "delivery failed", CreatedAt: noon}))
		page, err := models.Notices(ctx, s.R, models.Operator, 0, 2)
		must(t, err)
		if len(page) != 2 || page[0].Subject != "2" || page[0].Detail != "\uFFFD" {
			t.Fatalf("newest first: %+v", page)
		}
		if page, err = models.Notices(ctx, s.R, models.Operator, page[1].ID, 2); err != nil || len(page) != 1 || page[0].Subject != "0" {
			t.Errorf("the next page: %+v (%v)", page, err)
		}
	})
}
