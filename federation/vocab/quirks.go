package vocab

import "valise/models/iri"

// What other software does differently and we accommodate. Each one names the
// software; testdata has a sample of each. Two more live where they cannot be
// told from the rule: empty bto and bcc (Akkoma) in reader.addressing, several
// objects of a Flag (Mastodon) in reader.object.

// attachmentURL finds where an attachment is. Akkoma and Pleroma: url is a list
// of Links. Lemmy: a Link with href. Some: url is one Link.
func attachmentURL(item *Node) *Node {
	if href := item.Get("href"); href != nil {
		return href
	}
	url := item.Get("url")
	for link := range url.Each() {
		if link.kind == Object {
			return link.Get("href")
		}
		return link
	}
	return nil
}

// sharedInbox finds the shared inbox. Misskey repeats it beside endpoints, and
// older versions have it only there.
func sharedInbox(r *reader, n *Node) iri.IRI {
	if shared := r.ref(n.Get("endpoints"), "sharedInbox", false); shared != "" {
		return shared
	}
	return r.ref(n, "sharedInbox", false)
}

// moderators finds the moderators of a Group. Lemmy and ours: attributedTo is
// the id of their collection. PeerTube: a list of owners, which is no
// collection.
func moderators(r *reader, n *Node) iri.IRI {
	if m := n.Get("attributedTo"); m.Kind() != Array {
		return r.ref(n, "attributedTo", false)
	}
	return ""
}

// conversation finds the thread. Mastodon and old Akkoma give tag: URIs, which
// name nothing that can be fetched.
func conversation(r reader, n *Node) iri.IRI {
	s, ok := n.Get("context").Str()
	if !ok {
		return ""
	}
	id, _ := r.rules.Parse(s)
	return id
}

// KeyStubOwner returns the actor whose key document doc is, where keyID is a
// path (GoToSocial: {actor}/main-key) and not a fragment of the actor's id. It
// demands what PROTOCOL §2 does: the key has that id, is owned by the id of
// the document, and all share one origin.
func KeyStubOwner(doc *Actor, keyID iri.IRI) (iri.IRI, RSAKey, bool) {
	for _, k := range doc.RSA {
		if k.ID == keyID && k.Owner == doc.ID && keyID.SameOrigin(doc.ID) {
			return doc.ID, k, true
		}
	}
	return "", RSAKey{}, false
}

// IsActorDelete reports Mastodon's farewell of an account: a Delete whose
// object is its own actor. It reaches everybody, also those who never met the
// actor and cannot fetch its key any more.
func (a *Activity) IsActorDelete() bool { return a.Type == "Delete" && a.ObjectID == a.Actor }

// IsReaction reports a Like that carries an emoji (Misskey, Akkoma), to be
// treated as a plain one. Their EmojiReact is no AS2 type and is refused.
func (a *Activity) IsReaction() bool {
	return a.Type == "Like" && (a.Node.Get("content") != nil || a.Node.Get("_misskey_reaction") != nil)
}
