package directory

import (
	"context"
	"fmt"
	"strings"

	"valise/models"
	"valise/models/iri"
)

// Kinds of address.
const (
	KindOffice     = "office"
	KindCommunity  = "community"
	KindCollective = "collective" // a name of an office for several actors
)

// Address is what a typed text may stand for among addressees.
type Address struct {
	Kind string
	// ID is the actor; of a collective address its id, which is no actor's, with the
	// Office whose name it is.
	ID     string
	Office iri.IRI
	Name   string
	Code   string // of an office
	Post   string // of an office: a city
	Handle string // "@name@host"; none of a collective address
	Own    bool   // of this instance
	// Members counts the actors behind a collective address.
	Members int
}

const (
	// MostAddresses is how many addresses one question may get.
	MostAddresses = 50
	// wordsMost bounds the words of a typed text that are looked at.
	wordsMost = 6
	// joinedMost bounds the communities that are looked through.
	joinedMost = 500
)

// Complete lists addresses in which each word of the text begins a word of the name, the
// code, the city or the handle, whatever its case and diacritics. They are the offices
// of this instance and of accredited peers, the communities that the person or an
// office of hers is in, and the collective addresses of the offices that she drafts for:
// nothing of a peer that was refused or suspended, and no community of others.
func (d *Directory) Complete(ctx context.Context, person iri.IRI, text string, limit int) ([]Address, error) {
	out, _, err := d.Find(ctx, person, text, limit)
	return out, err
}

// Find is Complete, and tells whether the person drafts for an office. It takes five
// statements.
func (d *Directory) Find(ctx context.Context, person iri.IRI, text string, limit int) (out []Address, may bool, err error) {
	words := models.AddressWords(text)
	if len(words) == 0 {
		return nil, false, nil
	}
	words, limit = words[:min(len(words), wordsMost)], min(max(limit, 1), MostAddresses)
	mandates, err := models.Mandates(ctx, d.Store.R, "", person, models.At(d.Now()), 1000)
	if err != nil {
		return nil, false, fmt.Errorf("complete an address: %w", err)
	}
	actors, drafts := []iri.IRI{person}, []iri.IRI(nil)
	for _, m := range mandates {
		actors = append(actors, m.Office)
		if m.Act == models.ActDraft {
			drafts = append(drafts, m.Office)
		}
	}
	out, err = d.collectives(ctx, drafts, words)
	if err != nil {
		return nil, false, fmt.Errorf("complete an address among collective ones: %w", err)
	}
	joined, err := d.joined(ctx, actors, words)
	if err != nil {
		return nil, false, fmt.Errorf("complete an address among communities: %w", err)
	}
	offices, err := models.FindOffices(ctx, d.Store.R, words, limit)
	if err != nil {
		return nil, false, fmt.Errorf("complete an address among offices: %w", err)
	}
	out = append(out, joined...)
	for _, o := range offices {
		out = append(out, officeAddress(o))
	}
	return out[:min(len(out), limit)], len(drafts) > 0, nil
}

func (d *Directory) collectives(ctx context.Context, offices []iri.IRI, words []string) ([]Address, error) {
	rows, err := models.Collectives(ctx, d.Store.R, offices)
	var out []Address
	for _, c := range rows {
		if begin(models.AddressWords(c.Name), words) {
			out = append(out, Address{Kind: KindCollective, ID: c.ID, Office: c.Office, Name: c.Name, Own: true, Members: len(c.Members)})
		}
	}
	return out, err
}

func (d *Directory) joined(ctx context.Context, actors []iri.IRI, words []string) ([]Address, error) {
	rows, err := models.JoinedAddresses(ctx, d.Store.R, actors, models.At(d.Now()), joinedMost)
	if err != nil {
		return nil, err
	}
	var out []Address
	for _, c := range rows {
		handle := ""
		if c.Username != "" {
			handle = iri.Handle{Name: c.Username, Host: c.Host}.String()
		}
		stands := c.Local || c.Standing == models.PeerAccredited || c.Standing == models.PeerGuest
		if stands && begin(models.AddressWords(c.Name, handle), words) {
			out = append(out, Address{Kind: KindCommunity, ID: string(c.IRI), Name: c.Name, Handle: handle, Own: c.Local})
		}
	}
	return out, nil
}

// begin tells whether each typed word begins one of the address's.
func begin(have, typed []string) bool {
	for _, t := range typed {
		found := false
		for _, w := range have {
			found = found || strings.HasPrefix(w, t)
		}
		if !found {
			return false
		}
	}
	return true
}
