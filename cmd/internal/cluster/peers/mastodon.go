package peers

import (
	"net/http"
	"slices"
	"time"

	"valise/models/iri"
)

type mastodon struct{}

// Mastodon is a server with the rules of Mastodon 4.4.
func Mastodon(host iri.Host, network http.RoundTripper, now func() time.Time) *Server {
	return newServer(host, mastodon{}, network, now)
}

func (mastodon) keyPath() string                        { return "#main-key" }
func (mastodon) sharedInbox(h iri.Host) string          { return h.Base() + "/inbox" }
func (mastodon) needsSignature() bool                   { return false }
func (mastodon) signsAs(s *Server, _ *Account) *Account { return s.service }
func (mastodon) keepsKey() bool                         { return false }
func (mastodon) confirmHandle() bool                    { return true }
func (mastodon) triesMost() int                         { return 16 }

func (mastodon) fresh(date, now time.Time) bool {
	return now.Sub(date) < 12*time.Hour && date.Sub(now) < time.Hour
}

// finalAnswer: a 4xx ends the sending, except those that time may heal.
func (mastodon) finalAnswer(status int) bool {
	return status == 501 || status >= 400 && status < 500 && status != 401 && status != 408 && status != 429
}

func (mastodon) understands(kind string) bool {
	return slices.Contains([]string{"Create", "Announce", "Delete", "Follow", "Like", "Block", "Update", "Undo", "Accept", "Reject", "Flag", "Add", "Remove", "Move", "QuoteRequest"}, kind)
}

// receive applies later and answers 202 at once, whatever comes.
func (m mastodon) receive(s *Server, in *Activity, owner *Account) int {
	if !m.understands(in.Type) {
		return http.StatusAccepted
	}
	author := s.known[in.Actor]
	switch in.Type {
	case "Create":
		m.create(s, in, author)
	case "Update":
		m.update(s, in)
	case "Delete":
		m.delete(s, in)
	case "Accept":
		s.followAccepted(in)
	case "Reject":
		m.rejected(s, in)
	case "Block":
		s.blocked(in)
	case "Undo":
		s.unblocked(in)
	}
	return http.StatusAccepted
}

func (m mastodon) create(s *Server, in *Activity, author *actor) {
	post := embedded(in.doc, "object")
	switch text(post, "type") {
	case "Note", "Question", "Article", "Page", "Image", "Audio", "Video", "Event":
	default:
		return
	}
	if !sameHost(in.Object, in.Actor) || m.refusesGone(s, in.Object) || s.find(in.Object) != nil || !m.relevant(s, post, in.Actor) {
		return
	}
	s.keep(post, m.silentMention(s, post, visibility(post, author)))
}

// relevant: somebody here follows the author or is addressed.
func (mastodon) relevant(s *Server, post object, author string) bool {
	to := ids(post, "to", "cc")
	for _, a := range s.accounts {
		if a.accepted[author] || slices.Contains(to, a.ID) {
			return true
		}
	}
	return false
}

// silentMention: somebody addressed without a Mention makes a direct post "limited".
func (mastodon) silentMention(s *Server, post object, visibility string) string {
	if visibility != "direct" {
		return visibility
	}
	named := mentions(post)
	for _, to := range ids(post, "to", "cc") {
		for _, a := range s.accounts {
			if a.ID == to && !slices.Contains(named, to) {
				return "limited"
			}
		}
	}
	return visibility
}

func (mastodon) refusesGone(s *Server, id string) bool { return s.gone[id] }

func (m mastodon) update(s *Server, in *Activity) {
	post := embedded(in.doc, "object")
	if s.actorUpdated(in, post) {
		return
	}
	have := s.unknownEdited(in)
	if have == nil || !m.editsNotes(post) || !showsEdit(have, post) {
		return
	}
	have.edit(post)
	have.Edits++
}

func (mastodon) editsNotes(post object) bool { return text(post, "type") == "Note" }

func (mastodon) delete(s *Server, in *Activity) {
	s.gone[in.Object] = true
	s.erase(in.Object, in.Actor)
}

// rejected: Reject{Follow} ends the follow, whether it was accepted before or not. The
// Follow must be embedded or be known by its id.
func (mastodon) rejected(s *Server, in *Activity) {
	for _, a := range s.accounts {
		if a.follows[in.Actor] == in.Object || in.ObjectType == "Follow" && id(embedded(in.doc, "object")["actor"]) == a.ID {
			a.unfollow(in.Actor)
		}
	}
}
