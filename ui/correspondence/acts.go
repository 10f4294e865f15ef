package correspondence

import (
	"encoding/json"
	"net/http"
	"strings"

	"valise/instance/desk"
	"valise/instance/dispatches"
	"valise/models/iri"
	"valise/ui/page"
)

// act does what one of the forms of a dispatch's page asks for.
func (a *area) act(r *page.Request) error {
	id, verb, _, err := object(r)
	if err != nil {
		return err
	}
	back := page.DispatchPath(id)
	f := form{Of: verb, Number: r.Field("number"), Remark: r.Field("remark"), Whom: r.Field("colleague"), Comment: r.Field("comment"), SupersededBy: r.Field("supersededBy")}
	office := iri.IRI(r.Field("office"))
	said := "correspondence.done." + verb
	switch verb {
	case "read":
		err = a.Desk.MarkRead(r.Ctx(), r.Person(), id)
	case "register":
		err = a.Desk.Handle(r.Ctx(), r.Person(), office, id, dispatches.StepRegister, f.Number)
	case "take":
		err = a.Desk.Handle(r.Ctx(), r.Person(), office, id, dispatches.StepTake, "")
	case "forward":
		err = a.Desk.Forward(r.Ctx(), r.Person(), office, id, iri.IRI(f.Whom), f.Remark)
	case "retry":
		err = a.Desk.Retry(r.Ctx(), r.Person(), id, r.Int("delivery", 0))
		back += "#evidence"
	case "comment":
		err = a.comment(r, id, f.Comment)
		back += "#comments"
	case "withdraw":
		return a.withdraw(r, id, f)
	case "download":
		return a.download(r, id)
	default:
		return page.NotFound
	}
	if why, mine := r.Refusal(err); mine && !r.Scripted() {
		f.Why = why
		r.Status(http.StatusUnprocessableEntity)
		return a.show(r, id, f)
	}
	if err != nil {
		return err
	}
	if !r.Scripted() {
		r.Say(said)
	}
	return ok(r, back)
}

func (a *area) comment(r *page.Request, id iri.IRI, text string) error {
	v, err := a.Desk.Open(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	if v.May.Comment == "" {
		return page.Invalid("%s", r.T("correspondence.comment.none"))
	}
	_, err = a.Communities.Comment(r.Ctx(), r.Person(), v.May.Comment, id, text)
	return err
}

type withdrawPage struct {
	*desk.Consequences
	Id           iri.IRI
	Path         string
	Why          string
	SupersededBy string
}

func (v *withdrawPage) Below(what string) string { return below(v.Id, what) }

// askWithdraw shows what a withdrawal reaches before it is done.
func (a *area) askWithdraw(r *page.Request, id iri.IRI, why string) error {
	c, err := a.Desk.Consequences(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	out := &withdrawPage{Consequences: c, Id: id, Path: page.DispatchPath(id), Why: why, SupersededBy: r.Field("supersededBy")}
	return r.Render(page.Page{Name: "correspondence/withdraw", Title: r.T("correspondence.withdraw.title", "Reference", c.View.Dispatch.Reference), Nav: "correspondence", Highest: c.View.Dispatch.MarkingRank, Data: out})
}

func (a *area) withdraw(r *page.Request, id iri.IRI, f form) error {
	err := a.Desk.Withdraw(r.Ctx(), r.Person(), id, f.SupersededBy)
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		// What was withdrawn meanwhile has no consequences left to show.
		if again := a.askWithdraw(r, id, why); again == nil {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	r.Say("correspondence.done.withdraw")
	return r.See(page.DispatchPath(id))
}

// download hands out the saved dispatch that `valise verify` checks.
func (a *area) download(r *page.Request, id iri.IRI) error {
	b, err := a.Desk.Save(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	r.Attach(strings.NewReplacer(" ", "-", "/", "-").Replace(b.Reference) + ".valise.json")
	r.Data(http.StatusOK, "application/json", append(body, '\n'))
	return nil
}

// file hands out an attachment.
func (a *area) file(r *page.Request, id iri.IRI, digest string) error {
	f, content, err := a.Desk.File(r.Ctx(), r.Person(), id, digest)
	if err != nil {
		return err
	}
	defer content.Close()
	return r.File(f.Name, f.MediaType, content)
}
