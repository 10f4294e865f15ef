package access

import (
	"context"
	"fmt"
	"time"

	"valise/models"
)

// Kept is where scs keeps its sessions (scs.Store and scs.CtxStore): the rows that this
// service knows, by the SHA-256 of the token. How long a session lives is decided here
// alone: give the manager Access.SessionLifetime for its cookie, and no idle timeout,
// with which it would write at every request.
type Kept struct{ a *Access }

// Kept returns the store for a session manager.
func (a *Access) Kept() *Kept { return &Kept{a} }

type seenKey struct{}

// seen is the session that FindCtx has read for a request.
type seen struct {
	token   string
	session *models.Session
}

// Once returns a context in which the first Who after FindCtx takes the session that was
// read there. It is for one request.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, seenKey{}, new(seen)) }

// FindCtx returns the data of a living session.
func (k *Kept) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	s, err := k.a.living(ctx, token)
	if models.NotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find a session: %w", err)
	}
	if seen, ok := ctx.Value(seenKey{}).(*seen); ok {
		seen.token, seen.session = token, s
	}
	return s.Data, len(s.Data) > 0, nil
}

// CommitCtx keeps the data of a session. One that has ended stays ended, even where a
// request that began before still writes. The expiry is the cookie's.
func (k *Kept) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) error {
	id, err := k.a.token(9)
	if err != nil {
		return err
	}
	now := k.a.now()
	if err := models.WriteSessionData(ctx, k.a.Store.W, digest(token), id, data, now, now.Add(k.a.Sessions.SessionLifetime)); err != nil {
		return fmt.Errorf("keep a session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session.
func (k *Kept) DeleteCtx(ctx context.Context, token string) error {
	if err := models.EndSession(ctx, k.a.Store.W, digest(token), k.a.now()); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// Find is FindCtx.
func (k *Kept) Find(token string) ([]byte, bool, error) {
	return k.FindCtx(context.Background(), token)
}

// Commit is CommitCtx.
func (k *Kept) Commit(token string, data []byte, expiry time.Time) error {
	return k.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx.
func (k *Kept) Delete(token string) error { return k.DeleteCtx(context.Background(), token) }
