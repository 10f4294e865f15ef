package dispatches

import (
	"context"
	"fmt"
	"io"

	"valise/models"
	"valise/models/iri"
)

// bundleFileMost bounds the attachments that a saved dispatch carries inside, in bytes;
// larger ones are named by digest alone.
const bundleFileMost = 64 << 20

// Bundle gathers what verifies a dispatch offline, years later: the signed bytes, the
// documents that vouch for the keys, files and receipts.
func (s *Dispatches) Bundle(ctx context.Context, person iri.IRI, name string) (*Bundle, error) {
	v, err := s.Show(ctx, person, name)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Dispatch: v.Dispatch.IRI, Reference: v.Dispatch.Reference, SavedBy: s.Own, SavedAt: s.now()}
	if v.Dispatch.Tombstone != nil {
		// The signed Delete, where it is here: the tombstone itself carries no proof.
		b.Tombstone = string(v.Dispatch.Tombstone)
		if signed, err := models.SignedDelete(ctx, s.Store.R, v.Dispatch.IRI); err == nil && len(signed) > 0 {
			b.Tombstone = string(signed)
		}
	}
	for _, d := range v.Versions {
		row := BundleVersion{Version: d.Version, Document: string(d.Document), Digest: d.Digest}
		if a, err := models.ArrivalOf(ctx, s.Store.R, d.Activity); err == nil && a.Request != "local" {
			row.Arrival = a.Request
		}
		b.Versions = append(b.Versions, row)
	}
	total := int64(0)
	for _, a := range v.Attachments {
		row := BundleAttachment{Name: a.Name, MediaType: a.MediaType, Size: a.Size, Digest: a.Digest}
		if total += a.Size; a.State == models.AttachmentHere && total <= bundleFileMost {
			if row.Content, err = s.content(a.Digest); err != nil {
				return nil, fmt.Errorf("save the attachment %s: %w", a.Name, err)
			}
		}
		b.Attachments = append(b.Attachments, row)
	}
	signers := []iri.IRI{v.Dispatch.Author, iri.IRI(v.Dispatch.AuthorHost.Base() + "/actor")}
	for _, e := range v.Evidence {
		b.Evidence = append(b.Evidence, BundleEvidence{Addressee: e.Addressee, Station: e.Station, At: e.At, Document: string(e.Document)})
		if e.Document != nil {
			signers = append(signers, e.ByActor, iri.IRI(e.ByActor.Host().Base()+"/actor"))
		}
	}
	return b, s.vouchers(ctx, b, signers)
}

// vouchers adds the actor documents and key histories of everybody who signed.
func (s *Dispatches) vouchers(ctx context.Context, b *Bundle, signers []iri.IRI) error {
	done := map[iri.IRI]bool{}
	for _, id := range signers {
		if done[id] {
			continue
		}
		done[id] = true
		actor, err := models.ActorByIRI(ctx, s.Store.R, id)
		if models.NotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		doc := actor.Document
		if actor.Local {
			if doc, err = s.ActorDocument(ctx, actor); err != nil {
				return err
			}
		}
		b.Actors = append(b.Actors, string(doc))
		keys, err := models.KeysOf(ctx, s.Store.R, id)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.Entry != nil {
				b.History = append(b.History, string(k.Entry))
			}
		}
	}
	return nil
}

func (s *Dispatches) content(digest string) ([]byte, error) {
	f, err := s.Files.Open(digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
