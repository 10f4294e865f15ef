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
