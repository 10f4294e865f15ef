package peers

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Account is a person on a foreign server, and what she does there.
type Account struct {
	Name string
	ID   string

	server    *Server
	kind      string
	follows   map[string]string // Follow id by whom she follows or asked to follow
	accepted  map[string]bool
	blockedBy map[string]bool
	closed    bool
	key       *rsa.PrivateKey // another than the first
}

// Handle is "@name@host".
func (a *Account) Handle() string { return "@" + a.Name + "@" + string(a.server.Host) }

// Post is one post as the server keeps it.
type Post struct {
	ID, Author, Type   string
	Summary, Content   string
	URL, InReplyTo     string
	Visibility         string // public, unlisted, private, limited, direct
	Mentions           []string
	Attachments        int
	Published, Updated string
	Edits              int
	Orphan             bool // kept out of home timelines
}

// Home is her home timeline: what she follows, as she would see it now.
func (a *Account) Home() []Post {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	var out []Post
	for _, p := range a.server.posts {
		if a.accepted[p.Author] && !a.blockedBy[p.Author] && !p.Orphan && p.Visibility != "direct" && p.Visibility != "limited" {
			out = append(out, *p)
		}
	}
	return out
}

// Direct lists the private mentions of her.
func (a *Account) Direct() []Post {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	var out []Post
	for _, p := range a.server.posts {
		if p.Visibility == "direct" && slices.Contains(p.Mentions, a.ID) {
			out = append(out, *p)
		}
	}
	return out
}

// Follows tells whether she follows somebody, as her server sees it.
func (a *Account) Follows(who string) bool {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.accepted[who]
}

// Blocked tells whether somebody blocks her, as her server sees it.
func (a *Account) Blocked(by string) bool {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.blockedBy[by]
}

// Asked tells whether a follow of hers waits for its answer.
func (a *Account) Asked(who string) bool {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.follows[who] != "" && !a.accepted[who]
}

// accept marks a follow that she asked for as accepted.
func (a *Account) accept(who string) {
	if a.follows[who] == "" {
		return
	}
	if a.accepted == nil {
		a.accepted = map[string]bool{}
	}
	a.accepted[who] = true
}

func (a *Account) unfollow(who string) {
	delete(a.follows, who)
	delete(a.accepted, who)
}

// Follow looks "@name@host" up and asks to follow it, as she would by the search box.
func (a *Account) Follow(handle string) (string, error) {
	s := a.server
	who, err := s.finger(strings.TrimPrefix(handle, "@"))
	if err != nil {
		return "", err
	}
	to, err := s.actor(who, a)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	follow := a.newID("follows")
	a.follows[who] = follow
	s.mu.Unlock()
	a.send(to, false, object{"@context": contextAS2, "id": follow, "type": "Follow", "actor": a.ID, "object": who, "to": who})
	return who, nil
}

// Unfollow ends a follow.
func (a *Account) Unfollow(who string) error {
	s := a.server
	to, err := s.actor(who, a)
	if err != nil {
		return err
	}
	s.mu.Lock()
	follow, undo := a.follows[who], a.newID("undo")
	a.unfollow(who)
	s.mu.Unlock()
	a.send(to, false, object{"@context": contextAS2, "id": undo, "type": "Undo", "actor": a.ID, "to": who,
		"object": object{"id": follow, "type": "Follow", "actor": a.ID, "object": who, "to": who}})
	return nil
}

// Who sees a note, by the names of the menu.
const (
	Public        = "public"
	MentionedOnly = "mentioned only"
)

// Reply writes a note that mentions somebody, in answer to a post ("" for none). It
// returns the note's id.
func (a *Account) Reply(mention, inReplyTo, words, audience string) (string, error) {
	s := a.server
	who, err := s.finger(strings.TrimPrefix(mention, "@"))
	if err != nil {
		return "", err
	}
	to, err := s.actor(who, a)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	note := a.newID("statuses")
	s.mu.Unlock()
	published := s.now().UTC().Format(time.RFC3339)
	post := object{"id": note, "type": "Note", "attributedTo": a.ID, "published": published, "url": note, "sensitive": false, "summary": nil,
		"content": "<p>" + mention + " " + words + "</p>", "contentMap": object{"en": "<p>" + words + "</p>"}, "attachment": []any{},
		"tag": []any{object{"type": "Mention", "href": who, "name": mention}}, "to": []any{who}, "cc": []any{}}
	if audience == Public {
		post["to"], post["cc"] = []any{public}, []any{a.ID + "/followers", who}
	}
	if inReplyTo != "" {
		post["inReplyTo"] = inReplyTo
	}
	s.mu.Lock()
	visibility := "direct"
	if audience == Public {
		visibility = "public"
	}
	s.posts = append(s.posts, &Post{ID: note, Author: a.ID, Type: "Note", Content: text(post, "content"), InReplyTo: inReplyTo, Visibility: visibility, Mentions: []string{who}, Published: published})
	s.mu.Unlock()
	a.send(to, true, object{"@context": []any{contextAS2, object{"sensitive": "as:sensitive"}}, "id": note + "/activity", "type": "Create", "actor": a.ID,
		"published": published, "to": post["to"], "cc": post["cc"], "object": post})
	return note, nil
}

// Delete erases a note of hers and tells whom it mentioned.
func (a *Account) Delete(note string) error {
	s := a.server
	s.mu.Lock()
	var to []string
	s.posts = slices.DeleteFunc(s.posts, func(p *Post) bool {
		if p.ID == note && p.Author == a.ID {
			to = p.Mentions
			return true
		}
		return false
	})
	s.mu.Unlock()
	if len(to) == 0 {
		return fmt.Errorf("%s is no note of %s", note, a.ID)
	}
	who, err := s.actor(to[0], a)
	if err != nil {
		return err
	}
	a.send(who, true, object{"@context": contextAS2, "id": note + "#delete", "type": "Delete", "actor": a.ID, "to": []any{to[0]}, "object": object{"id": note, "type": "Tombstone"}})
	return nil
}

// Fetch asks for a document as the server would for her: GoToSocial with her key,
// Mastodon with that of its instance actor.
func (a *Account) Fetch(at string) (int, []byte) {
	return a.server.get(at, a.server.rules.signsAs(a.server, a))
}

// FetchAs asks with her own key, or unsigned.
func (a *Account) FetchAs(at string, signed bool) (int, []byte) {
	if !signed {
		return a.server.get(at, nil)
	}
	return a.server.get(at, a)
}

// newID makes an id of hers; the caller holds the lock.
func (a *Account) newID(kind string) string {
	a.server.number++
	return fmt.Sprintf("%s/%s/%d", a.ID, kind, a.server.number)
}

// letter is an activity on its way to us.
type letter struct {
	from   *Account
	inbox  string
	body   []byte
	tries  int
	Status int
}

// send posts an activity, to the shared inbox where that is offered and wanted.
func (a *Account) send(to *actor, shared bool, activity object) {
	body, err := json.Marshal(activity)
	if err != nil {
		panic(err)
	}
	inbox := to.inbox
	if shared && to.shared != "" {
		inbox = to.shared
	}
	a.server.try(&letter{from: a, inbox: inbox, body: body})
}

func (s *Server) try(l *letter) {
	r, err := http.NewRequest(http.MethodPost, l.inbox, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/activity+json")
	l.from.sign(r, l.body)
	l.Status, _ = s.do(r)
	l.tries++
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l.Status >= 200 && l.Status < 300:
	case s.rules.finalAnswer(l.Status) || l.tries >= s.rules.triesMost():
		s.dropped = append(s.dropped, l)
	default:
		s.waiting = append(s.waiting, l)
	}
}

// Retry tries once more what was not taken yet, as time would. It returns how much
// still waits.
func (s *Server) Retry() int {
	s.mu.Lock()
	again := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, l := range again {
		s.try(l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Dropped counts what the server gave up sending.
func (s *Server) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dropped)
}
