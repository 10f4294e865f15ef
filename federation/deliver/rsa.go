package deliver

import (
	"context"
	"crypto/sha256"
	"net/http"

	"valise/federation/keyring"
	"valise/federation/remote"
	"valise/models"
	"valise/models/iri"
)

// rsaKnown is an actor of ours as one host knows it.
type rsaKnown struct {
	actor iri.IRI
	host  iri.Host
}

// knock posts. While an RSA key is being replaced, it signs with the one that the host
// should know, and after an answer 401 once with the other one (PROTOCOL §1.1). What was
// believed is remembered.
func (c *Courier) knock(ctx context.Context, d *models.Delivery, b body, scheme string) (*remote.Answer, error) {
	post := func(previous bool) (*remote.Answer, error) {
		sign := c.signSummed(ctx, d.Actor, scheme, b.sum)
		if previous {
			sign = c.signPrevious(ctx, d.Actor, scheme)
		}
		return c.Client.Post(ctx, d.Inbox, b.bytes, sign)
	}
	if !c.replaced(ctx, d.Actor, scheme) {
		return post(false)
	}
	previous := c.previous(ctx, d.Actor, d.Host, scheme)
	answer, err := post(previous)
	if err != nil || answer.Status != http.StatusUnauthorized {
		return answer, err
	}
	second, err := post(!previous)
	if err != nil || !second.OK() {
		return answer, nil
	}
	c.rsa.Set(rsaKnown{d.Actor, d.Host}, !previous)
	return second, nil
}

// replaced tells whether the scheme is one of RSA, and the actor's key before the present
// one is still kept.
func (c *Courier) replaced(ctx context.Context, actor iri.IRI, scheme string) bool {
	if scheme == keyring.SchemeRFC9421Ed25519 {
		return false
	}
	s, err := c.Keys.Previous(ctx, actor)
	if err != nil {
		c.Log.Warn("deliveries: the previous RSA key cannot be used", "actor", actor, "err", err)
	}
	return s != nil
}

// previous tells whether the key before the present one signs towards a host: until the
// host has taken the Update that shows the present one, or has been seen to know it.
func (c *Courier) previous(ctx context.Context, actor iri.IRI, host iri.Host, scheme string) bool {
	if !c.replaced(ctx, actor, scheme) {
		return false
	}
	if known, ok := c.rsa.GetIfPresent(rsaKnown{actor, host}); ok {
		return known
	}
	waits, err := models.RotationPending(ctx, c.Store.R, actor, host)
	if err != nil {
		c.Log.Warn("deliveries: it is not known which RSA key a host has", "host", host, "actor", actor, "err", err)
	}
	return waits
}

func (c *Courier) signPrevious(ctx context.Context, actor iri.IRI, scheme string) remote.SignFunc {
	return func(r *http.Request, body []byte) error {
		return c.Keys.SignPrevious(ctx, actor, scheme, r, body, sha256.Sum256(body), c.Now())
	}
}
