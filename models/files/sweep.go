package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// aside ends the name of a file that is about to be swept: Has and Open no longer find it.
const aside = ".aside"

// Old is a file that was last kept or, Aside, set aside at a moment. Place is where it
// stands in the order of all files.
type Old struct {
	Digest string
	Aside  bool
	Since  time.Time
	Place  string
}

// Olds returns files that were kept, or set aside, before a moment, in their order, from the
// one after the given place on ("" for the first). It looks at most files, and returns the
// place of the last, or "" at the end. What a process left half written before that moment
// is removed.
func (f *Folder) Olds(after string, before time.Time, most int) (found []Old, last string, err error) {
	folders, err := os.ReadDir(f.path)
	if err != nil {
		return nil, "", fmt.Errorf("look for old files: %w", err)
	}
	from, _, _ := strings.Cut(after, "/")
	met := 0
	for _, folder := range folders {
		name := folder.Name()
		if !folder.IsDir() {
			if info, err := folder.Info(); err == nil && strings.HasPrefix(name, "new-") && info.ModTime().Before(before) {
				os.Remove(filepath.Join(f.path, name))
			}
			continue
		}
		if name < from {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(f.path, name))
		if err != nil {
			return nil, "", fmt.Errorf("look for old files: %w", err)
		}
		for _, e := range entries {
			place := name + "/" + e.Name()
			if place <= after {
				continue
			}
			if met++; met > most {
				return found, last, nil
			}
			last = place
			digest, gone := strings.CutSuffix(e.Name(), aside)
			info, err := e.Info()
			if path, bad := f.name(digest); err != nil || bad != nil || filepath.Dir(path) != filepath.Join(f.path, name) || !info.ModTime().Before(before) {
				continue
			}
			found = append(found, Old{digest, gone, info.ModTime(), place})
		}
	}
	return found, "", nil
}

// SetAside takes a file out of sight; Restore brings it back, EraseAside erases it. Who saw
// the file just before has time to write down that he needs it.
func (f *Folder) SetAside(digest string, now time.Time) error {
	path, err := f.name(digest)
	if err != nil {
		return err
	}
	if err := os.Chtimes(path, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set a file aside: %w", err)
	}
	return f.rename(digest, "", aside, "set a file aside")
}

// Restore is the way back. A copy that was kept meanwhile stays.
func (f *Folder) Restore(digest string) error {
	if f.Has(digest) {
		return f.EraseAside(digest)
	}
	return f.rename(digest, aside, "", "restore a file")
}

// EraseAside erases what SetAside took; one that is not there is no error.
func (f *Folder) EraseAside(digest string) error {
	path, err := f.name(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path + aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("erase a file: %w", err)
	}
	return nil
}

func (f *Folder) rename(digest, from, to, what string) error {
	path, err := f.name(digest)
	if err != nil {
		return err
	}
	if err := os.Rename(path+from, path+to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
