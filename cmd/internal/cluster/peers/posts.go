package peers

import "slices"

// visibility of a post by its recipients: "private" exactly where the author's
// followers collection is among them, as the actor document names it.
func visibility(post object, author *actor) string {
	followers := func(list []string) bool { return author != nil && slices.Contains(list, author.followers) }
	to, cc := ids(post, "to"), ids(post, "cc")
	switch {
	case isPublic(to):
		return "public"
	case isPublic(cc):
		return "unlisted"
	case followers(to) || followers(cc):
		return "private"
	}
	return "direct"
}

// showsEdit: an edit needs an updated that is later than published and than the last
// edit. Times have one form here, so that they compare as text.
func showsEdit(have *Post, post object) bool {
	updated := text(post, "updated")
	return updated != "" && updated > have.Published && updated > have.Updated
}

// unknownEdited: what is not here, or is another's, is not edited; nil then.
func (s *Server) unknownEdited(in *Activity) *Post {
	if p := s.find(in.Object); p != nil && p.Author == in.Actor {
		return p
	}
	return nil
}

// actorUpdated: an Update of the sender itself replaces what is known of it, its key too.
func (s *Server) actorUpdated(in *Activity, doc object) bool {
	if embedded(doc, "publicKey") == nil {
		return false
	}
	if a, err := readActor(doc); err == nil && a.id == in.Actor {
		s.known[a.id] = a
	}
	return true
}

func (s *Server) find(id string) *Post {
	for _, p := range s.posts {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func (s *Server) keep(post object, visibility string) *Post {
	p := &Post{ID: text(post, "id"), Author: id(post["attributedTo"]), Type: text(post, "type"), Visibility: visibility, Published: text(post, "published"), InReplyTo: id(post["inReplyTo"])}
	p.edit(post)
	p.Updated = ""
	s.posts = append(s.posts, p)
	return p
}

func (p *Post) edit(post object) {
	p.Summary, p.Content, p.URL, p.Updated = text(post, "summary"), text(post, "content"), text(post, "url"), text(post, "updated")
	p.Mentions, p.Attachments = mentions(post), len(each(post["attachment"]))
}

// erase removes a post if it is the author's.
func (s *Server) erase(id, author string) {
	s.posts = slices.DeleteFunc(s.posts, func(p *Post) bool { return p.ID == id && p.Author == author })
}

// followAccepted: Accept with the Follow embedded, or its id.
func (s *Server) followAccepted(in *Activity) {
	for _, a := range s.accounts {
		if a.follows[in.Actor] == in.Object || in.ObjectType == "Follow" && id(embedded(in.doc, "object")["actor"]) == a.ID {
			a.accept(in.Actor)
		}
	}
}

// blocked: the follow ends, and the author is hidden.
func (s *Server) blocked(in *Activity) {
	for _, a := range s.accounts {
		if a.ID == in.Object {
			a.unfollow(in.Actor)
			a.blockedBy[in.Actor] = true
		}
	}
}

// unblocked: Undo lifts a Block that it embeds; a bare id says nothing.
func (s *Server) unblocked(in *Activity) {
	block := embedded(in.doc, "object")
	if in.ObjectType != "Block" || id(block["actor"]) != in.Actor {
		return
	}
	for _, a := range s.accounts {
		if a.ID == id(block["object"]) {
			delete(a.blockedBy, in.Actor)
		}
	}
}
