package communities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

func asRefusal(err error, r **policy.Refusal) bool { return errors.As(err, r) }

// ReceiveAnnounce applies what a Group distributes to our members: its own proof and
// the author's are verified; here the sequence is held together and the inner activity
// applied. Receipts that a Group passes on carry no number.
func (s *Communities) ReceiveAnnounce(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	in, err := a.Activity.Inner(s.Rules)
	if err != nil {
		return err
	}
	group := a.Activity.Actor
	sequence, previous, err := a.Activity.Sequence()
	if err != nil {
		return err
	}
	numbered := sequence > 0
	if (in.Type == "Accept" || in.Type == "Read") && !numbered {
		inner := *a
		inner.Activity = in
		is, err := s.Dispatches.ReceiveReceipt(ctx, tx, &inner)
		if err == nil && !is {
			err = &policy.Refusal{Code: "unknown-kind", Detail: "an announced " + in.Type + " that is no receipt"}
		}
		return err
	}
	c, err := models.CommunityByIRI(ctx, tx, group)
	if models.NotFound(err) || err == nil && c.Local {
		return &policy.Refusal{Code: "not-member", Detail: "nobody here is in the community " + string(group)}
	}
	if err != nil {
		return err
	}
	if !a.Row.Proven {
		return &policy.Refusal{Code: "unproven", Detail: "an announcement without the Group's proof"}
	}
	if !numbered {
		return &policy.Refusal{Code: "no-sequence", Detail: "an announcement without a sequence number"}
	}
	now := models.At(a.Now)
	members, err := models.LocalMembers(ctx, tx, group, s.Own, now)
	if err != nil {
		return err
	}
	if len(members) == 0 && in.Type != "Delete" && in.Type != "Remove" {
		if waiting, err := models.Reserved(ctx, tx, group, s.Own); err != nil || waiting {
			return errors.Join(err, fmt.Errorf("the Accept of %s: %w", group, inbox.Early))
		}
		return &policy.Refusal{Code: "not-member", Detail: "nobody here is a member of " + c.Name + " any more"}
	}
	e, err := s.follow(ctx, tx, a, c, sequence, previous, in.ObjectID)
	if err != nil {
		return err
	}
	switch {
	case in.Type == "Create" && in.ObjectType == "Note":
		return s.keepComment(ctx, tx, a, c, in, members, e)
	case in.ObjectType == "Article" && (in.Type == "Create" || in.Type == "Update"):
		return s.keepDispatch(ctx, tx, a, c, in, members, e)
	case in.Type == "Delete":
		return s.keepDeletion(ctx, tx, a, c, in)
	case in.Type == "Remove":
		return s.keepRemoval(ctx, tx, a, c, in)
	}
	return &policy.Refusal{Code: "unknown-kind", Detail: fmt.Sprintf("an announced %s of %s", in.Type, in.ObjectType)}
}

func (s *Communities) keepDispatch(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, in *vocab.Activity, members []*models.Member, e *models.LogEntry) error {
	now, distributed := models.At(a.Now), min(e.At, models.At(a.Now))
	r, err := s.Dispatches.Read(in.Object)
	var refusal *policy.Refusal
	if asRefusal(err, &refusal) && refusal.AboveCeiling() {
		return s.withhold(ctx, tx, a, c, e, refusal.Detail)
	}
	if err != nil {
		return err
	}
	if r.Wire.Audience != c.IRI {
		return &policy.Refusal{Code: "not-addressed", Detail: fmt.Sprintf("%s was distributed in %s but names another audience", r.Wire.ID, c.IRI)}
	}
	if above(members, r.Rank) {
		return s.withhold(ctx, tx, a, c, e, "what is marked "+r.Marking)
	}
	fresh, err := s.Dispatches.Keep(ctx, tx, a, r, in.ID, c.IRI, distributed)
	if errors.Is(err, dispatches.ErrWithdrawn) {
		return nil
	}
	if err != nil {
		return err
	}
	if fresh {
		kind := "community dispatch"
		if r.Wire.Version > 1 {
			kind = "dispatch corrected"
		}
		for _, m := range members {
			if m.HistoryFrom > distributed || m.Ceiling < r.Rank {
				continue
			}
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: m.Actor, Kind: kind, Subject: string(r.Wire.ID), Detail: r.Wire.ReferenceNumber, CreatedAt: now}); err != nil {
				return err
			}
		}
	}
	return s.Dispatches.Receipt(ctx, tx, dispatches.ReceiptFor{Kind: vocab.ReceiptDelivered, Station: models.Delivered, By: iri.IRI(s.Own.Base() + "/actor"), To: c.IRI, Community: c.IRI,
		Dispatch: r.Wire.ID, Version: r.Wire.Version, Activity: in.ID, Digest: r.Digest})
}

// above tells whether a marking is above the ceiling of everybody here.
func above(members []*models.Member, rank int64) bool {
	return !slices.ContainsFunc(members, func(m *models.Member) bool { return m.Ceiling >= rank })
}

// withhold keeps of an announcement that nobody here may have what an outbox would have
// shown of it, number and digest, and none of its text. The operator is told what: its
// Group should not have sent it.
func (s *Communities) withhold(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, e *models.LogEntry, what string) error {
	s.Log.Warn("withheld: above the ceiling of every member here", "rule", "above-ceiling", "what", what, "activity", a.Activity.ID, "community", c.IRI, "sequence", e.Sequence)
	if err := models.EraseArrivalBody(ctx, tx, a.Row.ID); err != nil {
		return err
	}
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "text above a ceiling", Subject: string(a.Activity.ID), CreatedAt: models.At(a.Now),
		Detail: fmt.Sprintf("%s sent what is above the ceiling of every member here: %s. Its text was erased. Tell the operator of %s", c.IRI, what, c.IRI.Host())})
}

func (s *Communities) keepDeletion(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, in *vocab.Activity) error {
	if comment, err := models.CommentByIRI(ctx, tx, in.ObjectID); err == nil {
		if comment.Author != in.Actor && c.IRI != in.Actor {
			return &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s may not delete a comment of %s", in.Actor, comment.Author)}
		}
		return models.EraseComment(ctx, tx, comment.IRI)
	}
	d, err := s.Dispatches.Erase(ctx, tx, a, in)
	if err != nil {
		return err
	}
	// What the Group announced is held here as well; it goes with the text.
	if err := models.EraseArrivalBodies(ctx, tx, []iri.IRI{d.IRI}); err != nil {
		return err
	}
	return s.Dispatches.ErasedReceipt(ctx, tx, d, c.IRI, c.IRI)
}

// grain is by how much the time of an announcement may lie before that of the one before
// it: times on the wire have whole seconds (PROTOCOL §3.2).
const grain = time.Second

// dated holds the time of an announcement to its place in the chain: times rise, and none
// lies ahead of its arrival by more than clocks may differ (PROTOCOL §2). It returns the
// time that counts.
func (s *Communities) dated(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, sequence int64) (models.Time, error) {
	at := models.At(a.Activity.Published)
	wrong := func(format string, args ...any) error {
		return &policy.Refusal{Code: "wrong-time", Detail: fmt.Sprintf("number %d of %s ", sequence, c.IRI) + fmt.Sprintf(format, args...)}
	}
	if at == 0 {
		return 0, wrong("says not when it was announced")
	}
	if at > a.Row.ReceivedAt.Add(s.Window) {
		return 0, wrong("is dated %s, after it came here", a.Activity.Published.Format(time.RFC3339))
	}
	before, err := models.LogBefore(ctx, tx, c.IRI, sequence)
	if err != nil {
		return 0, err
	}
	after, err := models.LogAfter(ctx, tx, c.IRI, sequence)
	if err != nil {
		return 0, err
	}
	if after != nil && at > after.At.Add(grain) {
		return 0, wrong("is dated after number %d", after.Sequence)
	}
	if before != nil && at.Add(grain) < before.At {
		return 0, wrong("is dated before number %d", before.Sequence)
	}
	if before != nil {
		at = max(at, before.At)
	}
	return at, nil
}

// follow puts an announcement at its place. The same number with other bytes, or a
// chain or times that do not fit, is an alarm; a gap is repaired soon, by one read.
func (s *Communities) follow(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, sequence int64, previous string, object iri.IRI) (*models.LogEntry, error) {
	digest, err := sign.ObjectDigest(a.Activity.Raw)
	if err != nil {
		return nil, err
	}
	at, wrong := s.dated(ctx, tx, a, c, sequence)
	if wrong != nil && !asRefusal(wrong, new(*policy.Refusal)) {
		return nil, wrong
	}
	entry := &models.LogEntry{Community: c.IRI, Sequence: sequence, Activity: a.Activity.ID, Digest: digest, Previous: previous, ObjectID: object, At: at}
	other, err := models.UpsertLogEntry(ctx, tx, entry)
	if err != nil {
		return nil, err
	}
	if other {
		return nil, &policy.Refusal{Code: "sequence-conflict", Detail: fmt.Sprintf("number %d of %s was another announcement before", sequence, c.IRI)}
	}
	for _, neighbour := range []int64{sequence - 1, sequence + 1} {
		e, err := models.LogEntryAt(ctx, tx, c.IRI, neighbour)
		if models.NotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if neighbour < sequence && previous != e.Digest || neighbour > sequence && e.Previous != "" && e.Previous != digest {
			return nil, &policy.Refusal{Code: "broken-chain", Detail: fmt.Sprintf("number %d of %s does not follow from the one before it", max(sequence, neighbour), c.IRI)}
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	if c.RepairAt != 0 {
		gap, err := models.FirstGap(ctx, tx, c.IRI)
		if err != nil {
			return nil, err
		}
		if gap == 0 {
			c.RepairAt = 0 // closed: the next one is asked about at once
		}
	}
	if sequence > c.Sequence+1 && c.Sequence > 0 && c.RepairAt == 0 {
		c.RepairAt = models.At(a.Now)
	}
	if sequence > c.Sequence {
		c.Sequence, c.Chain = sequence, digest
	}
	return entry, models.SaveCommunity(ctx, tx, c)
}

// repairEvery bounds how often a gap is asked about (PROTOCOL §4.3).
const repairEvery = time.Hour

// Repair reads the outboxes of communities with gaps, once at first and then hourly,
// and lets what it finds take the arrival road. It returns how many it read.
func (s *Communities) Repair(ctx context.Context, deliver func(ctx context.Context, body []byte, group iri.IRI) error) (int, error) {
	rows, err := models.CommunitiesToRepair(ctx, s.Store.R, s.now(), 20)
	if err != nil {
		return 0, err
	}
	for _, c := range rows {
		if err := s.repair(ctx, c, deliver); err != nil {
			s.Log.Warn("a gap in a community cannot be repaired yet", "community", c.IRI, "err", err)
		}
		next := s.now().Add(repairEvery)
		if gap, err := models.FirstGap(ctx, s.Store.R, c.IRI); err == nil && gap == 0 {
			next = 0
		}
		if err := models.SetRepair(ctx, s.Store.W, c.IRI, next); err != nil {
			return len(rows), err
		}
	}
	return len(rows), nil
}

func (s *Communities) repair(ctx context.Context, c *models.Community, deliver func(context.Context, []byte, iri.IRI) error) error {
	gap, err := models.FirstGap(ctx, s.Store.R, c.IRI)
	if err != nil || gap == 0 {
		return err
	}
	members, err := models.LocalMembers(ctx, s.Store.R, c.IRI, s.Own, s.now())
	if err != nil || len(members) == 0 {
		return err
	}
	page := c.IRI + iri.IRI(fmt.Sprintf("/outbox/after/%d", gap-1))
	doc, err := s.Client.Get(ctx, page, "", s.SignGet(ctx, members[0].Actor, c.IRI.Host()))
	if err != nil {
		return err
	}
	node, err := vocab.ParseJSON(doc.Body)
	if err != nil {
		return err
	}
	items, _, err := vocab.ParsePage(node, s.Rules)
	if err != nil {
		return err
	}
	for _, item := range items {
		var err error
		if withheld, _ := item.Get("withheld").Bool(); withheld {
			err = s.keepWithheld(ctx, c, item)
		} else if item.Kind() == vocab.Object {
			err = deliver(ctx, slices.Clone(item.Raw()), c.IRI)
		}
		if err != nil { // one entry that cannot be read keeps no other away
			s.Log.Warn("an entry of an outbox is not taken", "community", c.IRI, "err", err)
		}
	}
	return nil
}

func (s *Communities) keepWithheld(ctx context.Context, c *models.Community, item *vocab.Node) error {
	text, _ := item.Get("sequence").Str()
	var sequence int64
	if _, err := fmt.Sscan(text, &sequence); err != nil || sequence < 1 {
		return &policy.Refusal{Code: "malformed", Detail: "a withheld entry without a number"}
	}
	digest, _ := item.Get("digest").Str()
	_, err := models.UpsertLogEntry(ctx, s.Store.W, &models.LogEntry{Community: c.IRI, Sequence: sequence, Digest: digest, Withheld: true})
	return err
}
