package inbox

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/models"
)

// closes tells whether an activity says that its own actor's account is closed.
func closes(a *vocab.Activity) bool { return a.Type == "Delete" && a.ObjectID == a.Actor }

// departed stands in for the signature of a Delete of an account by itself, where that cannot
// be verified any more because the key went with the account: the account's own server
// answers 404 or 410 for it. Only of accounts that are known here is it asked.
func (b *Box) departed(ctx context.Context, r *http.Request, body []byte, because error) (*Sender, error) {
	a, err := vocab.ParseActivity(body, b.Rules)
	if err != nil || !closes(a) {
		return nil, because
	}
	row, err := models.ActorByIRI(ctx, b.Store.R, a.Actor)
	if models.NotFound(err) || err == nil && row.Local {
		return nil, because
	}
	if err != nil {
		return nil, err
	}
	if row.Inbox != "" || row.GoneAt == 0 { // else its server has said so before
		source, _, _ := net.SplitHostPort(r.RemoteAddr)
		if gone, err := b.Verify.Actors.Departed(ctx, a.Actor, source); err != nil || !gone {
			return nil, because
		}
	}
	return &Sender{Actor: a.Actor, Absent: true}, nil
}

// itself refuses a Delete of an account that another account of its server has signed, unless
// the server answers 404 or 410 for it.
func (b *Box) itself(ctx context.Context, r *http.Request, a *vocab.Activity, s *Sender) error {
	if s.Actor == a.Actor {
		return nil
	}
	source, _, _ := net.SplitHostPort(r.RemoteAddr)
	gone, err := b.Verify.Actors.Departed(ctx, a.Actor, source)
	if err != nil || gone {
		return err
	}
	return &policy.Refusal{Code: "foreign-actor", Status: http.StatusForbidden, Detail: fmt.Sprintf("%s deletes %s, which is still there", s.Actor, a.Actor)}
}
