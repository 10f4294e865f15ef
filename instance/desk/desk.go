// Package desk is what somebody sees of the correspondence of her offices and what she
// does with it: folders, one dispatch with everything about it, its seal, the difference
// between versions, and passing it on.
package desk

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"valise/config"
	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/dispatches"
	"valise/instance/queues"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Desk is the service.
type Desk struct {
	Store      *models.Store
	Dispatches *dispatches.Dispatches
	Queues     *queues.Queues
	Guard      policy.Guard
	Markings   config.Markings
	Profile    config.PrecedenceProfile
	Own        iri.Host
	Rules      iri.Rules
	Log        *slog.Logger
	Now        func() time.Time

	counts counts
	peers  struct {
		sync.Mutex
		until time.Time
		hosts []iri.Host
	}
}

// Folders of an office, in the order in which they are shown.
var Folders = []string{models.FolderAction, models.FolderInfo, models.FolderSent, models.FolderRegistered, models.FolderAside, models.FolderArchive}

// States by which a folder can be narrowed.
var States = []string{models.DeskWaiting, models.DeskUnread, models.DeskRead, models.DeskRegistered, models.DeskTaken, models.DeskOverdue, models.DeskStuck, models.DeskWithdrawn}

func (s *Desk) now() models.Time { return models.At(s.Now()) }

// at is a reader with the actors for whom she reads.
type at struct {
	audience.Reader
	holders []models.DeskHolder
}

func (r at) ids() []iri.IRI { return append([]iri.IRI{r.Actor}, r.Offices...) }

// holder finds one by id.
func (r at) holder(id iri.IRI) (models.DeskHolder, bool) {
	i := slices.IndexFunc(r.holders, func(h models.DeskHolder) bool { return h.IRI == id })
	if i < 0 {
		return models.DeskHolder{}, false
	}
	return r.holders[i], true
}

// may tells whether she has a mandate for the act in the office.
func (r at) may(office iri.IRI, acts ...string) bool {
	h, ok := r.holder(office)
	return ok && slices.ContainsFunc(acts, func(a string) bool { return slices.Contains(h.Acts, a) })
}

// reader is audience.LocalReader with the names of the offices, in one statement.
func (s *Desk) reader(ctx context.Context, person iri.IRI) (at, error) {
	holders, err := models.DeskHolders(ctx, s.Store.R, person, s.now())
	if err != nil {
		return at{}, fmt.Errorf("find the offices of %s: %w", person, err)
	}
	r := at{audience.Reader{Actor: person, Host: person.Host(), Local: true, Ceiling: s.Guard.Holds()}, holders}
	for _, h := range holders {
		if h.IRI != person {
			r.Offices = append(r.Offices, h.IRI)
		}
	}
	return r, nil
}

// Filter says which part of which folder is asked for. The zero value of a field is any.
type Filter struct {
	// Office is an office of the person's, or herself. It is not needed for a community.
	Office    iri.IRI
	Folder    string
	Community iri.IRI
	Peer      iri.Host
	From, To  models.Time // of distribution, From and later, before To
	Kind      string
	// Precedence and Marking are ranks.
	Precedence int64
	Marking    int64
	Tag        string
	Language   string
	State      string
}

// Narrowed reports whether the filter shows less than the whole folder.
func (f Filter) Narrowed() bool {
	whole := Filter{Office: f.Office, Folder: f.Folder}
	if f.Folder == models.FolderCommunity {
		whole.Community = f.Community
	}
	return f != whole
}

// Listing is one page of a folder.
type Listing struct {
	Holder  models.DeskHolder
	Holders []models.DeskHolder
	Rows    []*models.DeskRow
	// Next is the cursor of the next page, "" after the last one.
	Next string
}

// pageMost is the longest page of a folder.
const pageMost = 100

// List returns one page: precedence first, then the time of distribution, newest first.
// cursor is "" for the first page. Whoever has no mandate for the office is told that
// there is no such folder.
func (s *Desk) List(ctx context.Context, person iri.IRI, f Filter, cursor string, limit int) (*Listing, error) {
	done, err := s.Store.Turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, err
	}
	if f.Office == "" {
		f.Office = person
	}
	holder, ok := r.holder(f.Office)
	if !ok || !slices.Contains(append(Folders, models.FolderCommunity), f.Folder) || f.Folder == models.FolderCommunity && f.Community == "" {
		return nil, dispatches.NotFound("folder")
	}
	if f.State != "" && !slices.Contains(States, f.State) {
		return nil, accounts.Invalid("a folder is narrowed by one of %s, not by %q", strings.Join(States, ", "), f.State)
	}
	q := models.DeskQuery{Holder: f.Office, Readers: r.ids(), Folder: f.Folder, Community: f.Community, Peer: f.Peer, From: f.From, To: f.To, Kind: f.Kind, Precedence: f.Precedence, Marking: f.Marking,
		Tag: f.Tag, Language: f.Language, State: f.State, Limit: min(max(limit, 1), pageMost) + 1, Now: s.now()}
	if q.After, err = readCursor(cursor); err != nil {
		return nil, err
	}
	q.Cond, q.Args = audience.Bound(r.Reader, audience.Dispatches, q.Now)
	out := &Listing{Holder: holder, Holders: r.holders}
	if out.Rows, err = models.DeskPage(ctx, s.Store.R, q); err != nil {
		return nil, fmt.Errorf("list the folder %s of %s: %w", f.Folder, f.Office, err)
	}
	if len(out.Rows) == q.Limit {
		out.Rows = out.Rows[:q.Limit-1]
		out.Next = writeCursor(out.Rows[len(out.Rows)-1].Key)
	}
	return out, s.excerpts(ctx, out.Rows)
}

// excerpts takes the first words out of those whose writer did not keep them.
func (s *Desk) excerpts(ctx context.Context, rows []*models.DeskRow) error {
	var without []iri.IRI
	for _, r := range rows {
		if r.Excerpt == "" && r.State != models.DispatchWithdrawn {
			without = append(without, r.IRI)
		}
	}
	if len(without) == 0 {
		return nil
	}
	docs, err := models.DocumentsOf(ctx, s.Store.R, without)
	if err != nil {
		return fmt.Errorf("read first words: %w", err)
	}
	for _, r := range rows {
		doc := docs[r.IRI]
		if doc == nil {
			continue
		}
		text, err := s.Dispatches.Text(&models.Dispatch{IRI: r.IRI, Version: r.Version, Origin: r.Origin, Author: r.Author, Document: doc})
		if err != nil {
			s.Log.Warn("a stored dispatch cannot be read", "dispatch", r.IRI, "err", err)
			continue
		}
		content := text.Content
		for _, p := range text.Paragraphs {
			content += p.Content
		}
		r.Excerpt = dispatches.Excerpt(content)
	}
	return nil
}

func writeCursor(k models.DeskKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%d %d %s", k.Precedence, int64(k.Distributed), k.Dispatch)))
}

func readCursor(cursor string) (k models.DeskKey, err error) {
	if cursor == "" {
		return k, nil
	}
	bad := accounts.Invalid("the address of this page is broken; go back to the first page")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return k, bad
	}
	part := strings.SplitN(string(b), " ", 3)
	if len(part) != 3 {
		return k, bad
	}
	at, atErr := strconv.ParseInt(part[1], 10, 64)
	if k.Precedence, err = strconv.ParseInt(part[0], 10, 64); err != nil || atErr != nil || unfitID(part[2]) {
		return models.DeskKey{}, bad
	}
	k.Distributed, k.Dispatch = models.Time(at), iri.IRI(part[2])
	return k, nil
}

// unfitID tells whether a text cannot be an id that came from a page of ours.
func unfitID(id string) bool { return id == "" || len(id) > 2048 || dispatches.Unfit(id) != "" }

// peersFor is how long the list of peers in a filter may be old.
const peersFor = time.Minute

// Peers lists the hosts that correspondence can come from, for a filter.
func (s *Desk) Peers(ctx context.Context) ([]iri.Host, error) {
	s.peers.Lock()
	defer s.peers.Unlock()
	if s.Now().Before(s.peers.until) {
		return s.peers.hosts, nil
	}
	rows, err := models.Peers(ctx, s.Store.R, "", 200)
	if err != nil {
		return nil, fmt.Errorf("list the peers: %w", err)
	}
	s.peers.hosts, s.peers.until = []iri.Host{s.Own}, s.Now().Add(peersFor)
	for _, p := range rows {
		if p.State == models.PeerAccredited || p.State == models.PeerGuest || p.State == models.PeerSuspended {
			s.peers.hosts = append(s.peers.hosts, p.Host)
		}
	}
	return s.peers.hosts, nil
}

// Level is one step of the marking or precedence in use, for a filter.
type Level struct {
	Rank int64
	Name string
}

// MarkingLevels lists the markings that this instance may hold, lowest first.
func (s *Desk) MarkingLevels() []Level {
	var out []Level
	for _, l := range s.Markings.Levels {
		if int64(l.Rank) <= s.Guard.Holds() {
			out = append(out, Level{int64(l.Rank), l.Name})
		}
	}
	return out
}

// PrecedenceLevels lists the precedences in use, highest first.
func (s *Desk) PrecedenceLevels() []Level {
	var out []Level
	for _, l := range slices.Backward(s.Profile.Levels) {
		out = append(out, Level{int64(l.Rank), l.Name})
	}
	return out
}
