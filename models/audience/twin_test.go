package audience

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/uptrace/bun"
	"pgregory.net/rapid"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// TestMain makes rapid generate few worlds: each asks hundreds of questions.
func TestMain(m *testing.M) {
	flag.Parse()
	given := os.Getenv("RAPID_CHECKS") != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "100"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const own = iri.Host("ministry.example")

// Names and moments come from small sets, so that they meet. One host is the beginning
// of another, one speaks http, and some names differ in case alone.
var (
	hosts       = []iri.Host{own, "embassy.example", "embassy.example:8443", "institute.localhost:8080", "nowhere.example"}
	communities = []iri.IRI{"https://ministry.example/g/own", "https://embassy.example/g/r7", "http://institute.localhost:8080/g/unknown"}
	moments     = []models.Time{now - 3000, now - 2000, now - 1000, now, now + 1000}
)

func actor(h iri.Host, name string) iri.IRI { return iri.IRI(h.Base() + "/" + name) }

// world is what a generated store holds.
type world struct {
	peers       []models.Peer
	communities []models.Community
	members     []models.Member
	mandates    []models.Mandate
	dispatches  []models.Dispatch // versions of one id follow each other
	addressees  []models.Addressee
	comments    []models.Comment
}

var (
	drawHost   = rapid.SampledFrom(hosts)
	drawMoment = rapid.SampledFrom(moments)
	drawRank   = rapid.Int64Range(0, 3)
	drawName   = rapid.SampledFrom([]string{"u/a", "u/a", "o/x", "U/A"})
	drawClub   = rapid.SampledFrom(append([]iri.IRI{""}, communities...))
	drawActor  = rapid.Custom(func(t *rapid.T) iri.IRI { return actor(drawHost.Draw(t, "host"), drawName.Draw(t, "name")) })
	drawEnd    = rapid.SampledFrom([]models.Time{0, now - 1000, now, now + 1000})
	drawState  = rapid.SampledFrom([]string{models.MemberReserved, models.MemberActive, models.MemberLeft, models.MemberRemoved, models.MemberExpired})
	standings  = []string{models.PeerProposed, models.PeerAccredited, models.PeerAccredited, models.PeerGuest, models.PeerSuspended, models.PeerRefused}
)

func drawWorld(t *rapid.T) *world {
	w := &world{}
	for _, h := range hosts[1:4] {
		w.peers = append(w.peers, models.Peer{Host: h, State: rapid.SampledFrom(standings).Draw(t, "standing"), Ceiling: drawRank.Draw(t, "ceiling"), CreatedAt: now, UpdatedAt: now})
	}
	for i, id := range communities[:2] {
		w.communities = append(w.communities, models.Community{IRI: id, Local: i == 0, CreatedAt: now})
	}
	member := rapid.Custom(func(t *rapid.T) models.Member {
		a := drawActor.Draw(t, "actor")
		return models.Member{Community: rapid.SampledFrom(communities).Draw(t, "community"), Actor: a, Host: a.Host(), Role: models.RoleMember,
			Ceiling: rapid.SampledFrom([]int64{0, 2, 3}).Draw(t, "member's ceiling"), State: drawState.Draw(t, "state"), Form: models.FormAnnounce, Since: now - 3000,
			HistoryFrom: rapid.SampledFrom(moments[:3]).Draw(t, "window"), EndsAt: drawEnd.Draw(t, "ends"), LeftAt: drawMoment.Draw(t, "left")}
	})
	w.members = rapid.SliceOfNDistinct(member, 4, 12, func(m models.Member) iri.IRI { return m.Community + m.Actor }).Draw(t, "members")
	mandate := rapid.Custom(func(t *rapid.T) models.Mandate {
		return models.Mandate{Office: actor(own, drawName.Draw(t, "office")), Person: actor(own, "u/a"), Act: models.ActRead, GrantedAt: now - 3000, GrantedBy: "operator",
			EndsAt: drawEnd.Draw(t, "ends"), RevokedAt: rapid.SampledFrom([]models.Time{0, 0, now - 1}).Draw(t, "revoked")}
	})
	w.mandates = rapid.SliceOfNDistinct(mandate, 0, 2, func(m models.Mandate) iri.IRI { return m.Office }).Draw(t, "mandates")
	for i := range rapid.IntRange(1, 6).Draw(t, "dispatches") {
		id := iri.IRI(fmt.Sprint("https://ministry.example/d/", i))
		versions := rapid.IntRange(1, 2).Draw(t, "versions")
		d := models.Dispatch{IRI: id, Origin: rapid.SampledFrom([]string{models.OriginIssued, models.OriginReceived, models.OriginArchive}).Draw(t, "origin"),
			Author: drawActor.Draw(t, "author"), Community: drawClub.Draw(t, "community"), State: models.DispatchInForce, CreatedAt: now}
		if d.Origin == models.OriginArchive && rapid.Bool().Draw(t, "without author") {
			d.Author = ""
		}
		d.AuthorHost = d.Author.Host()
		for v := range versions {
			d.Version, d.Reference = int64(v+1), fmt.Sprint(i)
			d.Latest = v+1 == versions
			d.MarkingRank, d.DistributedAt = drawRank.Draw(t, "marking"), drawMoment.Draw(t, "distributed")
			w.dispatches = append(w.dispatches, d)
		}
		for _, a := range rapid.SliceOfNDistinct(drawActor, 0, 3, rapid.ID).Draw(t, "addressees") {
			w.addressees = append(w.addressees, models.Addressee{Dispatch: id, Actor: a, Host: a.Host(), Role: models.RoleAction, Local: a.Host() == own})
		}
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "comments") {
		w.comments = append(w.comments, models.Comment{IRI: iri.IRI(fmt.Sprint("https://ministry.example/n/", i)), Community: drawClub.Draw(t, "community"),
			Author: drawActor.Draw(t, "author"), MarkingRank: drawRank.Draw(t, "marking"), State: "shown", PublishedAt: now, DistributedAt: drawMoment.Draw(t, "distributed")})
	}
	return w
}

func (w *world) store(ctx context.Context, db bun.IDB) error {
	insert := func(rows any, n int) error {
		if n == 0 {
			return nil
		}
		_, err := db.NewInsert().Model(rows).Exec(ctx)
		return err
	}
	return errors.Join(insert(&w.peers, len(w.peers)), insert(&w.communities, len(w.communities)), insert(&w.members, len(w.members)),
		insert(&w.mandates, len(w.mandates)), insert(&w.dispatches, len(w.dispatches)), insert(&w.addressees, len(w.addressees)), insert(&w.comments, len(w.comments)))
}

// drawReaders takes some of each kind: persons of ours, actors of others, whole
// origins (ours too), a host that nobody knows, and nobody.
func drawReaders(ctx context.Context, t *rapid.T, db bun.IDB) []Reader {
	must := func(r Reader, err error) Reader {
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ceiling := drawRank.Draw(t, "own ceiling")
	readers := []Reader{
		must(LocalReader(ctx, db, actor(own, "u/a"), ceiling, now)),
		must(LocalReader(ctx, db, actor(own, drawName.Draw(t, "person")), ceiling, now)),
		{Host: own, Local: true, Ceiling: ceiling},
		must(RemoteReader(ctx, db, actor("nowhere.example", "u/a"), "nowhere.example")),
		must(RemoteReader(ctx, db, "", "nowhere.example")),
		{Local: rapid.Bool().Draw(t, "local"), Standing: models.PeerAccredited, Ceiling: ceiling},
	}
	for _, h := range hosts[1:4] {
		readers = append(readers, must(RemoteReader(ctx, db, "", h)), must(RemoteReader(ctx, db, actor(h, drawName.Draw(t, "actor")), h)))
	}
	return readers
}

var errDone = errors.New("roll the world back")

// Where and Allowed say what May says, in any world, of every reader and object.
func TestWhereIsMay(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		asked, granted := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			w := drawWorld(t)
			err := s.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
				if err := w.store(ctx, tx); err != nil {
					return err
				}
				var known Known
				for _, r := range drawReaders(ctx, t, tx) {
					a, g := w.compare(ctx, t, tx, r, &known)
					asked, granted = asked+a, granted+g
				}
				return errDone
			})
			if !errors.Is(err, errDone) {
				t.Fatal(err)
			}
		})
		// The worlds are worth asking about: both answers are common.
		if granted*20 < asked || granted*2 > asked {
			t.Errorf("%d of %d answers are yes", granted, asked)
		}
	})
}

func (w *world) compare(ctx context.Context, t *rapid.T, db bun.IDB, r Reader, known *Known) (asked, granted int) {
	check := func(what string, object any, got bool, o Object, members []Membership) {
		want := May(r, o, members, now)
		if got != want.May {
			t.Errorf("%s: SQL says %v, May says %v (%s)\nreader  %+v\nobject  %+v\nmembers %+v", what, got, want.May, want.Reason, r, object, members)
		}
		asked++
		if got {
			granted++
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	cond, args := Where(r, Dispatches, now)
	var rows []models.Dispatch
	must(db.NewSelect().TableExpr("dispatches AS d").ColumnExpr("d.iri, d.version").Where(cond, args...).Scan(ctx, &rows))
	seen := map[string]bool{}
	for _, d := range rows {
		seen[fmt.Sprint(d.IRI, d.Version)] = true
	}
	var ids []iri.IRI
	for _, d := range w.dispatches {
		ids = append(ids, d.IRI)
	}
	allowed, err := Allowed(ctx, db, r, Dispatches, ids, now)
	must(err)
	shared, err := known.Allowed(ctx, db, r, Dispatches, ids, now)
	must(err)
	for _, d := range w.dispatches {
		o, members, err := Load(ctx, db, r, &d)
		must(err)
		check("Where", d, seen[fmt.Sprint(d.IRI, d.Version)], o, members)
		if d.Latest {
			check("Allowed", d, allowed[d.IRI], o, members)
			check("Known", d, shared[d.IRI], o, members)
		}
	}

	ids = ids[:0]
	for _, c := range w.comments {
		ids = append(ids, c.IRI)
	}
	allowed, err = Allowed(ctx, db, r, Comments, ids, now)
	must(err)
	for _, c := range w.comments {
		o, members, err := LoadComment(ctx, db, r, &c)
		must(err)
		check("comment", c, allowed[c.IRI], o, members)
	}
	return asked, granted
}

func TestAllowedOfNothing(t *testing.T) {
	s := modeltest.DB(t)
	got, err := Allowed(t.Context(), s.R, Reader{Actor: actor(own, "u/a"), Host: own, Local: true}, Dispatches, nil, now)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v (%v)", got, err)
	}
}

// What is known of a dispatch is forgotten with its next version, and a membership counts
// as it is now.
func TestKnownFollowsCorrectionsAndRemovals(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		club, expert := communities[0], actor("embassy.example", "u/a")
		d := &models.Dispatch{IRI: "https://ministry.example/d/1", Version: 1, Latest: true, Origin: models.OriginIssued, Author: actor(own, "o/x"), AuthorHost: own, Community: club,
			State: models.DispatchInForce, MarkingRank: 1, DistributedAt: now, CreatedAt: now}
		m := &models.Member{Community: club, Actor: expert, Host: "embassy.example", Role: models.RoleMember, Ceiling: 2, State: models.MemberActive, Form: models.FormAnnounce, Since: now - 1, HistoryFrom: now - 1}
		r := Reader{Actor: expert, Host: "embassy.example", Standing: models.PeerGuest, Ceiling: 3}
		var k Known
		in := func(change func(ctx context.Context, tx bun.Tx) error) {
			t.Helper()
			if err := s.InTx(ctx, change); err != nil {
				t.Fatal(err)
			}
		}
		holds := func(what string, want bool) {
			t.Helper()
			got, err := k.Allowed(ctx, s.R, r, Dispatches, []iri.IRI{d.IRI, "https://ministry.example/d/none"}, now)
			if err != nil || got[d.IRI] != want || len(got) > 1 {
				t.Errorf("%s: %v (%v)", what, got, err)
			}
		}
		holds("nothing is there", false)
		in(func(ctx context.Context, tx bun.Tx) error {
			_, err := models.InsertDispatch(ctx, tx, d)
			return errors.Join(err, (&world{communities: []models.Community{{IRI: club, Local: true, CreatedAt: now}}, members: []models.Member{*m}}).store(ctx, tx))
		})
		holds("a member", true)
		in(func(ctx context.Context, tx bun.Tx) error {
			raised := *d
			raised.ID, raised.Version, raised.MarkingRank = 0, 2, 3
			_, err := models.InsertDispatch(ctx, tx, &raised)
			return err
		})
		holds("a correction raises the marking", false)
		in(func(ctx context.Context, tx bun.Tx) error {
			lowered := *d
			lowered.ID, lowered.Version = 0, 3
			_, err := models.InsertDispatch(ctx, tx, &lowered)
			return err
		})
		holds("a correction lowers it", true)
		in(func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewUpdate().Model((*models.Member)(nil)).Set("state = ?", models.MemberRemoved).Set("left_at = ?", now).Where("actor = ?", expert).Exec(ctx)
			return err
		})
		holds("a member who was removed", false)
	})
}
