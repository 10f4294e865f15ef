package bench

import (
	"context"
	"fmt"
	"html"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/cmd/internal/node"
	"valise/cmd/internal/sample"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/archive"
	"valise/instance/archive/tei"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Corpus is what FillCorpus has made, for those who read it.
type Corpus struct {
	Offices     []iri.IRI
	Persons     []iri.IRI // one for each office, with every right there
	Communities []iri.IRI
	Dispatches  []iri.IRI // at most corpusNamed, of all ages
	Records     []iri.IRI // at most corpusNamed archive records
}

const (
	corpusOffices = 12
	corpusNamed   = 1000
	corpusBatch   = 400
	corpusYears   = 3
	// corpusArchive: one of so many is an archive record, about as the whole printed
	// corpus stands to 50,000 dispatches.
	corpusArchive = 14
)

// FillCorpus fills a fresh instance with n pieces of correspondence: signed dispatches
// between its own offices, over the last three years, one in four in a community, some
// in answer to another; and archive records. The same n gives the same texts. They are
// written straight into the store, with the rows that a release leaves, so that `valise
// check` finds nothing; there are no deliveries, since nothing goes to other instances.
func FillCorpus(ctx context.Context, n *node.Node, count int) (*Corpus, error) {
	f := &filler{node: n, random: rand.New(rand.NewPCG(uint64(count), 0x636f72707573)), now: n.Now().UTC().Truncate(time.Second)}
	if err := f.staff(ctx); err != nil {
		return nil, fmt.Errorf("fill the corpus: %w", err)
	}
	records := count / corpusArchive
	if err := f.archive(ctx, records); err != nil {
		return nil, fmt.Errorf("fill the corpus: %w", err)
	}
	f.total = count - records
	var batch []sample.Draft
	for d := range sample.Generate(f.total, 1) {
		if batch = append(batch, d); len(batch) == corpusBatch {
			if err := f.write(ctx, batch); err != nil {
				return nil, fmt.Errorf("fill the corpus: %w", err)
			}
			batch = batch[:0]
		}
	}
	if err := f.write(ctx, batch); err != nil {
		return nil, fmt.Errorf("fill the corpus: %w", err)
	}
	return &f.Corpus, nil
}

type counter struct {
	office iri.IRI
	year   int
}

type filler struct {
	Corpus
	node    *node.Node
	random  *rand.Rand
	now     time.Time
	codes   map[iri.IRI]string
	numbers map[counter]int64
	total   int
	done    int
	recent  []*models.Dispatch // that others may answer
}

// staff opens offices at real posts, with one officer each, and three communities.
func (f *filler) staff(ctx context.Context) error {
	f.codes, f.numbers = map[iri.IRI]string{}, map[counter]int64{}
	used := map[string]bool{}
	for _, post := range sample.Posts() {
		name := strings.ToLower(post.City)
		if len(f.Offices) == corpusOffices {
			break
		}
		if used[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" || post.Type != "embassy" {
			continue
		}
		used[name] = true
		o, err := f.node.Accounts.AddOffice(ctx, "bench", name, strings.ToUpper(name), post.Name, post.City)
		if err != nil {
			return err
		}
		p, err := f.node.Accounts.AddPerson(ctx, "bench", "officer-"+name, "Officer in "+post.City)
		if err != nil {
			return err
		}
		if err := f.node.Accounts.Grant(ctx, "bench", o.IRI, p.IRI, []string{models.ActRead, models.ActDraft, models.ActClear, models.ActRelease}, time.Time{}); err != nil {
			return err
		}
		f.Offices, f.Persons, f.codes[o.IRI] = append(f.Offices, o.IRI), append(f.Persons, p.IRI), strings.ToUpper(name)
	}
	for i, name := range []string{"Shared waters", "Trade round", "Press circle"} {
		c, err := f.node.Communities.Open(ctx, f.Persons[i], communities.Opening{Office: f.Offices[i], Username: strings.ReplaceAll(strings.ToLower(name), " ", "-"), Name: name,
			Charter: "What members tell each other here stays here.", Ceiling: "LIMITED"})
		if err != nil {
			return err
		}
		f.Communities = append(f.Communities, c.IRI)
	}
	return nil
}

// archive imports the embedded documents, again and again under other names.
func (f *filler) archive(ctx context.Context, n int) error {
	var docs []tei.Document
	all := sample.Documents()
	for i := range n {
		d := all[i%len(all)]
		d.Volume = fmt.Sprintf("%s-%d", d.Volume, i/len(all)+1)
		docs = append(docs, d)
		if len(f.Records) < corpusNamed {
			f.Records = append(f.Records, archive.ID(f.node.Own, d.Volume, d.ID))
		}
	}
	for start := 0; start < len(docs); start += 1000 {
		office := f.Offices[start/1000%len(f.Offices)]
		if _, err := f.node.Archive.Import(ctx, "bench", office, docs[start:min(start+1000, len(docs))]); err != nil {
			return err
		}
	}
	return nil
}

// rows are those of one transaction.
type rows struct {
	dispatches    []*models.Dispatch
	addressees    [][]models.Addressee
	references    []models.DispatchReference
	evidence      []*models.Evidence
	registrations []models.Registration
	signers       map[iri.IRI]sign.Signer // held by this transaction
}

// write writes a batch. Registrations come before the addressees, whose place in a
// folder is worked out from them.
func (f *filler) write(ctx context.Context, drafts []sample.Draft) error {
	if len(drafts) == 0 {
		return nil
	}
	return f.node.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		b := &rows{signers: map[iri.IRI]sign.Signer{}}
		for _, d := range drafts {
			if err := f.dispatch(ctx, tx, b, d); err != nil {
				return err
			}
		}
		if len(b.registrations) > 0 {
			if _, err := tx.NewInsert().Model(&b.registrations).Exec(ctx); err != nil {
				return err
			}
		}
		for i, d := range b.dispatches {
			if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
				return err
			}
			if err := models.InsertAddressees(ctx, tx, b.addressees[i]); err != nil {
				return err
			}
			f.remember(d)
		}
		if err := models.InsertReferences(ctx, tx, b.references); err != nil {
			return err
		}
		if err := models.InsertEvidence(ctx, tx, b.evidence...); err != nil {
			return err
		}
		for c, last := range f.numbers {
			if _, err := tx.NewRaw(`INSERT INTO reference_counters (office, year, last) VALUES (?, ?, ?) ON CONFLICT (office, year) DO UPDATE SET last = EXCLUDED.last`, c.office, c.year, last).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// dispatch makes the rows that a release leaves of one draft.
func (f *filler) dispatch(ctx context.Context, tx bun.Tx, b *rows, draft sample.Draft) (err error) {
	n, r := f.node, f.random
	from := r.IntN(len(f.Offices))
	office := f.Offices[from]
	// Evenly over the years, oldest first, so that numbers and ids go with time.
	age := time.Duration(float64(corpusYears*365*24*time.Hour) * (1 - float64(f.done)/float64(max(f.total, 1))))
	at := f.now.Add(-age).Truncate(time.Second)
	f.done++
	count := counter{office, at.Year()}
	f.numbers[count]++
	number := f.numbers[count]
	level, ok := n.Guard.Level(draft.Marking)
	if !ok {
		return fmt.Errorf("%q is no marking here", draft.Marking)
	}
	rank := 0
	for _, l := range n.Dispatches.Profile.Levels {
		if l.Name == draft.Precedence {
			rank = l.Rank
		}
	}
	base := n.Own.Base()
	w := &vocab.Dispatch{ID: iri.IRI(fmt.Sprintf("%s/d/c%06d", base, f.done)), AttributedTo: office, Name: draft.Subject, Published: at, Version: 1,
		ReferenceNumber: fmt.Sprintf("%s %d/%06d", f.codes[office], at.Year(), number), DispatchType: []string{"cable", "cable", "cable", "note-verbale", "circular"}[r.IntN(5)],
		Precedence: vocab.Grade{Scheme: n.Dispatches.Profile.Scheme, Level: draft.Precedence, Rank: rank}, Marking: vocab.Grade{Scheme: n.Guard.Scheme(), Level: level.Name, Rank: level.Rank},
		Signatory: f.Persons[from], AuthenticLanguage: "en", ReceiptRequested: []string{"delivered", "registered", "read", "taken"}}
	w.URL, w.Context = iri.IRI(base+"/read/"+string(w.ID[strings.LastIndexByte(string(w.ID), '/')+1:])), w.ID
	for i, text := range draft.Paragraphs {
		p := vocab.Paragraph{ID: fmt.Sprint(i + 1), Marking: level.Name, Language: "en", Content: "<p>" + html.EscapeString(text) + "</p>"}
		w.Paragraphs = append(w.Paragraphs, p)
		w.Content += p.Content
	}
	var addressees []models.Addressee
	add := func(actor iri.IRI, role string) {
		addressees = append(addressees, models.Addressee{Dispatch: w.ID, Actor: actor, Host: n.Own, Role: role, Local: true})
	}
	others := r.Perm(len(f.Offices) - 1)
	for i, o := range others[:1+r.IntN(4)] {
		to := f.Offices[(from+1+o)%len(f.Offices)]
		if i == 0 {
			w.To, w.ActionAddressee = append(w.To, to), append(w.ActionAddressee, to)
			add(to, models.RoleAction)
			continue
		}
		w.Cc, w.InfoAddressee = append(w.Cc, to), append(w.InfoAddressee, to)
		add(to, models.RoleInfo)
	}
	if r.IntN(4) == 0 {
		w.Audience = f.Communities[r.IntN(len(f.Communities))]
		w.To, w.InfoAddressee = append(w.To, w.Audience, w.Audience+"/followers"), append(w.InfoAddressee, w.Audience)
		add(w.Audience, models.RoleInfo)
	}
	var references []models.DispatchReference
	if len(f.recent) > 0 && r.IntN(6) == 0 {
		t := f.recent[r.IntN(len(f.recent))]
		w.Context = t.Context
		w.References = append(w.References, t.IRI)
		w.RefTags = append(w.RefTags, vocab.RefTag{Name: t.Reference, Href: t.IRI, DigestMultibase: t.Digest})
		references = append(references, models.DispatchReference{Dispatch: w.ID, Target: t.IRI, Label: t.Reference, Digest: t.Digest})
	}
	if b.signers[office] == nil {
		if b.signers[office], err = n.Keyring.Signer(ctx, tx, office, sign.Ed25519, n.Now()); err != nil {
			return err
		}
	}
	// The keys are of today, and so are the seals.
	document, err := sign.Prove(w.Encode(), b.signers[office], n.Now())
	if err != nil {
		return err
	}
	digest, err := sign.ObjectDigest(document)
	if err != nil {
		return err
	}
	d := &models.Dispatch{IRI: w.ID, Version: 1, Latest: true, Origin: models.OriginIssued, Author: office, AuthorHost: n.Own, Community: w.Audience, Reference: w.ReferenceNumber,
		Kind: w.DispatchType, Subject: w.Name, Precedence: draft.Precedence, PrecedenceRank: int64(rank), Marking: level.Name, MarkingRank: int64(level.Rank), Language: "en",
		Context: w.Context, Activity: iri.IRI(fmt.Sprintf("%s/a/c%06d", base, f.done)), Document: document, Digest: digest, Signatory: w.Signatory, State: models.DispatchInForce,
		PublishedAt: models.At(at), DistributedAt: models.At(at), Excerpt: dispatches.Excerpt(w.Paragraphs[0].Content), CreatedAt: models.At(at)}
	b.dispatches, b.addressees, b.references = append(b.dispatches, d), append(b.addressees, addressees), append(b.references, references...)
	for _, a := range addressees {
		b.evidence = append(b.evidence, &models.Evidence{Dispatch: d.IRI, Version: 1, Addressee: a.Actor, Station: models.Submitted, ByActor: d.Author, At: d.PublishedAt})
	}
	action := addressees[0]
	b.evidence = append(b.evidence, &models.Evidence{Dispatch: d.IRI, Version: 1, Addressee: action.Actor, Station: models.Delivered, ByActor: action.Actor, At: d.PublishedAt})
	// Most ACTION addressees have taken what is older than a month.
	if age > 30*24*time.Hour && r.IntN(10) > 0 {
		then := d.PublishedAt.Add(time.Hour)
		b.registrations = append(b.registrations, models.Registration{Dispatch: d.IRI, Office: action.Actor, Number: fmt.Sprintf("R-%d", f.done), RegisteredAt: then, ReadAt: then, TakenAt: then})
	}
	return nil
}

// remember keeps a few hundred of the latest to be answered, and names some of all ages.
func (f *filler) remember(d *models.Dispatch) {
	d.Document = nil
	if len(f.recent) < 300 {
		f.recent = append(f.recent, d)
	} else {
		f.recent[f.random.IntN(len(f.recent))] = d
	}
	if every := max(f.total/corpusNamed, 1); f.done%every == 0 && len(f.Dispatches) < corpusNamed {
		f.Dispatches = append(f.Dispatches, d.IRI)
	}
}
