package search

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"valise/models"
)

// Facets of an answer.
const (
	FacetOffice     = "office"
	FacetPeer       = "peer"
	FacetKind       = "kind"
	FacetMarking    = "marking"
	FacetPrecedence = "precedence"
	FacetTag        = "tag"
	FacetLanguage   = "language"
	FacetYear       = "year"
	FacetPart       = "part" // live or archive
)

// Facet is one way to part an answer, the commonest values first.
type Facet struct {
	Name   string
	Values []FacetValue
	// More says that there are other values, which fewer hits have.
	More bool
}

// FacetValue is a value with how many hits have it. Filter is what narrows the question
// to it, in the words of the question.
type FacetValue struct {
	Value  string
	Label  string // the name of an office; "" where Value says it
	Count  int
	Filter string
}

// valuesMost bounds the values of one facet.
const valuesMost = 12

// facets count what was found. Facets without a value are left out.
func facets(found []*models.SearchEntry) []Facet {
	names := []string{FacetPart, FacetOffice, FacetPeer, FacetKind, FacetMarking, FacetPrecedence, FacetTag, FacetLanguage, FacetYear}
	counts := make([]map[string]int, len(names))
	for i := range counts {
		counts[i] = map[string]int{}
	}
	for _, e := range found {
		part := partLive
		if e.Archive {
			part = partArchive
		}
		year := ""
		if e.Year != 0 {
			year = strconv.FormatInt(e.Year+10000, 10)[1:] // four digits
		}
		for i, value := range []string{part, string(e.Office), string(e.Peer), e.Kind, e.Marking, e.Precedence, "", e.Language, year} {
			if value != "" {
				counts[i][value]++
			}
		}
		for _, tag := range e.Tags {
			counts[slices.Index(names, FacetTag)][tag]++
		}
	}
	var out []Facet
	for i, name := range names {
		if len(counts[i]) == 0 {
			continue
		}
		f := Facet{Name: name}
		for value, n := range counts[i] {
			f.Values = append(f.Values, FacetValue{Value: value, Count: n})
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value)) })
		if f.More = len(f.Values) > valuesMost; f.More {
			f.Values = f.Values[:valuesMost]
		}
		for i, v := range f.Values {
			f.Values[i].Filter = filter(name, v.Value)
		}
		out = append(out, f)
	}
	return out
}

// unquoted takes out what would end a phrase.
var unquoted = strings.NewReplacer(`"`, " ", "”", " ", "»", " ")

// filter writes the filter of a value.
func filter(name, value string) string {
	quoted := `"` + unquoted.Replace(value) + `"`
	switch name {
	case FacetOffice, FacetPeer:
		return "from:" + value
	case FacetKind, FacetMarking, FacetPrecedence, FacetTag:
		return name + ":" + quoted
	case FacetLanguage:
		return "lang:" + quoted
	case FacetYear:
		var year int
		fmt.Sscan(value, &year)
		return fmt.Sprintf("after:%04d before:%04d", year, year+1)
	}
	return "in:" + value
}
