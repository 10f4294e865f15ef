package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// childVar tells the program that it is a child, and of what kind.
const childVar = "VALISE_BENCH_CHILD"

// Main runs a child of a benchmark if this process is one, and tells whether it was. A
// program that calls Run must call it before anything else.
func Main() bool {
	switch os.Getenv(childVar) {
	case "instance":
		serveCalls(os.Stdin, os.Stdout, newInstance())
	case "limit":
		serveCalls(os.Stdin, os.Stdout, newLimit())
	default:
		return false
	}
	return true
}

// A child answers calls that come as lines of JSON on its standard input, one after the
// other, until that ends: it lives no longer than its parent.
type call struct {
	Do   string
	Args json.RawMessage
}

type reply struct {
	Result any    `json:",omitempty"`
	Error  string `json:",omitempty"`
}

// calls are what a child can be asked, by name.
type calls map[string]func(ctx context.Context, args json.RawMessage) (any, error)

// on makes a call of a function with typed arguments.
func on[A any](f func(ctx context.Context, a A) (any, error)) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var a A
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, err
		}
		return f(ctx, a)
	}
}

func serveCalls(in io.Reader, out io.Writer, c calls) {
	ctx := context.Background()
	c["usage"] = on(usageOf)
	c["profile"] = on(profile)
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q call
		if dec.Decode(&q) != nil {
			break
		}
		var r reply
		f := c[q.Do]
		if f == nil {
			r.Error = "no such call"
		} else if result, err := f(ctx, q.Args); err != nil {
			r.Error = err.Error()
		} else {
			r.Result = result
		}
		if enc.Encode(r) != nil {
			break
		}
	}
	if end := c["close"]; end != nil {
		end(ctx, json.RawMessage("{}"))
	}
}

// child is a running child, seen from its parent.
type child struct {
	kind string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

func startChild(ctx context.Context, kind string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childVar+"="+kind)
	cmd.Stderr = os.Stderr
	// The end of its input stops a child cleanly; a cancelled run kills it a little later.
	cmd.WaitDelay = 10 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", kind, err)
	}
	return &child{kind: kind, cmd: cmd, in: in, out: json.NewDecoder(bufio.NewReaderSize(out, 1<<16))}, nil
}

// call asks the child and waits for its answer. result may be nil.
func (c *child) call(do string, args, result any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	line, err := json.Marshal(call{do, raw})
	if err != nil {
		return err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %s: the process has ended: %w", c.kind, do, err)
	}
	var r struct {
		Result json.RawMessage
		Error  string
	}
	if err := c.out.Decode(&r); err != nil {
		return fmt.Errorf("%s: %s: the process has ended: %w", c.kind, do, err)
	}
	if r.Error != "" {
		return fmt.Errorf("%s: %s: %s", c.kind, do, r.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(r.Result, result)
}

// stop ends the child and waits for it.
func (c *child) stop() error {
	err := c.in.Close()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case werr := <-done:
		return errors.Join(err, werr)
	case <-time.After(30 * time.Second):
		c.cmd.Process.Kill()
		return errors.Join(err, <-done, fmt.Errorf("the %s did not end", c.kind))
	}
}
