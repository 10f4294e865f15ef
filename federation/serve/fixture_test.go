package serve_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/inbox"
	"valise/federation/keyring"
	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/serve"
	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	own       = iri.Host("ministry.example")
	base      = "https://ministry.example"
	embassy   = iri.Host("embassy.example")   // accredited
	institute = iri.Host("institute.example") // guest, Form A
	micro     = iri.Host("micro.example")     // guest, Form B
	stranger  = iri.Host("stranger.example")  // unknown
	suspended = iri.Host("suspended.example")

	office = iri.IRI(base + "/o/desk")
	person = iri.IRI(base + "/u/anna")
	group  = iri.IRI(base + "/g/r7")

	embassyActor   = iri.IRI("https://embassy.example/actor")
	ben            = iri.IRI("https://embassy.example/u/ben") // addressee, member
	eve            = iri.IRI("https://embassy.example/u/eve") // neither
	bot            = iri.IRI("https://embassy.example/u/bot") // an Application, not the instance actor
	instituteActor = iri.IRI("https://institute.example/actor")
	ida            = iri.IRI("https://institute.example/u/ida") // member, with a window and a ceiling
	olga           = iri.IRI("https://institute.example/u/olga")
	microActor     = iri.IRI("https://micro.example/actor")
	max            = iri.IRI("https://micro.example/users/max") // member
	tom            = iri.IRI("https://stranger.example/u/tom")
	sue            = iri.IRI("https://suspended.example/u/sue")
)

type instance struct {
	*serve.Server
	t       *testing.T
	engine  *gin.Engine
	now     time.Time
	log     *bytes.Buffer
	network *atomic.Int64 // requests that we tried to send
	files   files
}

type files map[string]string

func (f files) Open(digest string) (io.ReadSeekCloser, error) {
	s, ok := f[digest]
	if !ok {
		return nil, errors.New("no such file")
	}
	return readCloser{bytes.NewReader([]byte(s))}, nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

type away struct{ n *atomic.Int64 }

func (a away) RoundTrip(*http.Request) (*http.Response, error) {
	a.n.Add(1)
	return nil, errors.New("the network is away")
}

func (i *instance) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) tx(fn func(ctx context.Context, tx bun.Tx) error) {
	i.t.Helper()
	i.must(i.Store.InTx(i.t.Context(), fn))
}

// open builds an instance under the given name, with its own actor alone.
func open(t *testing.T, host iri.Host) *instance {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	i := &instance{t: t, now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), log: &bytes.Buffer{}, network: &atomic.Int64{}, files: files{}}
	now := func() time.Time { return i.now }
	store, rules := modeltest.DB(t), iri.RulesFor(host)
	seal, err := keyring.NewSeal(rand.Reader)
	i.must(err)
	client, err := remote.NewClient(remote.Network{}, rules, "test")
	i.must(err)
	actors := remote.NewActors(store, client.WithTransport(away{i.network}), rules, host, now,
		func(context.Context, iri.Host) remote.SignFunc { return nil })
	scheme := "https"
	if rules.Loopback {
		scheme = "http"
	}
	log := slog.New(slog.NewTextHandler(i.log, nil))
	verify := &inbox.Verifier{Actors: actors, Rules: rules, Own: host, Scheme: scheme, WindowOwn: 5 * time.Minute, WindowForeign: 65 * time.Minute, Now: now}
	box := &inbox.Box{Store: store, Verify: verify, Rules: rules, Own: host, MaxBody: 1 << 20, Limits: inbox.NewLimits(1000, 10000, 1000, 10000, 10),
		Log: log, Now: now, Arrived: func() {}, Answered: func(iri.Host, *inbox.Sender) {}}
	box.Start()
	t.Cleanup(box.Close)
	i.Server = &serve.Server{Store: store, Keys: keyring.New(store, seal, rand.Reader), Verify: verify, Box: box, Own: host, Rules: rules,
		Guard: policy.NewGuard(config.Defaults()), Now: now, Log: log, Version: "1.2.3", Files: i.files}
	i.engine = gin.New()
	i.Mount(i.engine)
	i.local(models.TypeApplication, iri.IRI(host.Base()+"/actor"), host.Name())
	return i
}

func (i *instance) local(kind string, id iri.IRI, username string) *models.Actor {
	i.t.Helper()
	a := &models.Actor{IRI: id, Host: i.Own, Local: true, Type: kind, Username: username, Name: "The " + username, Inbox: id + "/inbox",
		SharedInbox: iri.IRI(i.Own.Base() + "/inbox"), Followers: id + "/followers", KeyHistory: id + "/keys", OwnSoftware: true, CreatedAt: models.At(i.now)}
	i.actor(a)
	return a
}

// actor keeps an actor with a real key. Those of other instances have theirs in the
// same keyring, which then signs for them.
func (i *instance) actor(a *models.Actor) {
	i.t.Helper()
	i.tx(func(ctx context.Context, tx bun.Tx) error {
		if err := models.InsertActor(ctx, tx, a); err != nil {
			return err
		}
		_, err := i.Keys.Make(ctx, tx, a.IRI, i.now)
		return err
	})
}

func (i *instance) remote(kind string, ids ...iri.IRI) {
	for _, id := range ids {
		i.actor(&models.Actor{IRI: id, Host: id.Host(), Type: kind, Username: "x", Inbox: id + "/inbox", FetchedAt: models.At(i.now)})
	}
}

func (i *instance) peer(host iri.Host, state, form string, actor iri.IRI) {
	i.t.Helper()
	i.must(models.SavePeer(i.t.Context(), i.Store.W, &models.Peer{Host: host, State: state, Form: form, InstanceActor: actor, Ceiling: 9, Affiliation: models.OtherGovernment}))
}

type change func(*http.Request)

func accept(kinds string) change { return func(r *http.Request) { r.Header.Set("Accept", kinds) } }
func header(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// ask sends a request signed by an actor ("" for none). The changes apply after signing.
func (i *instance) ask(who iri.IRI, method, path string, changes ...change) *httptest.ResponseRecorder {
	i.t.Helper()
	signed, err := http.NewRequest(method, i.Own.Base()+path, nil)
	i.must(err)
	if who != "" {
		i.must(i.Keys.SignRequest(i.t.Context(), who, keyring.SchemeRFC9421Ed25519, signed, nil, i.now))
	}
	r := httptest.NewRequest(method, path, nil)
	r.Host, r.Header = string(i.Own), signed.Header
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	i.engine.ServeHTTP(w, r)
	return w
}

func (i *instance) day(n int) models.Time { return models.At(i.now.AddDate(0, 0, n)) }

func (i *instance) dispatch(d models.Dispatch, to ...iri.IRI) {
	i.t.Helper()
	d.Latest, d.State = true, models.DispatchInForce
	if d.Origin == "" {
		d.Origin = models.OriginIssued
	}
	if d.Author == "" {
		d.Author = office
	}
	d.AuthorHost = d.Author.Host()
	if d.Version == 0 {
		d.Version = 1
	}
	if d.DistributedAt == 0 {
		d.DistributedAt = i.day(-1)
	}
	d.Reference, d.PublishedAt = string(d.IRI), d.DistributedAt
	if d.Document == nil {
		d.Document = []byte(`{"id":"` + string(d.IRI) + `","version":"` + string(rune('0'+d.Version)) + `"}`)
	}
	i.tx(func(ctx context.Context, tx bun.Tx) error {
		if _, err := models.InsertDispatch(ctx, tx, &d); err != nil {
			return err
		}
		var rows []models.Addressee
		for _, a := range to {
			rows = append(rows, models.Addressee{Dispatch: d.IRI, Actor: a, Host: a.Host(), Role: models.RoleAction})
		}
		return models.InsertAddressees(ctx, tx, rows)
	})
}

func (i *instance) withdraw(id iri.IRI, state string) {
	i.tx(func(ctx context.Context, tx bun.Tx) error {
		return models.WithdrawDispatch(ctx, tx, id, state, []byte(`{"id":"`+string(id)+`","type":"Tombstone","disposition":"`+state+`"}`), "", i.day(0))
	})
}

func (i *instance) activity(id iri.IRI, actor iri.IRI, kind string, object iri.IRI, doc string) {
	i.must(models.InsertActivity(i.t.Context(), i.Store.W, &models.Activity{IRI: id, Actor: actor, Type: kind, ObjectID: object, Bytes: []byte(doc), Digest: "zQm", CreatedAt: i.day(-1)}))
}

func (i *instance) delivery(activity, actor iri.IRI, kind string, object, inbox, recipient iri.IRI, state string) {
	i.tx(func(ctx context.Context, tx bun.Tx) error {
		return models.InsertDeliveries(ctx, tx, []*models.Delivery{{Host: inbox.Host(), Inbox: inbox, Activity: activity, Actor: actor, Type: kind,
			ObjectID: object, Recipient: recipient, Purpose: models.PurposeControl, State: state, Lane: "x"}})
	})
}

func (i *instance) member(actor iri.IRI, ceiling int64, from models.Time) {
	i.must(models.SaveMember(i.t.Context(), i.Store.W, &models.Member{Community: group, Actor: actor, Host: actor.Host(), Role: models.RoleMember,
		Ceiling: ceiling, State: models.MemberActive, HistoryFrom: from}))
}

func (i *instance) entry(n int64, object iri.IRI, rank int64) {
	id := group + "/a/" + iri.IRI(rune('0'+n))
	i.activity(id, group, "Announce", object, `{"id":"`+string(id)+`","type":"Announce","text":"announced"}`)
	i.must(models.InsertLogEntry(i.t.Context(), i.Store.W, &models.LogEntry{Community: group, Sequence: n, Activity: id, Digest: "zQmdigest" + string(rune('0'+n)),
		ObjectID: object, MarkingRank: rank, At: i.day(-1)}))
}

var (
	annex  = sign.BytesDigest([]byte("the annex"))
	posted = sign.BytesDigest([]byte("the posted annex"))
	gone   = sign.BytesDigest([]byte("withdrawn"))
)

func (i *instance) attach(dispatch iri.IRI, digest, text string, state string) {
	i.files[digest] = text
	_, err := i.Store.W.NewInsert().Model(&models.Attachment{Dispatch: dispatch, Digest: digest, Name: `an/"nex".pdf`, MediaType: "application/pdf",
		Size: int64(len(text)), State: state}).Exec(i.t.Context())
	i.must(err)
}

// world is the instance with everything that the tables ask for.
func world(t *testing.T) *instance {
	i := open(t, own)
	i.local(models.TypeOrganization, office, "desk")
	i.local(models.TypePerson, person, "anna")
	i.local(models.TypeGroup, group, "r7")
	i.must(models.InsertOffice(t.Context(), i.Store.W, &models.Office{IRI: office, Code: "MIN", Title: "Desk", Post: "Paris"}))
	i.must(models.SaveCommunity(t.Context(), i.Store.W, &models.Community{IRI: group, Local: true, Name: "R7", CharterDigest: "zQmcharter", Organiser: person, Ceiling: 3, Sequence: 5}))
	i.remote(models.TypeApplication, embassyActor, instituteActor, microActor, bot)
	i.remote(models.TypePerson, ben, eve, ida, olga, max, tom, sue)
	i.peer(embassy, models.PeerAccredited, models.FormAnnounce, embassyActor)
	i.peer(institute, models.PeerGuest, models.FormAnnounce, instituteActor)
	i.peer(micro, models.PeerGuest, models.FormBulletin, "")
	i.peer(suspended, models.PeerSuspended, models.FormAnnounce, "")
	i.member(ben, 3, 0)
	i.member(ida, 2, i.day(-3))
	i.member(max, 3, 0)

	i.dispatch(models.Dispatch{IRI: base + "/d/direct", Activity: base + "/a/direct", MarkingRank: 2}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/direct", Activity: base + "/a/direct2", Version: 2, MarkingRank: 3}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/secret", MarkingRank: 4}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/archive", Origin: models.OriginArchive, MarkingRank: 1}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/lowered", Activity: base + "/a/lowered", MarkingRank: 4}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/lowered", Activity: base + "/a/lowered2", Version: 2, MarkingRank: 2}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/withdrawn", MarkingRank: 2}, ben)
	i.dispatch(models.Dispatch{IRI: base + "/d/superseded", MarkingRank: 2}, ben)
	i.withdraw(base+"/d/withdrawn", models.DispatchWithdrawn)
	i.withdraw(base+"/d/superseded", models.DispatchSuperseded)
	i.dispatch(models.Dispatch{IRI: base + "/d/old", Community: group, MarkingRank: 2, DistributedAt: i.day(-9)}, group)
	i.dispatch(models.Dispatch{IRI: base + "/d/posted", Activity: base + "/a/posted", Community: group, MarkingRank: 2}, group)
	i.dispatch(models.Dispatch{IRI: base + "/d/limited", Community: group, MarkingRank: 3}, group)
	i.dispatch(models.Dispatch{IRI: "https://embassy.example/d/7", Origin: models.OriginReceived, Author: ben, Community: group, MarkingRank: 2}, group)
	i.must(insertComment(i, &models.Comment{IRI: base + "/c/1", Community: group, Author: person, Document: []byte(`{"id":"c1"}`), MarkingRank: 2, DistributedAt: i.day(-1)}))

	i.activity(base+"/a/direct", office, "Create", base+"/d/direct", `{"id":"created"}`)
	i.activity(base+"/a/lowered", office, "Create", base+"/d/lowered", `{"id":"created"}`)
	i.activity(base+"/a/lowered2", office, "Update", base+"/d/lowered", `{"id":"updated"}`)
	i.activity(base+"/a/posted", office, "Create", base+"/d/posted", `{"id":"created"}`)
	i.activity(base+"/a/accept", office, "Accept", "https://embassy.example/a/9", `{"id":"accepted"}`)
	i.delivery(base+"/a/accept", office, "Accept", "https://embassy.example/a/9", ben+"/inbox", ben, models.DeliveryDone)
	i.activity(base+"/a/cancelled", office, "Accept", "https://embassy.example/a/8", `{"id":"accepted"}`)
	i.delivery(base+"/a/cancelled", office, "Accept", "https://embassy.example/a/8", ben+"/inbox", ben, models.DeliveryCancelled)

	i.entry(1, base+"/d/old", 2)
	i.entry(2, base+"/d/posted", 2)
	i.entry(3, base+"/d/limited", 3)
	i.entry(4, base+"/c/1", 2)
	i.entry(5, base+"/d/posted", 3) // was marked higher when it was announced
	i.bulletinFor(base+"/g/r7/b/2", base+"/d/posted", "sent")
	i.bulletinFor(base+"/g/r7/b/9", base+"/d/limited", "deleted")

	i.attach(base+"/d/direct", annex, "the annex", models.AttachmentHere)
	i.attach("https://embassy.example/d/7", posted, "the posted annex", models.AttachmentHere)
	i.attach(base+"/d/withdrawn", gone, "withdrawn", models.AttachmentHere)
	return i
}

func insertComment(i *instance, c *models.Comment) error {
	_, err := models.InsertComment(i.t.Context(), i.Store.W, c)
	return err
}

// bulletinFor renders object for micro: a Create, then an Update.
func (i *instance) bulletinFor(id, object iri.IRI, state string) {
	inbox := max + "/inbox"
	for _, kind := range []string{"Create", "Update"} {
		act := id + "/" + iri.IRI(kind) + "/1"
		i.activity(act, group, kind, object, `{"@context":["https://www.w3.org/ns/activitystreams"],"id":"`+string(act)+`","type":"`+kind+
			`","object":{"id":"`+string(id)+`","type":"Note","content":"by `+kind+`"}}`)
		i.delivery(act, group, kind, object, inbox, max, models.DeliveryDone)
	}
	i.must(models.InsertBulletins(i.t.Context(), i.Store.W, []*models.Bulletin{{IRI: id, Community: group, ObjectID: object, Host: micro, Inbox: inbox,
		CreateID: id + "/Create/1", State: state}}))
}

func (i *instance) postSigned(path string, body []byte, signed http.Header) int {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Host, r.Header = string(i.Own), signed
	w := httptest.NewRecorder()
	i.engine.ServeHTTP(w, r)
	return w.Code
}
