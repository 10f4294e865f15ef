package peers

import (
	"net/http"
	"slices"
	"time"

	"valise/models/iri"
)

type gotosocial struct{}

// GoToSocial is a server with the rules of GoToSocial as of October 2025.
func GoToSocial(host iri.Host, network http.RoundTripper, now func() time.Time) *Server {
	return newServer(host, gotosocial{}, network, now)
}

func (gotosocial) keyPath() string                        { return "/main-key" }
func (gotosocial) sharedInbox(iri.Host) string            { return "" }
func (gotosocial) needsSignature() bool                   { return true }
func (gotosocial) signsAs(_ *Server, a *Account) *Account { return a }
func (gotosocial) fresh(time.Time, time.Time) bool        { return true }
func (gotosocial) keepsKey() bool                         { return true }
func (gotosocial) confirmHandle() bool                    { return false }
func (gotosocial) triesMost() int                         { return 5 }

// finalAnswer: any 4xx, the first 401 too.
func (gotosocial) finalAnswer(status int) bool { return status >= 400 && status < 500 }

func (gotosocial) understands(kind string) bool {
	return slices.Contains([]string{"Accept", "Announce", "Block", "Create", "Delete", "Flag", "Follow", "Like", "Move", "Reject", "Undo", "Update"}, kind)
}

func (g gotosocial) receive(s *Server, in *Activity, owner *Account) int {
	if !g.understands(in.Type) {
		return http.StatusInternalServerError
	}
	if g.seenBefore(s, in.ID) {
		return http.StatusAccepted
	}
	author := s.known[in.Actor]
	switch in.Type {
	case "Create":
		g.create(s, in, author, owner)
	case "Update":
		g.update(s, in)
	case "Delete":
		g.forgetsGone(s, in)
	case "Accept":
		s.followAccepted(in)
	case "Reject":
		g.rejected(s, in)
	case "Block":
		s.blocked(in)
	case "Undo":
		s.unblocked(in)
	}
	return http.StatusAccepted
}

// seenBefore remembers the id, whatever becomes of the activity.
func (gotosocial) seenBefore(s *Server, id string) bool {
	was := s.seen[id]
	s.seen[id] = true
	return was
}

func (g gotosocial) create(s *Server, in *Activity, author *actor, owner *Account) {
	post := embedded(in.doc, "object")
	kind := text(post, "type")
	if kind != "Note" && kind != "Article" && kind != "Question" || !sameHost(in.Object, in.Actor) || g.createAgain(s, in.Object) || !g.relevant(post, in.Actor, owner) {
		return
	}
	seen := visibility(post, author)
	if g.needsMention(post, seen, owner) {
		return
	}
	g.hidesOrphan(s, s.keep(post, seen))
}

func (gotosocial) createAgain(s *Server, id string) bool { return s.find(id) != nil }

// relevant: the inbox's owner follows the author or is mentioned.
func (gotosocial) relevant(post object, author string, owner *Account) bool {
	return owner.accepted[author] || slices.Contains(mentions(post), owner.ID)
}

func (gotosocial) needsMention(post object, visibility string, owner *Account) bool {
	return visibility == "direct" && !slices.Contains(mentions(post), owner.ID)
}

func (gotosocial) hidesOrphan(s *Server, p *Post) {
	p.Orphan = p.InReplyTo != "" && s.find(p.InReplyTo) == nil
}

// update applies whatever comes last, an older version too.
func (g gotosocial) update(s *Server, in *Activity) {
	post := embedded(in.doc, "object")
	if s.actorUpdated(in, post) {
		return
	}
	have := s.unknownEdited(in)
	if have == nil || !g.repeatsPublished(have, post) {
		return
	}
	shown := showsEdit(have, post)
	have.edit(post)
	if shown {
		have.Edits++
	}
}

func (gotosocial) repeatsPublished(have *Post, post object) bool {
	return text(post, "published") == have.Published
}

func (gotosocial) forgetsGone(s *Server, in *Activity) { s.erase(in.Object, in.Actor) }

// rejected: of a follow only one that still waits is ended; see erasesRejected.
func (g gotosocial) rejected(s *Server, in *Activity) {
	for _, a := range s.accounts {
		if a.follows[in.Actor] == in.Object && !a.accepted[in.Actor] {
			a.unfollow(in.Actor)
		}
		g.erasesRejected(s, in.Object, a.ID)
	}
}

func (gotosocial) erasesRejected(s *Server, id, author string) { s.erase(id, author) }
