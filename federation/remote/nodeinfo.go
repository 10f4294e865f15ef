package remote

import (
	"context"
	"encoding/json"
	"strings"

	"valise/models/iri"
)

const (
	relNodeInfo    = "http://nodeinfo.diaspora.software/ns/schema/2." // and a minor version
	relApplication = profileAS2 + "#Application"
)

// NodeInfo is what a host says about its software. It is a hint for people;
// capabilities are never inferred from it (FEP-0151). Any field may be empty.
type NodeInfo struct {
	Software, Version string  // software in lower case
	Application       iri.IRI // the instance actor (FEP-2677), on the host's own origin
}

// NodeInfo asks a host for its index and for the newest 2.x document in it.
// Links to other origins are passed over.
func (c *Client) NodeInfo(ctx context.Context, host iri.Host) (*NodeInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	q := question{op: "nodeinfo", target: iri.IRI(host.Base() + "/.well-known/nodeinfo"),
		accept: "application/json", is: isJRD, limit: maxIndex}
	var index struct {
		Links []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		} `json:"links"`
	}
	home := q.target
	if err := c.decode(ctx, q, &index); err != nil {
		return nil, err
	}
	info := &NodeInfo{}
	var newest string
	for _, link := range index.Links {
		href, err := c.rules.Parse(link.Href)
		if err != nil || !href.SameOrigin(home) {
			continue
		}
		if link.Rel == relApplication && info.Application == "" {
			info.Application = href
		}
		if minor, ok := strings.CutPrefix(link.Rel, relNodeInfo); ok && (minor == "0" || minor == "1") && minor > newest {
			newest, q.target = minor, href
		}
	}
	if newest == "" {
		return info, nil
	}
	var said struct {
		Software struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"software"`
	}
	if err := c.decode(ctx, q, &said); err != nil {
		return nil, err
	}
	info.Software, info.Version = strings.ToLower(cut(said.Software.Name)), cut(said.Software.Version)
	return info, nil
}

func (c *Client) decode(ctx context.Context, q question, into any) error {
	doc, err := c.document(ctx, q)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc.Body, into); err != nil {
		return &Error{Kind: KindMalformed, Op: q.op, URL: q.target, Detail: err.Error()}
	}
	return nil
}
