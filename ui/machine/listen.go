package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Listen makes the admin socket with mode 0600. A socket that somebody answers at is
// left alone and refused; one that nobody answers at is what a killed process has left,
// and is replaced. The caller holds the lock of the data folder, so that two processes
// do not judge the same socket at once.
func Listen(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("make the admin socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("make the admin socket %s: there is something else that is no socket", path)
	default:
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			conn.Close()
			return nil, fmt.Errorf("make the admin socket %s: another process answers there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the stale admin socket: %w", err)
		}
	}
	var lc net.ListenConfig
	// On Linux the socket file takes its mode from the descriptor (unix(7)): it is
	// 0600 from its first moment. Elsewhere the call fails, and chmod has to do.
	lc.Control = func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("make the admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("make the admin socket: %w", err)
	}
	return l, nil
}
