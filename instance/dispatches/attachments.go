package dispatches

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"valise/federation/remote"
	"valise/models"
	"valise/models/files"
	"valise/models/iri"
)

// Fetcher gets a file from a URL, signed by an actor of ours, at most limit bytes.
type Fetcher func(ctx context.Context, url, signer iri.IRI, limit int64, w io.Writer) error

// attachmentTries is how often a file is asked for before it is given up: soon at first,
// since the community's host may be fetching it itself, then for some hours.
const attachmentTries = 14

// FetchMissing gets attachments that are announced but not here: from the community's
// host first, then from the author's. Size and digest are checked before anything is
// kept; the author's proof covers both, so the source does not matter. It returns how
// many files were tried.
func (s *Dispatches) FetchMissing(ctx context.Context) (int, error) {
	due, err := models.MissingAttachments(ctx, s.Store.R, s.now(), 20)
	if err != nil {
		return 0, err
	}
	for i := range due {
		a := &due[i]
		if err := s.fetchOne(ctx, a); err != nil {
			a.Attempts++
			a.Reason = err.Error()
			a.NextAt = s.now().Add(time.Second << min(a.Attempts-1, 12))
			var e *remote.Error
			refused := errors.Is(err, files.ErrDigest) || errors.Is(err, files.ErrTooLarge) || errors.As(err, &e) && e.Kind == remote.KindTooLarge
			if refused || a.Attempts >= attachmentTries {
				a.State = models.AttachmentRefused
				s.Log.Warn("attachment refused", "dispatch", a.Dispatch, "digest", a.Digest, "why", err)
			}
		} else {
			a.State, a.Reason = models.AttachmentHere, ""
		}
		if err := models.SaveAttachment(ctx, s.Store.W, a); err != nil {
			return i, err
		}
	}
	return len(due), nil
}

func (s *Dispatches) fetchOne(ctx context.Context, a *models.Attachment) error {
	if s.Files.Has(a.Digest) {
		return nil
	}
	d, err := models.DispatchByIRI(ctx, s.Store.R, a.Dispatch)
	if err != nil {
		return err
	}
	signer, err := s.signerFor(ctx, d)
	if err != nil {
		return err
	}
	sources := []iri.IRI{a.URL}
	if d.Community != "" && d.Community.Host() != s.Own {
		sources = []iri.IRI{d.Community + "/files/" + iri.IRI(a.Digest), a.URL}
	}
	var failed error
	for _, source := range sources {
		_, size, err := s.Files.Fill(a.Size, a.Digest, func(w io.Writer) error { return s.Fetch(ctx, source, signer, a.Size, w) })
		if err == nil && size != a.Size {
			err = fmt.Errorf("it has %d bytes, not %d", size, a.Size)
		}
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("from %s: %w", source.Host(), err))
		if errors.Is(err, files.ErrDigest) {
			continue
		}
	}
	return failed
}

// signerFor is an actor of ours that is in the dispatch's audience: an addressee, a
// member of its community, or the community itself.
func (s *Dispatches) signerFor(ctx context.Context, d *models.Dispatch) (iri.IRI, error) {
	if d.Community != "" && d.Community.Host() != s.Own {
		ms, err := models.LocalMembers(ctx, s.Store.R, d.Community, s.Own, s.now())
		if err != nil {
			return "", err
		}
		for _, m := range ms {
			if m.Ceiling >= d.MarkingRank && m.HistoryFrom <= d.DistributedAt {
				return m.Actor, nil
			}
		}
	}
	to, err := models.AddresseesOf(ctx, s.Store.R, d.IRI)
	if err != nil {
		return "", err
	}
	for _, a := range to {
		if a.Local {
			return a.Actor, nil
		}
	}
	return "", fmt.Errorf("nobody here is in the audience of %s", d.IRI)
}
