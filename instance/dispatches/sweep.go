package dispatches

import (
	"context"
	"fmt"
	"slices"
	"time"

	"valise/models"
	"valise/models/iri"
)

const (
	// unnamedFor is how long a file stays that nothing names: an upload waits to be
	// attached, or a person wants back what she has just taken out.
	unnamedFor = 30 * 24 * time.Hour
	// asideFor is how long a file then stays out of sight before it is erased.
	asideFor = time.Hour
	// sweepMost bounds the files that one turn meets, sweepScans those for which it reads
	// through all texts because no attachment names them.
	sweepMost  = 200
	sweepScans = 5
)

// forget erases files that no dispatch in force holds any more, after the commit.
func (s *Dispatches) forget(ctx context.Context, id iri.IRI) {
	if s.Erased != nil {
		s.Erased()
	}
	if err := s.SweepFiles(ctx); err != nil {
		s.Log.Error("attachments of a withdrawn dispatch are not erased yet; it is tried again", "dispatch", id, "err", err)
	}
}

// SweepFiles erases files whose every dispatch was withdrawn and that no draft holds.
func (s *Dispatches) SweepFiles(ctx context.Context) error {
	digests, err := models.ErasedDigests(ctx, s.Store.R, 200)
	if err != nil {
		return err
	}
	for _, digest := range slices.Compact(digests) {
		held, err := models.FileInDraft(ctx, s.Store.R, digest)
		if err != nil {
			return err
		}
		if !held {
			if err := s.Files.Delete(digest); err != nil {
				return err
			}
		}
		if err := models.ForgetErased(ctx, s.Store.W, digest); err != nil {
			return err
		}
	}
	return nil
}

// SweepUnnamed erases files that nothing names any more: those that only revisions held
// that nobody can go back to, and uploads that were never attached. Such a file is set
// aside first and looked for again before it is erased, so that nothing is lost that comes
// to name it meanwhile. One turn is bounded; the next goes on where it ended.
func (s *Dispatches) SweepUnnamed(ctx context.Context) (erased int, err error) {
	now := s.Now()
	found, last, err := s.Files.Olds(s.swept, now.Add(-asideFor), sweepMost)
	if err != nil {
		return 0, err
	}
	scans := 0
	for _, f := range found {
		if !f.Aside && f.Since.After(now.Add(-unnamedFor)) {
			continue
		}
		named, err := models.FileAttached(ctx, s.Store.R, f.Digest)
		if err == nil && !named {
			if scans++; scans > sweepScans {
				return erased, nil
			}
			named, err = models.FileNamed(ctx, s.Store.R, f.Digest)
		}
		switch {
		case err != nil:
		case named && f.Aside:
			err = s.Files.Restore(f.Digest)
		case f.Aside:
			err = s.Files.EraseAside(f.Digest)
			erased++
		case !named:
			err = s.Files.SetAside(f.Digest, now)
		}
		if err != nil {
			return erased, fmt.Errorf("sweep attachments: %w", err)
		}
		s.swept = f.Place
	}
	s.swept = last
	return erased, nil
}
