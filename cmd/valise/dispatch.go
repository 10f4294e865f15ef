package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"

	"valise/cmd/internal/dispatchfile"
	"valise/ui/machine"
)

// DispatchCommands are about dispatches, from draft to withdrawal.
type DispatchCommands struct {
	New      DispatchNew      `cmd:"" help:"Start a draft from a file."`
	Reply    DispatchReply    `cmd:"" help:"Start a draft that answers a dispatch."`
	Correct  DispatchCorrect  `cmd:"" help:"Start a draft of a dispatch's next version."`
	Edit     DispatchEdit     `cmd:"" help:"Save the next revision of a draft."`
	Ask      DispatchAsk      `cmd:"" help:"Ask people to clear a revision."`
	Clear    DispatchClear    `cmd:"" help:"Agree to a revision, or ask for a change."`
	Release  DispatchRelease  `cmd:"" help:"Issue a revision in the office's name."`
	Drafts   DispatchDrafts   `cmd:"" help:"List open drafts, newest change first."`
	List     DispatchList     `cmd:"" help:"List dispatches, newest first."`
	Show     DispatchShow     `cmd:"" help:"Show a dispatch or a draft."`
	Thread   DispatchThread   `cmd:"" help:"Show what a dispatch answers, and what answers it."`
	Read     DispatchRead     `cmd:"" help:"Note that the office has read a dispatch, and say so to its author."`
	Register DispatchRegister `cmd:"" help:"Enter a dispatch in the registry, and say so to its author."`
	Take     DispatchTake     `cmd:"" help:"Take a dispatch for action, and say so to its author."`
	Withdraw DispatchWithdraw `cmd:"" help:"Take a dispatch back: its text is erased wherever it went."`
	Save     DispatchSave     `cmd:"" help:"Save a dispatch with all that proves it, for valise verify."`
}

// as names the person in whose name a command acts.
type as struct {
	As string `required:"" help:"Person in whose name this is done." placeholder:"PERSON"`
}

func (p as) acting() machine.Acting { return machine.Acting{As: p.As} }

// DispatchNew starts a draft.
type DispatchNew struct {
	as
	File   string `arg:"" help:"Dispatch file, or - for standard input."`
	Office string `help:"Office that issues it; the file's From, or the only one the person drafts for."`
}

// Help is shown by --help.
func (*DispatchNew) Help() string { return dispatchfile.Help }

func (c *DispatchNew) Run(a *app) error {
	return a.draft(c.File, machine.NewDraft{Acting: c.acting(), Office: c.Office})
}

// DispatchReply starts an answer.
type DispatchReply struct {
	as
	Name   string `arg:"" help:"Reference number or id of what is answered."`
	File   string `arg:"" help:"Dispatch file, or -; without To, Cc and Community it goes to the author."`
	Office string `help:"Office that issues it."`
}

func (c *DispatchReply) Run(a *app) error {
	return a.draft(c.File, machine.NewDraft{Acting: c.acting(), Office: c.Office, ReplyTo: c.Name})
}

// DispatchCorrect starts the next version.
type DispatchCorrect struct {
	as
	Name string `arg:"" help:"Reference number or id of what is corrected."`
	File string `arg:"" help:"Dispatch file, or -: the whole text as it is to be, with a Change-Note."`
}

func (c *DispatchCorrect) Run(a *app) error {
	return a.draft(c.File, machine.NewDraft{Acting: c.acting(), Corrects: c.Name})
}

// draft reads the file, uploads what it attaches, and starts the draft.
func (a *app) draft(path string, in machine.NewDraft) error {
	f, err := a.file(path, in.As)
	if err != nil {
		return err
	}
	if in.Office == "" && in.Corrects == "" {
		in.Office = f.Office
	}
	in.Content = f.Content
	var d machine.Draft
	if err := a.ask("POST", "/dispatches", in, &d); err != nil {
		return err
	}
	return a.showDraft(d)
}

// DispatchEdit saves the next revision.
type DispatchEdit struct {
	as
	Draft    string `arg:""`
	File     string `arg:"" help:"Dispatch file, or -."`
	Revision int64  `required:"" help:"The revision that was edited." placeholder:"N"`
}

func (c *DispatchEdit) Run(a *app) error {
	f, err := a.file(c.File, c.As)
	if err != nil {
		return err
	}
	var d machine.Draft
	if err := a.ask("PUT", "/drafts/"+url.PathEscape(c.Draft), machine.Edit{Acting: c.acting(), Revision: c.Revision, Content: f.Content}, &d); err != nil {
		return err
	}
	return a.showDraft(d)
}

// DispatchAsk asks for clearance.
type DispatchAsk struct {
	as
	Draft    string   `arg:""`
	Clearers []string `arg:"" name:"clearer"`
	Revision int64    `required:"" help:"The exact revision." placeholder:"N"`
}

func (c *DispatchAsk) Run(a *app) error {
	return a.step(c.Draft, "ask", machine.Step{Acting: c.acting(), Revision: c.Revision, Clearers: c.Clearers})
}

// DispatchClear decides.
type DispatchClear struct {
	as
	Draft    string `arg:""`
	Revision int64  `required:"" help:"The exact revision." placeholder:"N"`
	Note     string `help:"A word with the agreement." xor:"decision"`
	Change   string `help:"Ask for this change instead of agreeing." xor:"decision" placeholder:"WORDS"`
}

func (c *DispatchClear) Run(a *app) error {
	in := machine.Step{Acting: c.acting(), Revision: c.Revision, Agree: c.Change == "", Note: c.Note}
	if !in.Agree {
		in.Note = c.Change
	}
	return a.step(c.Draft, "clear", in)
}

func (a *app) step(draft, act string, in machine.Step) error {
	var d machine.Draft
	if err := a.ask("POST", "/drafts/"+url.PathEscape(draft)+"/"+act, in, &d); err != nil {
		return err
	}
	return a.showDraft(d)
}

// DispatchRelease issues.
type DispatchRelease struct {
	as
	Draft    string `arg:""`
	Revision int64  `required:"" help:"The exact revision." placeholder:"N"`
}

func (c *DispatchRelease) Run(a *app) error {
	var d machine.Dispatch
	if err := a.ask("POST", "/drafts/"+url.PathEscape(c.Draft)+"/release", machine.Step{Acting: c.acting(), Revision: c.Revision}, &d); err != nil {
		return err
	}
	return a.show(d, func(p *printer) {
		p.linef("Released as %s, version %d: %s", d.Reference, d.Version, d.ID)
		if a.node != nil {
			p.linef("No instance is running here: it leaves when valise serve runs.")
		}
	})
}

// DispatchList lists.
type DispatchList struct {
	as
	page
	Community string `help:"Only what was distributed in this community."`
	Office    string `help:"Only what this office issued or received."`
}

func (c *DispatchList) Run(a *app) error {
	var l machine.List[machine.Dispatch]
	if err := a.get("/dispatches", query{"as", c.As, "community", c.Community, "office", c.Office, "before", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"REFERENCE", "DATE", "MARKING", "PRECEDENCE", "STATE", "V", "SUBJECT", "ID"}, func(d machine.Dispatch) []string {
		return []string{d.Reference, zulu(d.PublishedAt), d.Marking, d.Precedence, d.State, fmt.Sprint(d.Version), d.Subject, string(d.ID)}
	})
}

var draftID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// DispatchShow shows.
type DispatchShow struct {
	as
	Name string `arg:"" help:"Reference number or id of a dispatch, or id of a draft."`
}

func (c *DispatchShow) Run(a *app) error {
	if draftID.MatchString(c.Name) {
		var d machine.Draft
		if err := a.get("/drafts/"+c.Name, query{"as", c.As}, &d); err != nil {
			return err
		}
		return a.showDraft(d)
	}
	var v machine.DispatchView
	if err := a.get("/dispatch", query{"as", c.As, "name", c.Name}, &v); err != nil {
		return err
	}
	return a.show(v, func(p *printer) { p.dispatch(v) })
}

// handling names the dispatch of a step.
type handling struct {
	as
	Name string `arg:"" help:"Reference number or id."`
}

func (c handling) do(a *app, act, words string, in machine.Handling) error {
	in.Acting, in.Name = c.acting(), c.Name
	var d machine.Dispatch
	if err := a.ask("POST", "/dispatch/"+act, in, &d); err != nil {
		return err
	}
	return a.show(d, func(p *printer) { p.linef("%s %s.", d.Reference, words) })
}

// DispatchRead notes that it was read.
type DispatchRead struct{ handling }

func (c *DispatchRead) Run(a *app) error { return c.do(a, "read", "is read", machine.Handling{}) }

// DispatchRegister enters it in the registry.
type DispatchRegister struct {
	handling
	Number string `required:"" help:"Registry number."`
}

func (c *DispatchRegister) Run(a *app) error {
	return c.do(a, "register", "is registered as "+c.Number, machine.Handling{Number: c.Number})
}

// DispatchTake takes it for action.
type DispatchTake struct{ handling }

func (c *DispatchTake) Run(a *app) error {
	return c.do(a, "take", "is taken for action", machine.Handling{})
}

// DispatchWithdraw takes it back.
type DispatchWithdraw struct {
	handling
	SupersededBy string `help:"Reference number or id of what replaces it; the text then stays readable." placeholder:"NAME"`
}

func (c *DispatchWithdraw) Run(a *app) error {
	words := "is withdrawn; every instance that got it is told to erase it"
	if c.SupersededBy != "" {
		words = "is superseded by " + c.SupersededBy
	}
	return c.do(a, "withdraw", words, machine.Handling{SupersededBy: c.SupersededBy})
}

// DispatchSave saves the proof.
type DispatchSave struct {
	handling
	Out string `help:"New file; - is standard output." default:"-" placeholder:"FILE"`
}

func (c *DispatchSave) Run(a *app) error {
	var bundle json.RawMessage
	if err := a.ask("POST", "/dispatch/save", machine.Handling{Acting: c.acting(), Name: c.Name}, &bundle); err != nil {
		return err
	}
	if c.Out == "-" {
		_, err := a.out.Write(append(bundle, '\n'))
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save %s: %w", c.Name, err)
	}
	if _, err := f.Write(append(bundle, '\n')); err != nil {
		f.Close()
		return fmt.Errorf("save %s: %w", c.Name, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("save %s: %w", c.Name, err)
	}
	return a.done("Saved %s to %s; check it anywhere with valise verify.", c.Name, c.Out)
}
