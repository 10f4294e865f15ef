package tei

import "strings"

const (
	maxNames = 500 // of one document
	longName = 200 // bytes of the longest name that is taken as one
	longNote = 400 // bytes of what a volume's list says of a name
)

// readItem keeps what an item of the volume's lists of persons and of terms says.
func (v *reader) readItem(item *node) {
	text := ""
	item.each(func(c *node) bool {
		if c.name != "persName" && c.name != "term" {
			return true
		}
		if id := c.attr("id"); id != "" && len(v.about) < maxAbout {
			if text == "" {
				text = oneLine(item, " ")
			}
			v.about[id] = clip(strings.Trim(strings.TrimPrefix(text, oneLine(c, " ")), " ,.;"), longNote)
		}
		return false
	})
}

// names lists what the editors tagged in a document, notes included, each thing once.
func names(root *node, about map[string]string) []Name {
	var out []Name
	seen := map[Name]bool{}
	root.each(func(c *node) bool {
		if !own(c) || len(out) == maxNames {
			return false
		}
		kind := nameKind(c)
		if kind == "" {
			return true
		}
		n := Name{Kind: kind, Text: strings.Trim(oneLine(c, " "), " ,.;:"), Key: nameKey(c)}
		same := Name{Kind: kind, Key: n.Key}
		if n.Key == "" {
			same.Text = n.Text
		}
		if n.Text == "" || len(n.Text) > longName || seen[same] {
			return true
		}
		seen[same] = true
		n.About = about[n.Key]
		out = append(out, n)
		return true
	})
	return out
}

func nameKind(c *node) NameKind {
	switch c.name {
	case "persName":
		return NamePerson
	case "placeName":
		return NamePlace
	case "orgName":
		return NameOffice
	case "rs":
		switch c.attr("type") {
		case "person":
			return NamePerson
		case "place":
			return NamePlace
		case "org":
			return NameOffice
		}
	case "gloss":
		if t := c.attr("type"); t == "from" || t == "to" {
			return NameOffice
		}
		if c.attr("target") != "" {
			return NameTerm
		}
	}
	return ""
}

func nameKey(c *node) string {
	for _, a := range []string{"corresp", "ref", "target"} {
		if v, _, _ := strings.Cut(c.attr(a), " "); v != "" {
			return strings.TrimPrefix(v, "#")
		}
	}
	return ""
}
