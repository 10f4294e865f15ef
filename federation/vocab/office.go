package vocab

import "valise/models/iri"

// OfficeItem is an office in the directory of its instance: what people find it by. Keys
// and addresses are in its actor document.
type OfficeItem struct {
	ID                iri.IRI
	PreferredUsername string
	Name              string
	Code              string // begins its reference numbers
	Post              string // a city, or ""
}

// Names of rows of a profile.
const (
	RowCode = "Code"
	RowPost = "Post"
)

// Encode returns the item, for a Page with Profiles set.
func (o OfficeItem) Encode() []byte {
	return New().IRI("id", o.ID).Str("type", "Organization").Str("preferredUsername", o.PreferredUsername).Str("name", o.Name).
		Objs("attachment", rowObjs([]Row{{RowCode, o.Code}, {RowPost, o.Post}})).Bytes()
}

// ParseOfficeItem reads an item. Whether its id is the directory's to name is for the
// caller.
func ParseOfficeItem(n *Node, rules iri.Rules) (OfficeItem, error) {
	r := reader{rules: rules}
	if TypeOf(n) != "Organization" {
		return OfficeItem{}, fault(CodeUnknownType, n, "%s is no Organization", excerpt(TypeOf(n)))
	}
	o := OfficeItem{ID: r.id(n, "id"), PreferredUsername: r.need(n, "preferredUsername"), Name: r.str(n, "name")}
	for row := range n.Get("attachment").Each() {
		if TypeOf(row) != "PropertyValue" {
			continue
		}
		switch r.str(row, "name") {
		case RowCode:
			o.Code = r.str(row, "value")
		case RowPost:
			o.Post = r.str(row, "value")
		}
	}
	if r.err != nil {
		return OfficeItem{}, r.err
	}
	return o, nil
}

// rowObjs writes the rows that have a value.
func rowObjs(rows []Row) []*Obj {
	var out []*Obj
	for _, row := range rows {
		if row.Value != "" {
			out = append(out, New().Str("type", "PropertyValue").Str("name", row.Name).Str("value", row.Value))
		}
	}
	return out
}
