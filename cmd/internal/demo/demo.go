package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"valise/models"
	"valise/ui/machine"
)

// Options of the demo.
type Options struct {
	Once bool   // play, print the table, end
	JSON bool   // one JSON object a line
	Dir  string // where the data go; "" for a temporary folder that is removed
	Out  io.Writer
}

// step is one line of the table.
type step struct {
	Step     string `json:"step"`
	Instance string `json:"instance"`
	Observed string `json:"observed"`
	Millis   int64  `json:"ms"`
	Failed   bool   `json:"failed,omitempty"`
}

// Run plays the story. It returns the first step that failed.
func Run(ctx context.Context, o Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir := o.Dir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "valise-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	w, err := open(ctx, dir, log)
	if err != nil {
		return err
	}
	defer w.close()
	table := &printer{out: o.Out, json: o.JSON, live: !o.Once}
	if w.fresh {
		s := &story{world: w, table: table}
		err = s.play(ctx)
		table.flush()
		if err != nil || o.Once {
			return err
		}
	} else if o.Once {
		return fmt.Errorf("the folder %s holds a demo that was played before; give an empty one", dir)
	}
	if w.fresh {
		if err := w.signIns(ctx); err != nil {
			return err
		}
	}
	if err := w.describe(ctx, o.Out); err != nil {
		return err
	}
	w.tellCodes(ctx, o.Out)
	fmt.Fprintln(o.Out, "stopping")
	return nil
}

// printer writes the table: at the end for a person, line by line while it stays up or
// for a machine.
type printer struct {
	out  io.Writer
	json bool
	live bool
	rows []step
}

func (p *printer) add(s step) {
	p.rows = append(p.rows, s)
	switch {
	case p.json:
		b, _ := json.Marshal(s)
		fmt.Fprintln(p.out, string(b))
	case p.live:
		fmt.Fprintf(p.out, "%-9s  %s: %s (%d ms)\n", s.Instance, s.Step, s.Observed, s.Millis)
	}
}

func (p *printer) flush() {
	if p.json || p.live {
		return
	}
	t := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "step\tinstance\twhat was observed\tms")
	var total int64
	for _, s := range p.rows {
		mark := ""
		if s.Failed {
			mark = "FAILED: "
		}
		fmt.Fprintf(t, "%s\t%s\t%s%s\t%d\n", s.Step, s.Instance, mark, s.Observed, s.Millis)
		total += s.Millis
	}
	fmt.Fprintf(t, "%d steps\t\t\t%d\n", len(p.rows), total)
	t.Flush()
}

// describe says what is running and who is there.
func (w *world) describe(ctx context.Context, out io.Writer) error {
	link, err := w.printed(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, name := range names {
		p := w.parties[name]
		fmt.Fprintf(out, "%-9s  http://%s/   socket %s\n", name, p.host(), p.node.Config.SocketPath())
	}
	fmt.Fprintln(out, "\naccounts:")
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, a := range accounts {
		p := w.parties[a.at]
		fmt.Fprintf(t, "  %s\t%s\t%s\n", p.handle(a.user), a.name, a.what)
	}
	fmt.Fprintf(t, "  %s\t%s\t%s\n", w.social.account.Handle(), "Reader", "guest with an account on other software (emulated)")
	t.Flush()
	fmt.Fprintf(out, "\nsign in at http://%s/ or at any other of the three, with the part of a name before the host and the password %q\n", w.parties["ministry"].host(), demoPassword)
	if link != "" {
		fmt.Fprintf(out, "the guest comes in by the printed link of her invitation, good once:\n  %s\nor by a one-time code: ask at http://%s/read for one to %s, and it is shown here\n", link, w.parties["embassy"].host(), w.social.account.Handle())
	}
	fmt.Fprintf(out, "act as anybody above with `valise dispatch list --as NAME` and VALISE_SOCKET set to the socket of her instance.\nThe texts are public-domain papers of 1960-76; their markings are historical. Ctrl-C stops.\n")
	return nil
}

// observe waits until look says that a step can be seen, and notes it.
func (s *story) observe(ctx context.Context, name string, at *party, look func(ctx context.Context) (string, error)) error {
	const patience = 15 * time.Second
	began := time.Now()
	var what string
	var err error
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if what, err = look(ctx); err == nil && what != "" {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(began) > patience {
			if err == nil {
				err = fmt.Errorf("it was not observed within %s", patience)
			}
			s.table.add(step{name, at.name, err.Error(), time.Since(began).Milliseconds(), true})
			return fmt.Errorf("%s at %s: %w%s", name, at.name, err, s.queues(ctx))
		}
		time.Sleep(wait)
	}
	s.table.add(step{name, at.name, what, time.Since(began).Milliseconds(), false})
	return nil
}

// queues says what waits or was set aside anywhere, to explain a step that failed.
func (s *story) queues(ctx context.Context) string {
	var b strings.Builder
	for _, name := range names {
		p := s.parties[name]
		if p.node == nil {
			continue
		}
		var waiting machine.List[machine.Delivery]
		if p.do(ctx, http.MethodGet, "/queue", nil, &waiting) == nil {
			for _, d := range waiting.Items {
				if d.State != models.DeliveryDone {
					fmt.Fprintf(&b, "\n  %s: delivery of %s %s to %s is %s: %s", name, d.Type, d.Object, d.Inbox, d.State, d.Reason)
				}
			}
		}
		var aside machine.List[machine.Arrival]
		if p.do(ctx, http.MethodGet, "/arrivals?state=set-aside", nil, &aside) == nil {
			for _, a := range aside.Items {
				fmt.Fprintf(&b, "\n  %s: %s of %s from %s was set aside: %s", name, a.Type, a.Object, a.Host, a.Reason)
			}
		}
	}
	return b.String()
}
