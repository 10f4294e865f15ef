package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLocked says that another process has the data folder open.
var ErrLocked = errors.New("another process has this data folder open")

// lockFile holds a folder for one process. The kernel releases it when the process
// ends, however it ends.
type lockFile struct{ f *os.File }

func lockFolder(dir string) (*lockFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s. Stop it first; while `valise serve` runs, commands reach it through its socket", ErrLocked, dir)
	}
	return &lockFile{f}, nil
}

func (l *lockFile) release() error { return l.f.Close() }
