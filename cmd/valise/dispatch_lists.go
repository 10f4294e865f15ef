package main

import (
	"fmt"

	"valise/ui/machine"
)

// DispatchDrafts lists open drafts.
type DispatchDrafts struct {
	as
	page
	Office string `help:"Only of this office; without it, of every office that the person drafts, clears or releases for."`
}

func (c *DispatchDrafts) Run(a *app) error {
	var l machine.List[machine.DraftEntry]
	if err := a.get("/drafts", query{"as", c.As, "office", c.Office, "after", c.From, "limit", c.limit()}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"DRAFT", "REVISION", "STATE", "CHANGED", "MARKING", "SUBJECT", "OFFICE", "DRAFTER"}, func(d machine.DraftEntry) []string {
		return []string{d.ID, fmt.Sprint(d.Revision), d.State, zulu(d.UpdatedAt), d.Marking, d.Subject, string(d.Office), string(d.Drafter)}
	})
}

// DispatchThread shows a thread.
type DispatchThread struct {
	as
	Name string `arg:"" help:"Reference number or id."`
}

func (c *DispatchThread) Run(a *app) error {
	var l machine.List[machine.ThreadEntry]
	if err := a.get("/thread", query{"as", c.As, "name", c.Name}, &l); err != nil {
		return err
	}
	return showList(a, l, []string{"", "REFERENCE", "DATE", "FROM", "SUBJECT", "ANSWERS", "ID"}, func(e machine.ThreadEntry) []string {
		mark, answers := "", ""
		if e.Depth == 0 {
			mark = ">"
		}
		for _, id := range e.Answers {
			for _, other := range l.Items {
				if other.ID == id {
					answers += " " + other.Reference
				}
			}
		}
		return []string{mark, e.Reference, zulu(e.PublishedAt), string(e.Author), e.Subject, answers, string(e.ID)}
	})
}
