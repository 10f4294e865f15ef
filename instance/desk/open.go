package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Paragraph is one paragraph as a page shows it.
type Paragraph struct {
	ID       string
	Short    string // portion mark
	Marking  string
	Language string
	HTML     string // sanitised
}

// View is one dispatch with everything about it that the reader may see.
type View struct {
	*models.Dossier
	Reader     iri.IRI
	Holders    []models.DeskHolder
	Summary    string // sanitised HTML
	Paragraphs []Paragraph
	// Archive says that this is a record that was imported: nobody signed it here, and
	// Dispatch.Marking is what is printed on it.
	Archive bool
	// Erased says that the text is gone.
	Erased bool
	// Seal is what the proof of the latest version says now; nil where there is none.
	Seal  *Seal
	Board []BoardRow
	// Beyond is how many more have evidence than Board shows.
	Beyond int
	May    May
}

// May is what the reader may do with the dispatch.
type May struct {
	// Desks are the addressees that she stands for, those that are to act first.
	Desks []Standing
	// Reply and Correct and Withdraw name the office in which she may; "" for none.
	Reply, Correct, Withdraw iri.IRI
	// Forward are her offices that have the dispatch.
	Forward []models.DeskHolder
	// Retry says that she may have a delivery tried now.
	Retry bool
	// Comment is the community in which she may comment.
	Comment iri.IRI
	// Unread says that opening the page makes a reader of her.
	Unread bool
	Save   bool
}

// Standing is one addressee for whom she acts, and what was done for it.
type Standing struct {
	Office models.DeskHolder
	Role   string
	Done   models.Handled
	// Late says that the time to acknowledge has passed and nobody has taken it.
	Late bool
}

// Open returns a dispatch by its id. Whoever may not see it is told that there is none.
func (s *Desk) Open(ctx context.Context, person, id iri.IRI) (*View, error) {
	done, err := s.Store.Turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, err
	}
	v, err := s.dossier(ctx, r.Reader, r.ids(), id)
	if err != nil {
		return nil, err
	}
	v.Holders = r.holders
	v.Board, v.Beyond = board(v.Dossier)
	if _, ours := r.holder(v.Dispatch.Author); !ours || v.Dispatch.Origin != models.OriginIssued {
		v.Collectives = nil
	}
	v.May = s.allowed(r, v)
	return v, nil
}

// OpenAs opens a dispatch for a reader elsewhere: its text, its seal and what belongs to
// it, without what our offices did with it and where it has been.
func (s *Desk) OpenAs(ctx context.Context, r audience.Reader, id iri.IRI) (*View, error) {
	v, err := s.dossier(ctx, r, []iri.IRI{r.Actor}, id)
	if err != nil {
		return nil, err
	}
	v.Evidence, v.Deliveries, v.Handled, v.Forwards = nil, nil, nil, nil
	return v, nil
}

func (s *Desk) dossier(ctx context.Context, r audience.Reader, ids []iri.IRI, id iri.IRI) (*View, error) {
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	comments, commentArgs := audience.Bound(r, audience.Comments, s.now())
	o, err := models.DossierOf(ctx, s.Store.R, id, ids, cond, args, comments, commentArgs)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("dispatch")
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", id, err)
	}
	v := &View{Dossier: o, Reader: r.Actor, Archive: o.Dispatch.Origin == models.OriginArchive, Erased: o.Dispatch.State == models.DispatchWithdrawn}
	if err := s.text(v); err != nil {
		return nil, err
	}
	if !v.Archive && !v.Erased {
		seal := s.check(o.Dispatch, o.Keys)
		v.Seal = &seal
	}
	return v, nil
}

// text reads the paragraphs of the latest version.
func (s *Desk) text(v *View) error {
	wire, err := s.Dispatches.Text(v.Dispatch)
	if err != nil {
		return fmt.Errorf("read the text of %s: %w", v.Dispatch.IRI, err)
	}
	if wire == nil {
		return nil
	}
	v.Summary = dispatches.Sanitise(wire.Summary)
	for _, p := range wire.Paragraphs {
		out := Paragraph{ID: p.ID, Marking: p.Marking, Language: p.Language, HTML: dispatches.Sanitise(p.Content)}
		if l, ok := s.Guard.Level(p.Marking); ok {
			out.Short, out.Marking = l.Abbreviation, l.Name
		}
		if out.Short == "" {
			out.Short = out.Marking
		}
		v.Paragraphs = append(v.Paragraphs, out)
	}
	if len(v.Paragraphs) == 0 && wire.Content != "" {
		v.Paragraphs = []Paragraph{{ID: "1", Language: v.Dispatch.Language, HTML: dispatches.Sanitise(wire.Content)}}
	}
	return nil
}

// allowed says what the reader may do.
func (s *Desk) allowed(r at, v *View) May {
	d, now := v.Dispatch, s.now()
	m := May{Save: !v.Archive}
	for _, role := range []string{models.RoleAction, models.RoleInfo} {
		for _, a := range v.Addressees {
			h, ok := r.holder(a.Actor)
			if !ok || a.Role != role {
				continue
			}
			st := Standing{Office: h, Role: role}
			for _, done := range v.Handled {
				if done.Office == h.IRI {
					st.Done = done
				}
			}
			st.Late = role == models.RoleAction && d.DueAt > 0 && d.DueAt < now && st.Done.TakenAt == 0 && d.State == models.DispatchInForce
			m.Unread = m.Unread || st.Done.ReadAt == 0
			m.Desks = append(m.Desks, st)
			if h.IRI != r.Actor {
				m.Forward = append(m.Forward, h)
			}
		}
	}
	for _, h := range r.holders {
		if m.Reply == "" && r.may(h.IRI, models.ActDraft) && !v.Archive && (len(m.Forward) == 0 || slices.ContainsFunc(m.Forward, func(f models.DeskHolder) bool { return f.IRI == h.IRI })) {
			m.Reply = h.IRI
		}
	}
	if h, ok := r.holder(d.Author); ok && h.IRI != r.Actor {
		m.Forward = append(m.Forward, h)
	}
	if len(m.Forward) == 0 {
		// A member office's people may pass on what its community received.
		for _, h := range r.holders {
			if h.IRI != r.Actor && d.Community != "" {
				m.Forward = append(m.Forward, h)
			}
		}
	}
	if d.Origin == models.OriginIssued && d.State == models.DispatchInForce {
		if r.may(d.Author, models.ActDraft) {
			m.Correct = d.Author
		}
		if r.may(d.Author, models.ActRelease) {
			m.Withdraw = d.Author
		}
		m.Retry = r.may(d.Author, models.ActDraft, models.ActRelease)
	}
	if d.Community != "" && d.State == models.DispatchInForce && !v.Archive {
		m.Comment = d.Community
	}
	if len(m.Desks) == 0 {
		_, own := r.holder(d.Author)
		m.Unread = !v.Archive && !own && d.Community != "" && d.State == models.DispatchInForce && !slices.ContainsFunc(v.Handled, func(h models.Handled) bool { return h.ReadAt > 0 })
	}
	if v.Archive || v.Erased {
		m.Unread = false
	}
	return m
}

// MarkRead records that the dispatch was read for each addressee that the person stands
// for, with a receipt to the author; what came through a community alone is marked for
// herself and nobody is told. A repeated mark changes nothing.
func (s *Desk) MarkRead(ctx context.Context, person, id iri.IRI) error {
	v, err := s.Open(ctx, person, id)
	if err != nil || !v.May.Unread {
		return err
	}
	for _, st := range v.May.Desks {
		if _, err := s.Dispatches.HandleFor(ctx, person, st.Office.IRI, string(id), dispatches.StepRead, ""); err != nil {
			return fmt.Errorf("mark %s as read: %w", v.Dispatch.Reference, err)
		}
	}
	if len(v.May.Desks) > 0 {
		return nil
	}
	return models.SaveRegistration(ctx, s.Store.W, &models.Registration{Dispatch: id, Office: person, ReadAt: s.now(), ReadBy: person})
}

// SawNotices marks as read what tells the person of a dispatch that she has opened.
func (s *Desk) SawNotices(ctx context.Context, person, id iri.IRI) error {
	return models.ReadNoticesAbout(ctx, s.Store.W, person, string(id), s.now())
}

// Handle registers a dispatch under a number or takes it for action, for one of the
// person's offices; "" is the one that is to act.
func (s *Desk) Handle(ctx context.Context, person, office, id iri.IRI, step, number string) error {
	_, err := s.Dispatches.HandleFor(ctx, person, office, string(id), step, strings.TrimSpace(number))
	return err
}
