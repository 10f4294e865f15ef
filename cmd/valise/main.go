// Command valise runs and administers one instance of Valise.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"valise/cmd/internal/bench"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// commands is the command line. Field order is the order of the help.
type commands struct {
	Config string `help:"Configuration file (VALISE_CONFIG); VALISE_* variables win over it." placeholder:"FILE" type:"path"`
	JSON   bool   `help:"Print JSON instead of text."`

	Serve Serve `cmd:"" help:"Run the instance."`

	Demo  Demo  `cmd:"" help:"Run three instances on this machine and play the main job."`
	Bench Bench `cmd:"" help:"Measure the instance beside the bare limit of the same work."`

	Instance  InstanceCommands  `cmd:"" help:"The instance itself."`
	Office    OfficeCommands    `cmd:"" help:"Offices and their clearance rules."`
	Person    PersonCommands    `cmd:"" help:"Persons."`
	Mandate   MandateCommands   `cmd:"" help:"Who may draft, clear, release and read for which office."`
	Dispatch  DispatchCommands  `cmd:"" help:"Dispatches: draft, clear, release, read, correct, withdraw."`
	Search    SearchCommand     `cmd:"" help:"Find dispatches, archive records and comments that a person may see."`
	Reindex   Reindex           `cmd:"" help:"Index everything anew: what to do when check names the search index."`
	Peer      PeerCommands      `cmd:"" help:"Other instances and their accreditation."`
	Directory DirectoryCommands `cmd:"" help:"Whom one can write to."`
	Community CommunityCommands `cmd:"" help:"Communities."`
	Invite    InviteCommands    `cmd:"" help:"Invitations to communities."`
	Key       KeyCommands       `cmd:"" help:"Keys of our actors."`
	Queue     QueueCommands     `cmd:"" help:"Deliveries that wait or failed, arrivals that were set aside."`
	Import    ImportCommands    `cmd:"" help:"Keep printed correspondence as archive records."`
	Audit     AuditCommands     `cmd:"" help:"The audit trail."`
	Notices   Notices           `cmd:"" help:"What the operator, an office or a person must see."`
	Status    StatusCommand     `cmd:"" help:"The instance in a few numbers."`
	Check     Check             `cmd:"" help:"Hold the whole state against the invariants."`

	Verify  Verify  `cmd:"" help:"Check a saved dispatch offline."`
	Version Version `cmd:"" help:"Print the version."`
}

const description = `Federated diplomatic correspondence: each ministry or embassy runs its own instance.

Admin commands reach a running "valise serve" through its socket, and otherwise open the data
folder themselves. Names of actors are user names here, handles @name@host, or ids.`

func main() {
	if bench.Main() { // this process is the measured end of another's bench
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program, with the world handed in.
func run(ctx context.Context, args, environ []string, in io.Reader, out, errs io.Writer) int {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli, kong.Name("valise"), kong.Description(description), kong.Writers(out, errs),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { exited = code }))
	if err != nil {
		complain(errs, err)
		return exitError
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		complain(errs, fmt.Errorf("%w; see valise --help", err))
		return exitUsage
	}
	a := &app{ctx: ctx, configPath: cli.Config, json: cli.JSON, environ: environ, in: in, out: out, errs: errs}
	err = errors.Join(parsed.Run(a), a.close())
	if err == nil {
		return exitOK
	}
	complain(errs, err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitError
}

// usageError is a command line that the parser let through and that makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

// complain prints an error in one line.
func complain(w io.Writer, err error) {
	text := strings.TrimSpace(err.Error())
	text = strings.ReplaceAll(strings.ReplaceAll(text, ":\n", ": "), "\n", "; ")
	fmt.Fprintln(w, "valise: "+line(text))
}
