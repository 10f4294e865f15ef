package guests

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/instance/access"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

const (
	passCode = "guest code"
	counter  = "guest code"

	// CodeWithin is how long a code is good.
	CodeWithin = 15 * time.Minute
	// codeTries is how many wrong codes end it.
	codeTries = 5
	// letters are the 32 signs of a code: none is taken for another.
	letters    = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	codeLength = 8 // 40 bits
)

var (
	errNoCode    = refuse(422, "code-over", "no code is waiting in this browser: it was used, its 15 minutes are over, it was asked for elsewhere, or five wrong ones were typed; ask for another")
	errWrongCode = refuse(422, "guest-code", "this is not the code")
)

// linkName is what may stand after /read/ in a link: part of a dispatch's id, or
// communities.LinkName.
var linkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// asked is what waits for a code. Somebody who is no guest has an empty Actor, and waits
// in the same way.
type asked struct {
	Code      string  `json:"code"` // SHA-256 of the browser's secret and the code
	Actor     iri.IRI `json:"actor,omitempty"`
	Community iri.IRI `json:"community,omitempty"`
	Handle    string  `json:"handle"`
	Link      string  `json:"link,omitempty"`
	Wrong     int     `json:"wrong,omitempty"`
}

// Handle reads what somebody typed as her handle.
func (g *Guests) Handle(typed string) (iri.Handle, error) {
	h, err := g.Rules.ParseHandle(strings.TrimSpace(typed))
	if err != nil {
		return h, refuse(422, "handle", "write the handle of your account as @name@host")
	}
	return h, nil
}

// Home is where an account of another host reads what a link names, if that host runs
// Valise: its copy of the dispatch, else its front page.
func (g *Guests) Home(host iri.Host, link string) string {
	if !linkName.MatchString(link) || strings.Contains(link, ".") {
		return host.Base() + "/"
	}
	return host.Base() + "/dispatches/" + string(g.Own) + "/d/" + link
}

// Ask sends a one-time code to a handle, if a guest of a community of ours has it and the
// community's account can write to her. Whether anything was sent cannot be told from the
// answer: a secret that the browser keeps, without which the code is worth nothing. link
// names what she wants to read. Refusals: handle, wait.
func (g *Guests) Ask(ctx context.Context, typed, link string, from access.Origin) (browser string, err error) {
	began := time.Now()
	h, err := g.Handle(typed)
	if err != nil {
		return "", err
	}
	if err := g.Access.Ask(ctx, counter, h.Key(), from); err != nil {
		return "", err
	}
	if !linkName.MatchString(link) {
		link = ""
	}
	secret, err := g.secret(16)
	if err != nil {
		return "", err
	}
	browser = base64.RawURLEncoding.EncodeToString(secret)
	code, err := g.code()
	if err != nil {
		return "", err
	}
	w := asked{Code: digest(browser + " " + code), Handle: h.String(), Link: link}
	err = g.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		seats, err := models.GuestsByHandle(ctx, tx, h, g.now())
		if err != nil {
			return err
		}
		if seat, ok := g.seatFor(seats, link); ok {
			w.Actor, w.Community, w.Handle = seat.Actor, seat.Community, seat.Handle()
			if err := g.Communities.Tell(ctx, tx, seat.Community, seat.Actor, g.note(code)); err != nil {
				return fmt.Errorf("send a code to %s: %w", seat.Handle(), err)
			}
		}
		return g.keep(ctx, tx, digest(browser), w, g.now(), g.now().Add(CodeWithin))
	})
	if err != nil {
		return "", err
	}
	return browser, wait(ctx, g.Pace-time.Since(began))
}

// seatFor is the seat whose community writes to her: the one that the link belongs to,
// else the first.
func (g *Guests) seatFor(seats []models.GuestSeat, link string) (models.GuestSeat, bool) {
	if len(seats) == 0 {
		return models.GuestSeat{}, false
	}
	group, _, _ := strings.Cut(link, ".")
	for _, s := range seats {
		if s.Group == group && s.Actor == seats[0].Actor {
			return s, true
		}
	}
	return seats[0], true
}

func (g *Guests) keep(ctx context.Context, tx bun.Tx, hash string, w asked, made, until models.Time) error {
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return models.InsertPass(ctx, tx, &models.Pass{Hash: hash, Kind: passCode, Person: w.Actor, Data: string(data), MadeBy: string(w.Actor), CreatedAt: made, ExpiresAt: until})
}

func (g *Guests) code() (string, error) {
	b, err := g.secret(codeLength)
	if err != nil {
		return "", err
	}
	for i := range b {
		b[i] = letters[b[i]&31]
	}
	return string(b), nil
}

// note is the text of the direct note, without her name before it.
func (g *Guests) note(code string) string {
	until := g.Now().Add(CodeWithin).UTC().Format("1504Z")
	return fmt.Sprintf("Your code to read at %s: %s-%s\n\nIt is good once, until %s, in the browser in which you asked for it. Whoever asks you for it is not us: give it to nobody. If you did not ask for it, do nothing.",
		g.Own, code[:4], code[4:], until)
}

// wait waits unless the request is given up.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read is a code as it was typed: in capitals, without what people put between the signs.
func read(typed string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(typed))
}

// Enter proves a guest by the code that she was sent. Each try takes the pass away first,
// so that of many at once one counts. Refusals: guest-code with tries left, code-over,
// term-over.
func (g *Guests) Enter(ctx context.Context, browser, typed string, from access.Origin) (*Entry, error) {
	if browser == "" {
		return nil, errNoCode
	}
	hash, fits := digest(browser), false
	var w asked
	var seats []models.GuestSeat
	err := g.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		w, fits, seats = asked{}, false, nil
		p, err := models.PassByHash(ctx, tx, passCode, hash, g.now())
		if models.NotFound(err) {
			return errNoCode
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(p.Data), &w); err != nil {
			return err
		}
		if ok, err := models.SpendPass(ctx, tx, hash); err != nil || !ok {
			return orOver(err)
		}
		fits = subtle.ConstantTimeCompare([]byte(w.Code), []byte(digest(browser+" "+read(typed)))) == 1 && w.Actor != ""
		if fits {
			if seats, err = models.GuestSeats(ctx, tx, w.Actor, g.now()); err != nil {
				return err
			}
			return g.Access.Answered(ctx, tx, counter, handleKey(w.Handle), from)
		}
		if w.Wrong++; w.Wrong < codeTries {
			if err := g.keep(ctx, tx, hash, w, p.CreatedAt, p.ExpiresAt); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, g.Now(), "guest", "guest sign-in failed", string(w.Actor), map[string]any{"method": ByCode, "address": access.Network(from.Address)})
	})
	switch {
	case err != nil:
		return nil, err
	case !fits && w.Wrong >= codeTries:
		return nil, errNoCode
	case !fits:
		return nil, errWrongCode
	case len(seats) == 0:
		return nil, ErrOver
	}
	e := &Entry{Handle: w.Handle, Link: w.Link}
	e.Actor, e.Community, e.Ends, e.Method = w.Actor, w.Community, ends(seats), ByCode
	return e, nil
}

func orOver(err error) error {
	if err != nil {
		return err
	}
	return errNoCode
}

func handleKey(handle string) string {
	h, err := iri.ParseHandle(handle)
	if err != nil {
		return handle
	}
	return h.Key()
}
