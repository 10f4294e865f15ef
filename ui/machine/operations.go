package machine

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"valise/config"
	"valise/instance/accounts"
	"valise/instance/checks"
	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
)

// operations serves what an operator watches: keys, queues, notices, audit, checks.
func (a *api) operations(r *gin.Engine) {
	r.GET("/status", a.do(a.status))
	r.GET("/keys", a.do(a.keys))
	r.POST("/keys/rotate", a.do(a.rotate))
	r.GET("/queue", a.do(func(c *gin.Context) (any, error) {
		after, limit, err := page(c, "after")
		if err != nil {
			return nil, err
		}
		rows, err := a.Queues.Deliveries(c.Request.Context(), c.Query("state"), after, limit)
		return list(rows, limit, delivery, func(d *models.Delivery) string { return strconv.FormatInt(d.ID, 10) }), err
	}))
	r.GET("/queue/held", a.do(func(c *gin.Context) (any, error) {
		limit, err := limitOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := a.Queues.Held(c.Request.Context(), iri.Host(c.Query("after")), limit)
		return list(rows, limit, func(h *models.Host) HeldHost { return HeldHost{h.Host, h.FirstFailureAt, h.LastAnswerAt, h.LastReason} },
			func(h *models.Host) string { return string(h.Host) }), err
	}))
	r.POST("/queue/:id/retry", a.do(func(c *gin.Context) (any, error) {
		id, err := row(c)
		if err != nil {
			return nil, err
		}
		return Done{true}, a.Queues.Retry(c.Request.Context(), operator, id)
	}))
	r.GET("/arrivals", a.do(func(c *gin.Context) (any, error) {
		after, limit, err := page(c, "after")
		if err != nil {
			return nil, err
		}
		rows, err := a.Queues.Arrivals(c.Request.Context(), c.Query("state"), after, limit)
		return list(rows, limit, arrival, func(d *models.Arrival) string { return strconv.FormatInt(d.ID, 10) }), err
	}))
	r.GET("/arrivals/:id", a.do(func(c *gin.Context) (any, error) {
		id, err := row(c)
		if err != nil {
			return nil, err
		}
		d, signer, err := a.Queues.Arrival(c.Request.Context(), id)
		if err != nil {
			return nil, err
		}
		out := arrival(d)
		out.Request, out.Body, out.Signer = d.Request, string(d.Body), string(signer)
		return out, nil
	}))
	r.POST("/arrivals/:id/retry", a.do(func(c *gin.Context) (any, error) {
		id, err := row(c)
		if err != nil {
			return nil, err
		}
		return Done{true}, a.Queues.RetryArrival(c.Request.Context(), operator, id)
	}))
	r.GET("/notices", a.do(a.notices))
	r.GET("/audit", a.do(func(c *gin.Context) (any, error) {
		after, limit, err := page(c, "after")
		if err != nil {
			return nil, err
		}
		rows, err := a.Queues.Audit(c.Request.Context(), c.Query("object"), c.Query("act"), after, limit)
		return list(rows, limit, entry, func(e *models.AuditEntry) string { return strconv.FormatInt(e.ID, 10) }), err
	}))
	r.GET("/audit/verify", a.do(func(c *gin.Context) (any, error) {
		n, err := a.Queues.VerifyAudit(c.Request.Context())
		v := AuditVerdict{Entries: n}
		if err != nil {
			v.Fault = err.Error()
		}
		return v, nil
	}))
	r.GET("/check", a.do(func(c *gin.Context) (any, error) {
		found, err := a.Checks.Run(c.Request.Context())
		if found == nil {
			found = []checks.Finding{}
		}
		return CheckResult{found}, err
	}))
}

// row reads a row id from the path.
func row(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, accounts.Invalid("%q is no number of a row", c.Param("id"))
	}
	return id, nil
}

func (a *api) status(c *gin.Context) (any, error) {
	print, err := a.Accreditation.Fingerprint(c.Request.Context())
	if err != nil {
		return nil, err
	}
	q, err := a.Queues.Status(c.Request.Context())
	return Status{Host: a.Own, Federates: a.Own.Name() != config.UnconfiguredHost, Fingerprint: print, DeliveriesPending: q.DeliveriesPending, DeliveriesFailed: q.DeliveriesFailed,
		ArrivalsPending: q.ArrivalsPending, ArrivalsSetAside: q.ArrivalsSetAside}, err
}

// actor finds an actor of ours by name; "" is the instance itself.
func (a *api) actor(c *gin.Context, name string) (iri.IRI, error) {
	if name == "" {
		return accounts.InstanceActor(a.Own), nil
	}
	return a.Directory.Resolve(c.Request.Context(), name)
}

func (a *api) keys(c *gin.Context) (any, error) {
	id, err := a.actor(c, c.Query("actor"))
	if err != nil {
		return nil, err
	}
	rows, err := a.Keys.List(c.Request.Context(), id)
	return whole(rows, func(k *models.Key) Key {
		return Key{k.KeyID, k.Actor, k.Type, k.State, k.Public, directory.Fingerprint(k.Public), k.CreatedAt, k.RevokedAt, k.RevocationReason}
	}), err
}

func (a *api) rotate(c *gin.Context) (any, error) {
	in, err := read[Rotation](c)
	if err != nil {
		return nil, err
	}
	id, err := a.actor(c, in.Actor)
	if err != nil {
		return nil, err
	}
	since := time.Time{}
	if in.Since != nil {
		since = *in.Since
	}
	if in.RSA {
		if in.Compromised || in.Since != nil {
			return nil, accounts.Invalid("an RSA key vouches for no document: replace it, and there is nothing more to say of it")
		}
		return Done{true}, a.Keys.RotateRSA(c.Request.Context(), operator, id, in.Reason)
	}
	if in.Compromised == since.IsZero() {
		return nil, accounts.Invalid("a compromised key, and no other, has a time since when it is")
	}
	return Done{true}, a.Keys.Rotate(c.Request.Context(), operator, id, in.Reason, in.Compromised, since)
}

func (a *api) notices(c *gin.Context) (any, error) {
	before, limit, err := page(c, "before")
	if err != nil {
		return nil, err
	}
	recipient := models.Operator
	if name := c.Query("for"); name != "" {
		if recipient, err = a.Directory.Resolve(c.Request.Context(), name); err != nil {
			return nil, err
		}
	}
	rows, err := a.Queues.Notices(c.Request.Context(), recipient, before, limit)
	return list(rows, limit, func(n *models.Notice) Notice { return Notice{n.ID, n.Kind, n.Subject, n.Detail, n.CreatedAt} },
		func(n *models.Notice) string { return strconv.FormatInt(n.ID, 10) }), err
}

func delivery(d *models.Delivery) Delivery {
	return Delivery{ID: d.ID, Host: d.Host, Inbox: d.Inbox, Activity: d.Activity, Type: d.Type, Object: d.ObjectID, Recipient: d.Recipient, State: d.State,
		Attempts: d.Attempts, NextAt: d.NextAt, Status: d.Status, Reason: d.Reason, CreatedAt: d.CreatedAt}
}

func arrival(d *models.Arrival) Arrival {
	return Arrival{ID: d.ID, Activity: d.Activity, Inbox: d.Inbox, Type: d.Type, ObjectType: d.ObjectType, Object: d.ObjectID, Actor: d.Actor, Host: d.Host, State: d.State,
		Attempts: d.Attempts, Reason: d.Reason, Digest: d.Digest, ReceivedAt: d.ReceivedAt, AppliedAt: d.AppliedAt, KeyID: d.KeyID}
}

func entry(e *models.AuditEntry) AuditEntry {
	return AuditEntry{e.ID, e.At, e.Actor, e.Act, e.Object, json.RawMessage(e.Detail), e.Hash}
}
