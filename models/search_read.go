package models

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// SearchSources is what the index is made of, for one batch.
type SearchSources struct {
	Dispatches map[iri.IRI]*Dispatch
	Comments   map[iri.IRI]*Comment
	Addressees map[iri.IRI][]iri.IRI
	Tags       map[iri.IRI][]string
	Names      map[iri.IRI]SearchName
}

// ReadSearchSources reads what is indexed of some jobs: five statements, however many
// they are. What is gone or erased is not in the answer.
func ReadSearchSources(ctx context.Context, db bun.IDB, jobs []SearchJob) (*SearchSources, error) {
	s := &SearchSources{Dispatches: map[iri.IRI]*Dispatch{}, Comments: map[iri.IRI]*Comment{}, Addressees: map[iri.IRI][]iri.IRI{}, Tags: map[iri.IRI][]string{}}
	var dispatches, comments []iri.IRI
	for _, j := range jobs {
		if j.Source == SearchComment {
			comments = append(comments, j.Object)
		} else {
			dispatches = append(dispatches, j.Object)
		}
	}
	var actors []iri.IRI
	if len(dispatches) > 0 {
		var rows []*Dispatch
		if err := db.NewSelect().Model(&rows).ExcludeColumn("tombstone").Where("d.iri IN (?)", bun.List(dispatches)).Where("d.latest").Where("d.document IS NOT NULL").Limit(int64(len(dispatches))).Scan(ctx); err != nil {
			return nil, err
		}
		for _, d := range rows {
			s.Dispatches[d.IRI] = d
			actors = append(actors, d.Author, d.Community)
		}
		var to []Addressee
		if err := db.NewSelect().Model(&to).Column("dispatch", "actor").Where("dispatch IN (?)", bun.List(dispatches)).OrderBy("dispatch", bun.OrderAsc).OrderBy("actor", bun.OrderAsc).Limit(int64(len(dispatches)) * 1024).Scan(ctx); err != nil {
			return nil, err
		}
		for _, a := range to {
			s.Addressees[a.Dispatch] = append(s.Addressees[a.Dispatch], a.Actor)
			actors = append(actors, a.Actor)
		}
		var tags []struct {
			Dispatch iri.IRI
			Tag      string
		}
		if err := db.NewRaw(`SELECT dispatch, tag FROM dispatch_tags WHERE dispatch IN (?) ORDER BY dispatch, tag LIMIT ?`, bun.List(dispatches), len(dispatches)*100).Scan(ctx, &tags); err != nil {
			return nil, err
		}
		for _, t := range tags {
			s.Tags[t.Dispatch] = append(s.Tags[t.Dispatch], t.Tag)
		}
	}
	if len(comments) > 0 {
		var rows []*Comment
		if err := db.NewSelect().Model(&rows).ExcludeColumn("document").Where("d.iri IN (?)", bun.List(comments)).Where("d.state = 'shown'").Limit(int64(len(comments))).Scan(ctx); err != nil {
			return nil, err
		}
		for _, c := range rows {
			s.Comments[c.IRI] = c
			actors = append(actors, c.Author, c.AttestedFor, c.Community)
		}
	}
	var err error
	s.Names, err = searchNames(ctx, db, actors)
	return s, err
}

// SearchName holds the names by which a dispatch's author, addressees and community are
// searched for: user name, display name, host and, of an office of ours, its code.
type SearchName struct {
	IRI      iri.IRI
	Host     iri.Host
	Username string
	Name     string
	Code     string
}

// searchNames reads them; an actor that is not known here has its id alone.
func searchNames(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]SearchName, error) {
	out := map[iri.IRI]SearchName{}
	slices.Sort(ids)
	for ids = slices.Compact(ids); len(ids) > 0; {
		n := min(len(ids), 500)
		// A community of ours has its name in its actor too.
		rows, err := bound(ctx, db, `SELECT a.iri, a.host, a.username, a.name, COALESCE(o.code, '') FROM actors AS a LEFT JOIN offices AS o ON o.iri = a.iri WHERE a.iri IN (?)
			UNION ALL SELECT c.iri, '', '', c.name, '' FROM communities AS c WHERE c.iri IN (?) AND NOT EXISTS (SELECT 1 FROM actors AS a WHERE a.iri = c.iri AND a.name <> '')`, ids[:n], ids[:n])
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var s SearchName
			if err := rows.Scan(&s.IRI, &s.Host, &s.Username, &s.Name, &s.Code); err != nil {
				rows.Close()
				return nil, err
			}
			if have, ok := out[s.IRI]; ok {
				s.Host, s.Username = have.Host, have.Username
			}
			out[s.IRI] = s
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return out, nil
}
