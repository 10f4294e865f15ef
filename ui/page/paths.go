package page

import (
	"net/url"
	"strings"

	"valise/models/iri"
)

// ObjectPath is the page of an object of any instance: the area, the object's host and
// its path. An id with a query keeps it as the parameter q.
func ObjectPath(area string, id iri.IRI) string {
	u, err := url.Parse(string(id))
	if err != nil {
		return "/" + area
	}
	p := "/" + area + "/" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		p += "?q=" + url.QueryEscape(u.RawQuery)
	}
	return p
}

// DispatchPath is the page of a dispatch.
func DispatchPath(id iri.IRI) string { return ObjectPath("dispatches", id) }

// ObjectID reads the id of an object from a page's address: the route holds
// ":host/*path". It is not found where it is no id.
func (r *Request) ObjectID() (iri.IRI, error) {
	rules := iri.RulesFor(r.site.Own)
	host, err := rules.ParseHost(r.Param("host"))
	if err != nil {
		return "", NotFound
	}
	p := (&url.URL{Path: r.Param("path")}).EscapedPath()
	if q := r.Query("q"); q != "" {
		p += "?" + q
	}
	id, err := rules.Parse(host.Base() + "/" + strings.TrimPrefix(p, "/"))
	if err != nil {
		return "", NotFound
	}
	return id, nil
}
