// Package sample holds a part of the real, openly licensed correspondence corpus
// as embedded data, for the demo, the tests and the benchmarks. data/LICENCE.md
// names the sources. Markings in the texts are historical.
package sample

import (
	"bytes"
	"embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"valise/instance/archive/tei"
)

//go:embed data/*.xml data/*.csv
var data embed.FS

// Volumes, in the order of Documents.
const (
	Kennedy = "frus1961-63v06"    // letters between two heads of government
	Cyprus  = "frus1964-68v16"    // telegrams with precedence and repeats
	UN      = "frus1969-76ve14p1" // full headers, TAGS, circulars to all posts
)

var volumes = []struct{ name, file string }{
	{Kennedy, "data/frus1961-63v06.xml"},
	{Cyprus, "data/frus1964-68v16.part.xml"},
	{UN, "data/frus1969-76ve14p1.part.xml"},
}

// Post is a diplomatic or consular post.
type Post struct {
	Name          string // "Embassy Ankara"
	City, Country string
	Type          string  // "embassy", "consulate-general", "consulate", …
	Located       bool    // the directory gives coordinates; it has none for London and Paris
	Lat, Lon      float64 // degrees, north and east positive
}

type set struct {
	documents []tei.Document
	index     map[string]int // "volume/id"
	posts     []Post
}

// load reads everything once. The data is part of the program and a test reads
// it, so a fault in it is a fault of the build, and panics.
var load = sync.OnceValue(func() *set {
	s := &set{index: make(map[string]int)}
	for _, v := range volumes {
		if err := s.read(v.name, v.file); err != nil {
			panic("sample: " + err.Error())
		}
	}
	if err := s.directory(); err != nil {
		panic("sample: " + err.Error())
	}
	return s
})

func (s *set) read(volume, file string) error {
	text, err := data.ReadFile(file)
	if err != nil {
		return err
	}
	report, err := tei.Read(bytes.NewReader(text), volume, func(d tei.Document) error {
		s.index[volume+"/"+d.ID] = len(s.documents)
		s.documents = append(s.documents, d)
		return nil
	})
	if err == nil && len(report.Problems) > 0 {
		err = fmt.Errorf("reading %s: %s: %s", file, report.Problems[0].ID, report.Problems[0].Reason)
	}
	return err
}

func (s *set) directory() error {
	posts, err := table("data/posts.csv")
	if err != nil {
		return err
	}
	for _, row := range posts {
		post := Post{
			Name: posted[row["post_type"]] + " " + row["city"], City: row["city"], Country: row["country"], Type: row["post_type"],
		}
		if row["latitude"] != "" {
			post.Located = true
			if post.Lat, err = strconv.ParseFloat(row["latitude"], 64); err != nil {
				return fmt.Errorf("posts.csv: latitude of %s: %w", row["post_id"], err)
			}
			if post.Lon, err = strconv.ParseFloat(row["longitude"], 64); err != nil {
				return fmt.Errorf("posts.csv: longitude of %s: %w", row["post_id"], err)
			}
		}
		s.posts = append(s.posts, post)
	}
	return nil
}

var posted = map[string]string{
	"embassy": "Embassy", "consulate": "Consulate", "consulate-general": "Consulate General",
	"consular-agency": "Consular Agency",
}

// table reads a CSV file with a heading row.
func table(file string) ([]map[string]string, error) {
	text, err := data.ReadFile(file)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	out := make([]map[string]string, 0, len(rows)-1)
	for _, row := range rows[1:] {
		fields := make(map[string]string, len(row))
		for i, name := range rows[0] {
			fields[name] = row[i]
		}
		out = append(out, fields)
	}
	return out, nil
}

// Documents returns the embedded documents, by volume and in printed order. The
// slice is the caller's; what the documents point to is shared and must not be
// changed.
func Documents() []tei.Document { return slices.Clone(load().documents) }

// Document finds one document, for example Document(Kennedy, "d65").
func Document(volume, id string) (tei.Document, bool) {
	s := load()
	i, ok := s.index[volume+"/"+id]
	if !ok {
		return tei.Document{}, false
	}
	return s.documents[i], true
}

// Volume is one embedded file as it is.
type Volume struct {
	Name      string
	XML       []byte // the caller must not change it
	Documents int
}

// Volumes returns the embedded files, in the order of Documents.
func Volumes() []Volume {
	var out []Volume
	for _, v := range volumes {
		text, err := data.ReadFile(v.file)
		if err != nil {
			panic("sample: " + err.Error())
		}
		out = append(out, Volume{v.name, text, bytes.Count(text, []byte(` type="document"`))})
	}
	return out
}

// Posts returns the posts of the directory that were open in 2011, by country.
func Posts() []Post { return slices.Clone(load().posts) }
