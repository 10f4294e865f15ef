package peers

import (
	"slices"
	"strings"
)

const (
	public      = "https://www.w3.org/ns/activitystreams#Public"
	contextAS2  = "https://www.w3.org/ns/activitystreams"
	contextKeys = "https://w3id.org/security/v1"
)

type object = map[string]any

func text(o object, key string) string { s, _ := o[key].(string); return s }

// id is the id of a member that may be embedded or a bare string.
func id(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case object:
		return text(v, "id")
	}
	return ""
}

func embedded(o object, key string) object { e, _ := o[key].(object); return e }

// each reads a member that may be one value or a list.
func each(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func ids(o object, keys ...string) []string {
	var out []string
	for _, key := range keys {
		for _, v := range each(o[key]) {
			out = append(out, id(v))
		}
	}
	return out
}

func isPublic(recipients []string) bool {
	return slices.ContainsFunc(recipients, func(s string) bool { return s == public || s == "as:Public" || s == "Public" })
}

// mentions are the actors that the tags of a post name.
func mentions(post object) []string {
	var out []string
	for _, tag := range each(post["tag"]) {
		if t, ok := tag.(object); ok && text(t, "type") == "Mention" {
			out = append(out, text(t, "href"))
		}
	}
	return out
}

func sameHost(a, b string) bool { return hostOf(a) != "" && hostOf(a) == hostOf(b) }

func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "#")
	return host
}
