package vocab

import (
	_ "embed"
	"strings"

	"valise/models/iri"
)

// Context IRIs. None is ever fetched.
const (
	ContextAS2       = "https://www.w3.org/ns/activitystreams"
	ContextIntegrity = "https://w3id.org/security/data-integrity/v2"
	ContextValise    = "https://w3id.org/valise/v1"
	ContextSecurity  = "https://w3id.org/security/v1"
	ContextCID       = "https://www.w3.org/ns/cid/v1"
)

// Public is the collection of everyone (ActivityPub §5.6).
const Public = iri.IRI("https://www.w3.org/ns/activitystreams#Public")

// IsPublic reports any of the three ways in which JSON-LD lets it be written.
func IsPublic(s string) bool {
	return s == string(Public) || s == "as:Public" || s == "Public"
}

// Namespace prefixes our terms: "https://w3id.org/valise/v1#marking".
const Namespace = ContextValise + "#"

// ContextDigest is the SHA-256 of ContextDocument in hexadecimal. A published
// context never changes: new terms need a new version with a new IRI.
const ContextDigest = "811f716abd63b1131d441b6104606d0753c44086f37b615a57cb6961a8f55579"

// ContextDocument is what is served for ContextValise as application/ld+json.
//
//go:embed context/v1.jsonld
var ContextDocument []byte

// CTX is the @context of every document of ours that carries a proof, and of
// the proof itself (PROTOCOL §3.2), as JSON.
const CTX = `["` + ContextAS2 + `","` + ContextIntegrity + `","` + ContextValise + `"]`

const contextPlain = `"` + ContextAS2 + `"`

const as2Namespace = ContextAS2 + "#"

// as2Prefixes are the prefixes that the AS2 context defines.
var as2Prefixes = map[string]string{
	"as":    as2Namespace,
	"xsd":   "http://www.w3.org/2001/XMLSchema#",
	"ldp":   "http://www.w3.org/ns/ldp#",
	"vcard": "http://www.w3.org/2006/vcard/ns#",
}

// as2Members are the properties of the AS2 context, besides its types.
var as2Members = words(`
	accuracy actor altitude anyOf attachment attributedTo audience bcc bto cc closed content
	contentMap context current deleted describes duration endTime endpoints first followers
	following formerType generator height href hreflang icon id image inReplyTo inbox instrument
	items last latitude liked location longitude mediaType name nameMap next object oneOf
	orderedItems origin outbox partOf preferredUsername prev preview provideClientKey
	proxyUrl published radius rel relationship replies result sharedInbox shares likes
	signClientKey source startIndex startTime streams subject summary summaryMap tag target to
	totalItems type units updated uploadMedia url width oauthAuthorizationEndpoint
	oauthTokenEndpoint`)

// ourTerms are the terms of ContextDocument.
var ourTerms = func() map[string]bool {
	doc, err := ParseJSON(ContextDocument)
	if err != nil {
		panic(err) // embedded, and checked by a test
	}
	terms := map[string]bool{}
	for term := range doc.Get("@context").Members() {
		if term != "implements" && term != "xsd" {
			terms[term] = true
		}
	}
	return terms
}()

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// CheckContext holds a foreign document to PROTOCOL §8. Its @context names the
// AS2 context; nowhere in it is a @graph, @included or @reverse, or "@id" and
// "@type" beside which our reading of "id" and "type" could differ from a
// JSON-LD processor's; no context object gives another meaning to a term of
// AS2 or, beside our own context, to a term of ours. Other vocabularies may
// use our words (PeerTube has a "size") in documents that do not claim ours.
func (n *Node) CheckContext() error {
	context := n.Get("@context")
	named, ours := false, false
	for item := range context.Each() {
		s, _ := item.Str()
		named = named || s == ContextAS2
		ours = ours || s == ContextValise
	}
	if !named {
		return fault(CodeContext, n, "@context does not name %s", ContextAS2)
	}
	if err := n.checkKeywords(ours); err != nil {
		return err
	}
	return nil
}

func (n *Node) checkKeywords(ours bool) *Error {
	for m := n.first; m != nil; m = m.next {
		switch m.key {
		case "":
		case "@context":
			if err := checkContext(m, ours); err != nil {
				return err
			}
			continue
		case "@graph", "@included", "@reverse", "@id", "@type":
			return fault(CodeKeyword, m, "member %s is not supported", m.key)
		}
		if m.first != nil {
			if err := m.checkKeywords(ours); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkContext(n *Node, ours bool) *Error {
	if n.kind != Array {
		return checkContextItem(n, ours)
	}
	for m := n.first; m != nil; m = m.next {
		if err := checkContextItem(m, ours); err != nil {
			return err
		}
	}
	return nil
}

func checkContextItem(n *Node, ours bool) *Error {
	switch n.kind {
	case String:
		return nil
	case Object:
	default: // null would discard the contexts before it
		return fault(CodeContextRedefines, n, "@context holds %s", n.kind)
	}
	for m := n.first; m != nil; m = m.next {
		if err := checkTerm(m, ours); err != nil {
			return err
		}
	}
	return nil
}

// checkTerm judges one definition of a context object.
func checkTerm(m *Node, ours bool) *Error {
	meaning := m.text
	if m.kind == Object {
		for d := m.first; d != nil; d = d.next {
			switch d.key {
			case "@graph", "@included", "@reverse":
				return fault(CodeKeyword, d, "term %s uses %s", excerpt(m.key), d.key)
			case "@context":
				return fault(CodeContextRedefines, d, "term %s has a context of its own", excerpt(m.key))
			case "@container":
				for c := range d.Each() {
					if c.text == "@graph" {
						return fault(CodeKeyword, c, "term %s uses @graph", excerpt(m.key))
					}
				}
			case "@id":
				meaning = d.text
			}
		}
		if meaning == "" {
			meaning = m.key
		}
	}
	switch {
	case m.key == "@graph" || m.key == "@included" || m.key == "@reverse":
		return fault(CodeKeyword, m, "@context uses %s", m.key)
	case m.key == "id" && meaning == "@id", m.key == "type" && meaning == "@type":
		return nil
	case strings.HasPrefix(m.key, "@"):
		if m.key == "@import" || m.key == "@base" || m.key == "@propagate" {
			return fault(CodeContextRedefines, m, "@context uses %s", m.key)
		}
		return nil
	case strings.HasPrefix(meaning, "@"):
		return fault(CodeContextRedefines, m, "term %s is an alias of %s", excerpt(m.key), excerpt(meaning))
	}
	if prefix, isPrefix := as2Prefixes[m.key]; isPrefix && meaning != prefix {
		return fault(CodeContextRedefines, m, "prefix %s is redefined", excerpt(m.key))
	}
	if _, isType := types[m.key]; isType || as2Members[m.key] {
		if !meansAS2(m.key, meaning) {
			return fault(CodeContextRedefines, m, "AS2 term %s is redefined", excerpt(m.key))
		}
	}
	if ours && ourTerms[m.key] && !(m.key == "vls" && meaning == Namespace) && meaning != Namespace+m.key && meaning != "vls:"+m.key {
		return fault(CodeContextRedefines, m, "term %s of %s is redefined", excerpt(m.key), ContextValise)
	}
	return nil
}

func meansAS2(term, meaning string) bool {
	term = strings.TrimSuffix(term, "Map") // contentMap is content by language
	return meaning == "as:"+term || meaning == as2Namespace+term ||
		term == "inbox" && (meaning == "ldp:inbox" || meaning == as2Prefixes["ldp"]+"inbox")
}
