// Package signin lets programs of ours use the portal as a person: it opens the session
// that her browser would have after she has set a password by a one-time link.
package signin

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"valise/cmd/internal/node"
	"valise/instance/access"
	"valise/models/iri"
)

// Lasts is how long a session is good.
const Lasts = 24 * time.Hour

// Token sets the password of a person of the instance and returns the value of the cookie
// of a session that began just now.
func Token(ctx context.Context, n *node.Node, person iri.IRI, password string) (string, error) {
	link, err := n.Access.MakeLink(ctx, string(person), person, false)
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", person, err)
	}
	_, secret, _ := strings.Cut(link, access.PathWelcome)
	step, err := n.Access.UseLink(ctx, secret, password)
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", person, err)
	}
	token := rand.Text()
	if _, err := n.Access.Begin(ctx, token, step.Proof, access.Origin{Address: "127.0.0.1", Agent: "valise"}); err != nil {
		return "", fmt.Errorf("sign %s in: %w", person, err)
	}
	data, err := scs.GobCodec{}.Encode(time.Now().Add(Lasts), map[string]any{})
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", person, err)
	}
	return token, n.Access.Kept().Commit(token, data, time.Time{})
}
