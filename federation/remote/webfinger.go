package remote

import (
	"context"
	"encoding/json"
	"mime"
	"net/url"
	"strings"

	"valise/models/iri"
)

// Account is what a handle stands for.
type Account struct {
	Handle iri.Handle // the canonical one; its host may differ from that asked
	Actor  iri.IRI
}

// WebFinger finds the actor of a handle (RFC 7033).
//
// Up to three hosts have a say: the one asked, the one in the subject it
// answers with, and the one on which the actor lives. Each of them must name
// the same subject and the same actor, so that no host can claim another's
// actor for a name of its own, or another's name for an actor of its own. The
// subject must have the name asked for, letter case aside. A host may redirect
// the question elsewhere; it then speaks with the voice of the host asked.
//
// Among several actors of one name (Lemmy: a person and a community) the first
// listed is taken.
func (c *Client) WebFinger(ctx context.Context, h iri.Handle) (*Account, error) {
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	first, err := c.finger(ctx, h.Host, h)
	if err != nil {
		return nil, err
	}
	asked := []iri.Host{h.Host}
	for _, host := range []iri.Host{first.Handle.Host, first.Actor.Host()} {
		if host == asked[0] || host == asked[len(asked)-1] {
			continue
		}
		asked = append(asked, host)
		other, err := c.finger(ctx, host, first.Handle)
		if err != nil {
			return nil, err
		}
		if other.Actor != first.Actor || other.Handle.Key() != first.Handle.Key() {
			return nil, &Error{Kind: KindWrongID, Op: "webfinger", URL: fingerURL(host, first.Handle),
				Detail: string(h.Host) + " says that " + first.Handle.String() + " is " + string(first.Actor) +
					", but " + string(host) + " says that " + other.Handle.String() + " is " + string(other.Actor)}
		}
	}
	return first, nil
}

func fingerURL(host iri.Host, h iri.Handle) iri.IRI {
	return iri.IRI(host.Base() + "/.well-known/webfinger?resource=" + url.QueryEscape(h.Acct()))
}

// finger asks host about h and believes what it says.
func (c *Client) finger(ctx context.Context, host iri.Host, h iri.Handle) (*Account, error) {
	q := question{op: "webfinger", target: fingerURL(host, h), accept: "application/jrd+json, application/json",
		is: isJRD, limit: maxIndex, anywhere: true}
	bad := func(kind Kind, detail string) (*Account, error) {
		return nil, &Error{Kind: kind, Op: q.op, URL: q.target, Detail: detail}
	}
	doc, err := c.document(ctx, q)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Subject string `json:"subject"`
		Links   []struct {
			Rel  string `json:"rel"`
			Type string `json:"type"`
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(doc.Body, &answer); err != nil {
		return bad(KindMalformed, err.Error())
	}
	if !strings.HasPrefix(answer.Subject, "acct:") {
		return bad(KindMalformed, "the subject is no acct: name")
	}
	subject, err := c.rules.ParseHandle(answer.Subject)
	if err != nil {
		return bad(KindMalformed, err.Error())
	}
	if !strings.EqualFold(subject.Name, h.Name) {
		return bad(KindWrongID, "the answer is about "+subject.String())
	}
	for _, link := range answer.Links {
		mediaType, params, err := mime.ParseMediaType(link.Type)
		if link.Rel != "self" || err != nil || !isActivity(mediaType, params) {
			continue
		}
		actor, err := c.rules.Parse(link.Href)
		if err != nil {
			return bad(KindMalformed, err.Error())
		}
		return &Account{Handle: subject, Actor: actor}, nil
	}
	return bad(KindNotFound, "no ActivityPub actor is listed")
}

func isJRD(mediaType string, _ map[string]string) bool {
	return mediaType == "application/jrd+json" || mediaType == "application/json"
}
