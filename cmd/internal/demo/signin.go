package demo

import (
	"context"
	"fmt"
	"strings"

	"valise/instance/access"
)

// demoPassword lets everybody of the demo in. Its instances answer on loopback alone and
// hold nothing but public-domain papers.
const demoPassword = "carry the diplomatic bag"

// operators run their instance beside their own work.
var operators = map[string]bool{"director": true, "ambassador": true, "fellow": true}

// signIns gives everybody the password, by the one-time link that an operator would hand
// over.
func (w *world) signIns(ctx context.Context) error {
	for _, a := range accounts {
		n := w.parties[a.at].node
		id, err := n.Directory.Person(ctx, a.user)
		if err != nil {
			return fmt.Errorf("find %s: %w", a.user, err)
		}
		link, err := n.Access.MakeLink(ctx, "demo", id, false)
		if err != nil {
			return fmt.Errorf("make a sign-in link for %s: %w", a.user, err)
		}
		_, secret, _ := strings.Cut(link, access.PathWelcome)
		if _, err := n.Access.UseLink(ctx, secret, demoPassword); err != nil {
			return fmt.Errorf("set the password of %s: %w", a.user, err)
		}
		if !operators[a.user] {
			continue
		}
		if err := n.Access.GrantOperator(ctx, "demo", id); err != nil {
			return fmt.Errorf("make %s an operator: %w", a.user, err)
		}
	}
	return nil
}
