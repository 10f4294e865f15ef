package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"valise/models/iri"
)

// CheckID checks that the document's own "id" is requested, or the URL on the
// same origin to which requested was redirected (FEP-fe34). A second spelling
// of that member ("ID", "@id", or "id" twice) is refused, since readers differ
// in which one they take. The error is an *Error.
func (c *Client) CheckID(doc *Document, requested iri.IRI) error {
	wrong := func(kind Kind, detail string) error {
		return &Error{Kind: kind, Op: "get", URL: requested, Detail: detail}
	}
	raw, err := topLevelID(doc.Body)
	if err != nil {
		return wrong(KindMalformed, err.Error())
	}
	id, err := c.rules.Parse(raw)
	if err != nil {
		return wrong(KindWrongID, err.Error())
	}
	if !doc.URL.SameOrigin(requested) || id != requested.WithoutFragment() && id != doc.URL {
		return wrong(KindWrongID, "the document calls itself "+string(id))
	}
	return nil
}

// topLevelID returns the string member "id" of a JSON object.
func topLevelID(body []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return "", errors.New("the document is not a JSON object")
	}
	var id *string
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return "", errors.New("the document is not JSON: " + err.Error())
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", errors.New("the document is not JSON: " + err.Error())
		}
		key := t.(string) // the decoder admits nothing else here
		if !strings.EqualFold(strings.TrimPrefix(key, "@"), "id") {
			continue
		}
		if id != nil || key != "id" {
			return "", errors.New(`the document has several spellings of "id"`)
		}
		if json.Unmarshal(value, &id) != nil || id == nil {
			return "", errors.New(`the document's "id" is not a string`)
		}
	}
	if _, err := dec.Token(); err != nil {
		return "", errors.New("the document is not JSON: " + err.Error())
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", errors.New("the document is followed by something else")
	}
	if id == nil {
		return "", errors.New(`the document has no "id"`)
	}
	return *id, nil
}
