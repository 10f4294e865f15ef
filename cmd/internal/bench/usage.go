package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

// usage is what a process has used since it began.
type usage struct {
	CPU  float64 // seconds, user and system
	RSS  float64 // MiB now
	Peak float64 // MiB at most since the last reset
}

type usageArgs struct {
	Reset bool // of the peak, after reading it
}

const mib = 1 << 20

func usageOf(_ context.Context, a usageArgs) (any, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return nil, err
	}
	u := usage{CPU: seconds(r.Utime) + seconds(r.Stime)}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		// Not Linux: all there is is the greatest size ever.
		u.RSS = float64(r.Maxrss) / 1024
		if runtime.GOOS == "darwin" {
			u.RSS = float64(r.Maxrss) / mib
		}
		u.Peak = u.RSS
		return u, nil
	}
	u.RSS, u.Peak = kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")
	if a.Reset {
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	}
	return u, nil
}

func seconds(t syscall.Timeval) float64 {
	return (time.Duration(t.Sec)*time.Second + time.Duration(t.Usec)*time.Microsecond).Seconds()
}

func kilobytes(status []byte, field string) float64 {
	_, after, _ := bytes.Cut(status, []byte(field))
	words := bytes.Fields(after)
	if len(words) == 0 {
		return 0
	}
	n, _ := strconv.ParseFloat(string(words[0]), 64)
	return n / 1024
}

// profileArgs begin a CPU profile, or end it and write it to Path, with the allocations
// of the whole process beside it.
type profileArgs struct{ Path string }

var profiled *os.File

func profile(_ context.Context, a profileArgs) (any, error) {
	if profiled == nil {
		if err := os.MkdirAll(filepath.Dir(a.Path), 0o700); err != nil {
			return nil, err
		}
		f, err := os.Create(a.Path + ".cpu")
		if err != nil {
			return nil, err
		}
		profiled = f
		return nil, pprof.StartCPUProfile(f)
	}
	pprof.StopCPUProfile()
	err := profiled.Close()
	profiled = nil
	f, ferr := os.Create(a.Path + ".allocs")
	if ferr != nil {
		return nil, errors.Join(err, ferr)
	}
	return nil, errors.Join(err, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// profiling runs f while the child writes a profile, if profiles were asked for.
func (c *child) profiling(name string, f func() error) error {
	dir := os.Getenv("VALISE_BENCH_PROFILE")
	if dir == "" {
		return f()
	}
	a := profileArgs{filepath.Join(dir, name)}
	if err := c.call("profile", a, nil); err != nil {
		return fmt.Errorf("begin a profile: %w", err)
	}
	return errors.Join(f(), c.call("profile", a, nil))
}
