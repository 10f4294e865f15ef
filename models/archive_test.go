package models_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	archiveDesk  = iri.IRI("https://ministry.example/o/archive")
	archiveOther = iri.IRI("https://ministry.example/o/other")
	salon        = iri.IRI("https://ministry.example/g/salon")
)

func archiveID(name string) iri.IRI { return iri.IRI("https://ministry.example/r/" + name) }

// archived keeps one record, dated by day of an imagined calendar.
func archived(t *testing.T, s *models.Store, office iri.IRI, volume string, position int64, day models.Time, community iri.IRI, message string) iri.IRI {
	t.Helper()
	id := archiveID(fmt.Sprintf("%s-%d", volume, position))
	from, until := day*86400000, (day+1)*86400000
	if day == 0 {
		from, until = models.ArchiveUndated, models.ArchiveUndated
	}
	in(t, s, func(ctx context.Context, tx bun.Tx) error {
		d := &models.Dispatch{IRI: id, Version: 1, Latest: true, Origin: models.OriginArchive, Author: office, AuthorHost: "ministry.example", Community: community,
			Reference: fmt.Sprintf("%s/d%d", volume, position), Kind: "telegram", Subject: string(id), Marking: "Secret", MarkingRank: 1, Activity: id,
			Document: []byte("{}"), Digest: "x", State: models.DispatchInForce, PublishedAt: from, DistributedAt: noon, CreatedAt: noon}
		if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
			return err
		}
		return models.InsertArchiveRecords(ctx, tx, []models.ArchiveRecord{{Dispatch: id, Office: office, Volume: volume, Position: position, DatedFrom: from, DatedUntil: until, Message: message}})
	})
	return id
}

// pages reads a whole list, two records a page.
func pages(t *testing.T, s *models.Store, q models.ArchiveQuery) string {
	t.Helper()
	var out []string
	q.Limit = 2
	for range 20 {
		rows, err := models.ArchivePlaces(t.Context(), s.R, q)
		must(t, err)
		for _, r := range rows {
			if r.Document != nil {
				t.Error("a list holds a text")
			}
			out = append(out, strings.TrimPrefix(string(r.IRI), "https://ministry.example/r/"))
		}
		if len(rows) < 2 {
			return strings.Join(out, " ")
		}
		last := rows[1]
		q.After = models.ArchiveCursor{At: int64(last.DatedFrom), Dispatch: last.IRI}
		if q.Volume != "" {
			q.After.At = last.Position
		}
	}
	t.Fatal("the list does not end")
	return ""
}

func TestArchiveLists(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		archived(t, s, archiveDesk, "v1", 2, -100, "", "")
		archived(t, s, archiveDesk, "v1", 1, 50, "", "")
		archived(t, s, archiveDesk, "v1", 10, 0, "", "")
		archived(t, s, archiveDesk, "v1", 3, 50, salon, "")
		archived(t, s, archiveOther, "v2", 1, 20, salon, "")
		must(t, models.SaveArchiveVolume(t.Context(), s.W, &models.ArchiveVolume{Volume: "v1", Title: "Volume one", ImportedAt: noon}))
		must(t, models.SaveCommunity(t.Context(), s.W, &models.Community{IRI: salon, Local: true, Name: "Salon", Office: archiveDesk, Ceiling: 2, CreatedAt: noon}))
		guest := iri.IRI("https://institute.example/u/ida")
		must(t, models.SaveMember(t.Context(), s.W, &models.Member{Community: salon, Actor: guest, Host: guest.Host(), Role: models.RoleGuest, Ceiling: 2, State: models.MemberActive, Since: noon, HistoryFrom: noon}))

		local := audience.Reader{Actor: alice, Host: alice.Host(), Local: true, Ceiling: 3}
		q := func(r audience.Reader) models.ArchiveQuery {
			cond, args := audience.Where(r, audience.Dispatches, noon+1)
			return models.ArchiveQuery{Cond: cond, Args: args}
		}
		all := q(local)
		if got := pages(t, s, all); got != "v1-2 v2-1 v1-1 v1-3 v1-10" {
			t.Errorf("oldest first, undated last: %s", got)
		}
		volume := all
		volume.Volume = "v1"
		if got := pages(t, s, volume); got != "v1-1 v1-2 v1-3 v1-10" {
			t.Errorf("a volume in printed order: %s", got)
		}
		office := all
		office.Office = archiveOther
		if got := pages(t, s, office); got != "v2-1" {
			t.Errorf("of an office: %s", got)
		}
		dated := all
		dated.From, dated.Until = 20*86400000, 50*86400000
		if got := pages(t, s, dated); got != "v2-1" {
			t.Errorf("of a span of time: %s", got)
		}
		shared := all
		shared.Community = salon
		if got := pages(t, s, shared); got != "v2-1 v1-3" {
			t.Errorf("of a community: %s", got)
		}
		outside := audience.Reader{Actor: guest, Host: guest.Host(), Standing: models.PeerGuest, Ceiling: 2}
		if got := pages(t, s, q(outside)); got != "v2-1 v1-3" {
			t.Errorf("a guest sees what her community holds: %s", got)
		}
		if got := pages(t, s, q(audience.Reader{Actor: guest + "2", Host: guest.Host(), Standing: models.PeerGuest, Ceiling: 2})); got != "" {
			t.Errorf("somebody else of her instance sees %s", got)
		}

		cond, args := all.Cond, all.Args
		volumes, err := models.ArchiveVolumes(t.Context(), s.R, cond, args, "", "", 10)
		must(t, err)
		if len(volumes) != 2 || *volumes[0] != (models.ArchiveVolumeCount{Volume: "v1", Title: "Volume one", Records: 4, First: -100 * 86400000, Last: 50 * 86400000}) || volumes[1].Records != 1 {
			t.Errorf("volumes: %+v, %+v", volumes[0], volumes[len(volumes)-1])
		}
		if volumes, err = models.ArchiveVolumes(t.Context(), s.R, cond, args, archiveDesk, "v1", 10); err != nil || len(volumes) != 0 {
			t.Errorf("volumes of an office after v1: %v (%v)", volumes, err)
		}
		cond, args = audience.Where(outside, audience.Dispatches, noon+1)
		if volumes, err = models.ArchiveVolumes(t.Context(), s.R, cond, args, "", "", 10); err != nil || len(volumes) != 2 || volumes[0].Records != 1 {
			t.Errorf("a guest's volumes count what she may see: %+v (%v)", volumes, err)
		}
	})
}

func TestArchiveLinks(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		first := archived(t, s, archiveDesk, "v", 1, 10, "", "ANKARA 1017")
		reply := archived(t, s, archiveDesk, "v", 2, 12, "", "STATE 69")
		later := archived(t, s, archiveDesk, "v", 3, 400, "", "ANKARA 1017") // the number, a year on
		note := archived(t, s, archiveDesk, "v", 4, 13, "", "")
		archived(t, s, archiveDesk, "v", 5, 11, "", "ATHENS 5")
		twin := archived(t, s, archiveDesk, "v", 6, 12, "", "ATHENS 5")
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if err := models.InsertArchiveCitations(ctx, tx, []models.ArchiveCitation{
				{Dispatch: reply, Message: "ANKARA 1017", Label: "Embtel 1017"}, {Dispatch: note, Message: "ATHENS 5", Label: "telegram 5 from Athens"},
			}); err != nil {
				return err
			}
			return models.InsertReferences(ctx, tx, []models.DispatchReference{{Dispatch: note, Target: first, Label: "Document 1"}})
		})
		links := func(ids ...iri.IRI) string {
			rows, err := models.ArchiveLinks(t.Context(), s.R, ids, 100)
			must(t, err)
			var out []string
			for _, l := range rows {
				out = append(out, fmt.Sprintf("%s>%s %v", l.Source[len(l.Source)-1:], l.Target[len(l.Target)-1:], l.Guessed))
			}
			return strings.Join(out, ", ")
		}
		for id, want := range map[iri.IRI]string{
			first: "2>1 true, 4>1 false", reply: "2>1 true", later: "",
			// Two records bear the number that it quotes: neither is guessed.
			note: "4>1 false", twin: "",
		} {
			if got := links(id); got != want {
				t.Errorf("links of %s: %q, want %q", id, got, want)
			}
		}
	})
}

func TestArchiveIsKeptOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		id := archived(t, s, archiveDesk, "v", 1, 10, "", "")
		same := archived(t, s, archiveOther, "v", 1, 99, "", "")
		if id != same {
			t.Fatal("the test's ids differ")
		}
		known, err := models.KnownArchive(t.Context(), s.R, []iri.IRI{id, id + "0"})
		if err != nil || len(known) != 1 || known[id] != (models.ArchiveKnown{IRI: id, Digest: "x"}) {
			t.Errorf("known: %v (%v)", known, err)
		}
		for _, c := range []iri.IRI{salon, salon + "2"} {
			in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.AttachArchive(ctx, tx, id, c, noon) })
		}
		d, err := models.DispatchByIRI(t.Context(), s.R, id)
		if err != nil || d.Author != archiveDesk || d.Community != salon || d.DistributedAt != noon {
			t.Errorf("the first import and the first community stay: %+v (%v)", d, err)
		}
		if known, _ = models.KnownArchive(t.Context(), s.R, []iri.IRI{id}); known[id].Community != salon {
			t.Errorf("known in %v", known)
		}
	})
}
