package dispatches

import (
	"context"
	"fmt"
	"html"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// View is a dispatch with everything about it that the reader may see.
type View struct {
	Dispatch    *models.Dispatch
	Wire        *vocab.Dispatch // nil once withdrawn
	Addressees  []models.Addressee
	References  []ReferenceView
	Attachments []models.Attachment
	Evidence    []*models.Evidence
	Versions    []*models.Dispatch
	Comments    []*models.Comment
}

// ReferenceView is a reference with what became of it here: "fits", "differs", "not
// here" or "withdrawn".
type ReferenceView struct {
	models.DispatchReference
	Check string
}

const evidenceMost = 2000

// Show returns a dispatch by id or reference number, if the person may see it.
func (s *Dispatches) Show(ctx context.Context, person iri.IRI, name string) (*View, error) {
	d, r, err := s.find(ctx, s.Store.R, person, name)
	if err != nil {
		return nil, err
	}
	v := &View{Dispatch: d}
	if v.Wire, err = s.Text(d); err != nil {
		return nil, err
	}
	db := s.Store.R
	if v.Addressees, err = models.AddresseesOf(ctx, db, d.IRI); err != nil {
		return nil, err
	}
	if v.Attachments, err = models.AttachmentsOf(ctx, db, d.IRI); err != nil {
		return nil, err
	}
	if v.Evidence, err = models.EvidenceOf(ctx, db, d.IRI, evidenceMost); err != nil {
		return nil, err
	}
	if v.Versions, err = models.Versions(ctx, db, d.IRI); err != nil {
		return nil, err
	}
	if v.Comments, err = models.CommentsOn(ctx, db, d.IRI, 500); err != nil {
		return nil, err
	}
	v.References, err = s.checkReferences(ctx, r, d)
	return v, err
}

// Text reads what a stored version says; nil where it was withdrawn.
func (s *Dispatches) Text(d *models.Dispatch) (*vocab.Dispatch, error) {
	if d.Origin == models.OriginArchive {
		return archived(d)
	}
	if d.Document == nil {
		return nil, nil
	}
	node, err := vocab.ParseJSON(d.Document)
	if err != nil {
		return nil, fmt.Errorf("read version %d of %s: %w", d.Version, d.IRI, err)
	}
	return vocab.ParseDispatch(node, s.Rules)
}

// archived reads the text of an archive record, which nobody here has signed.
func archived(d *models.Dispatch) (*vocab.Dispatch, error) {
	c, err := ParseContent(d.Document)
	if err != nil {
		return nil, err
	}
	w := &vocab.Dispatch{ID: d.IRI, AttributedTo: d.Author, Name: d.Subject, Summary: Sanitise(c.Summary), ReferenceNumber: d.Reference, DispatchType: d.Kind}
	for i, p := range c.Paragraphs {
		w.Paragraphs = append(w.Paragraphs, vocab.Paragraph{ID: fmt.Sprint(i + 1), Language: p.Language, Content: "<p>" + html.EscapeString(p.Text) + "</p>"})
	}
	return w, nil
}

// checkReferences compares each reference with what is here. A target that the reader
// may not see answers like one that is not here.
func (s *Dispatches) checkReferences(ctx context.Context, r audience.Reader, d *models.Dispatch) ([]ReferenceView, error) {
	refs, err := models.ReferencesOf(ctx, s.Store.R, d.IRI)
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	ids := make([]iri.IRI, len(refs))
	for i, ref := range refs {
		ids[i] = ref.Target
	}
	may, err := audience.Allowed(ctx, s.Store.R, r, audience.Dispatches, ids, s.now())
	if err != nil {
		return nil, err
	}
	states, err := models.DigestsOf(ctx, s.Store.R, ids)
	if err != nil {
		return nil, err
	}
	var out []ReferenceView
	for _, ref := range refs {
		view := ReferenceView{DispatchReference: ref, Check: "not here"}
		if have := states[ref.Target]; may[ref.Target] && len(have) > 0 {
			view.Check = "differs"
			for _, t := range have {
				switch {
				case t.State == models.DispatchWithdrawn:
					view.Check = "withdrawn"
				case t.Digest == ref.Digest, ref.Digest == "" && d.Origin == models.OriginArchive: // printed references have no digest
					view.Check = "fits"
				}
			}
		}
		out = append(out, view)
	}
	return out, nil
}

// List returns what the person may see, newest first. community and office narrow it;
// before is the row id to go on from.
func (s *Dispatches) List(ctx context.Context, person, community, office iri.IRI, before int64, limit int) ([]*models.Dispatch, error) {
	r, err := s.Reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Where(r, audience.Dispatches, s.now())
	and, andArgs := "", []any(nil)
	switch {
	case community != "":
		and, andArgs = "d.community = ?", []any{community}
	case office != "":
		and, andArgs = "(d.author = ? OR EXISTS (SELECT 1 FROM addressees AS o WHERE o.dispatch = d.iri AND o.actor = ?))", []any{office, office}
	}
	return models.DispatchesWhere(ctx, s.Store.R, cond, args, before, min(max(limit, 1), 200), and, andArgs...)
}

// Bundle is what `valise verify` checks offline: the signed bytes of every version
// that is here, and the documents that vouch for the keys.
type Bundle struct {
	Dispatch    iri.IRI            `json:"dispatch"`
	Reference   string             `json:"reference"`
	SavedBy     iri.Host           `json:"savedBy"`
	SavedAt     models.Time        `json:"savedAt"`
	Versions    []BundleVersion    `json:"versions"`
	Tombstone   string             `json:"tombstone,omitempty"`
	Attachments []BundleAttachment `json:"attachments,omitempty"`
	Evidence    []BundleEvidence   `json:"evidence,omitempty"`
	Actors      []string           `json:"actors"`  // actor documents as fetched, newest last
	History     []string           `json:"history"` // key-history entries, each twice signed
}

// BundleVersion is one version's signed bytes.
type BundleVersion struct {
	Version  int64  `json:"version"`
	Document string `json:"document"`
	Digest   string `json:"digest"`
	Arrival  string `json:"arrival,omitempty"` // request line and signed headers of the hop
}

// BundleAttachment is one file, or only its name and digest where it is not here.
type BundleAttachment struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Digest    string `json:"digest"`
	Content   []byte `json:"content,omitempty"`
}

// BundleEvidence is one signed receipt.
type BundleEvidence struct {
	Addressee iri.IRI     `json:"addressee"`
	Station   string      `json:"station"`
	At        models.Time `json:"at"`
	Document  string      `json:"document,omitempty"`
}
