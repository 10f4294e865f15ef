package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// remarkMost bounds the remark with which a dispatch is passed on, in bytes.
const remarkMost = 1000

// Colleagues lists who else may read for an office of the person's.
func (s *Desk) Colleagues(ctx context.Context, person, office iri.IRI) ([]models.DeskHolder, error) {
	all, err := models.Colleagues(ctx, s.Store.R, office, s.now())
	if err != nil {
		return nil, fmt.Errorf("find the colleagues in %s: %w", office, err)
	}
	return slices.DeleteFunc(all, func(h models.DeskHolder) bool { return h.IRI == person }), nil
}

// Forward passes a dispatch on to a colleague in the same office, who gets a notice. It
// goes nowhere else: the colleague may read it already. The same twice is once.
func (s *Desk) Forward(ctx context.Context, person, office, id, colleague iri.IRI, remark string) error {
	remark = strings.TrimSpace(remark)
	if why := dispatches.Unfit(remark); why != "" {
		return accounts.Invalid("the remark %s", why)
	}
	if len(remark) > remarkMost {
		return accounts.Invalid("the remark has %d bytes; at most %d are passed on", len(remark), remarkMost)
	}
	v, err := s.Open(ctx, person, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.May.Forward, func(h models.DeskHolder) bool { return h.IRI == office }) {
		return &policy.Refusal{Code: "not-forwarded", Status: 403, Detail: fmt.Sprintf("%s is passed on within an office that has it; choose one of yours", v.Dispatch.Reference)}
	}
	all, err := s.Colleagues(ctx, person, office)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(h models.DeskHolder) bool { return h.IRI == colleague }) {
		if err := accounts.NotBlocked(ctx, s.Store.R, colleague); err != nil {
			return err
		}
		return accounts.Invalid("choose a colleague who may read for this office")
	}
	r, err := s.reader(ctx, colleague)
	if err != nil {
		return err
	}
	may, err := audience.Allowed(ctx, s.Store.R, r.Reader, audience.Dispatches, []iri.IRI{id}, s.now())
	if err != nil {
		return err
	}
	if !may[id] {
		return accounts.Invalid("the colleague may not read %s: it did not come to an office of hers", v.Dispatch.Reference)
	}
	by := person
	if h, ok := (at{holders: v.Holders}).holder(person); ok {
		by = iri.IRI(h.Name)
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		fresh, err := models.InsertForward(ctx, tx, &models.Forward{Dispatch: id, Office: office, Giver: person, Taker: colleague, Remark: remark, At: s.now()})
		if err != nil || !fresh {
			return err
		}
		detail := fmt.Sprintf("%s passes on %s", by, v.Dispatch.Reference)
		if remark != "" {
			detail += ": " + remark
		}
		if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: colleague, Kind: "dispatch forwarded", Subject: string(id), Detail: detail, CreatedAt: s.now()}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "forwarded", string(id), map[string]any{"to": colleague, "office": office, "reference": v.Dispatch.Reference})
	})
}

// Retry has a late or failed delivery of a dispatch tried now, by somebody who drafts or
// releases for its office.
func (s *Desk) Retry(ctx context.Context, person, id iri.IRI, delivery int64) error {
	v, err := s.Open(ctx, person, id)
	if err != nil {
		return err
	}
	if !v.May.Retry {
		return &policy.Refusal{Code: "no-mandate", Status: 403, Detail: "only those who draft or release for the office have a delivery tried again"}
	}
	if !slices.ContainsFunc(v.Deliveries, func(d models.Underway) bool { return d.ID == delivery }) {
		return nil // it has gone meanwhile
	}
	return s.Queues.Retry(ctx, string(person), delivery)
}

// Consequences are what a withdrawal of a dispatch would reach.
type Consequences struct {
	View *View
	// Holders have it, on Instances instances; Waiting have not got it yet and never will.
	Holders, Instances, Waiting int
	Community                   string
	Files                       int
	Answers                     int
}

// Consequences counts who holds copies. Only somebody who may withdraw it is told.
func (s *Desk) Consequences(ctx context.Context, person, id iri.IRI) (*Consequences, error) {
	v, err := s.Open(ctx, person, id)
	if err != nil {
		return nil, err
	}
	if v.May.Withdraw == "" {
		if v.Dispatch.Origin != models.OriginIssued || v.Dispatch.State != models.DispatchInForce {
			return nil, &policy.Refusal{Code: "not-in-force", Status: 409, Detail: fmt.Sprintf("%s cannot be withdrawn here: it was issued elsewhere, or was withdrawn already", v.Dispatch.Reference)}
		}
		return nil, &policy.Refusal{Code: "no-mandate", Status: 403, Detail: "only those who release for the office withdraw its dispatches"}
	}
	out := &Consequences{View: v, Community: v.CommunityName, Files: len(v.Attachments), Answers: len(v.Answers)}
	hosts, have := map[iri.Host]bool{}, map[iri.IRI]bool{}
	for _, e := range v.Evidence {
		switch e.Station {
		case models.HandedOver, models.Delivered, models.Registered, models.ReadByThem, models.Taken:
			have[e.Addressee], hosts[e.Addressee.Host()] = true, true
		}
	}
	for _, a := range v.Addressees {
		if a.Actor != v.Dispatch.Community && !have[a.Actor] {
			out.Waiting++
		}
	}
	out.Holders, out.Instances = len(have), len(hosts)
	return out, nil
}

// Withdraw takes a dispatch back. With supersededBy, a reference number or an id, it is
// replaced and its text stays readable.
func (s *Desk) Withdraw(ctx context.Context, person, id iri.IRI, supersededBy string) error {
	if _, err := s.Consequences(ctx, person, id); err != nil {
		return err
	}
	supersededBy = strings.TrimSpace(supersededBy)
	_, err := s.Dispatches.Withdraw(ctx, person, string(id), supersededBy)
	var missing *policy.Refusal
	if supersededBy != "" && errors.As(err, &missing) && missing.Code == "not-found" {
		return accounts.Invalid("there is no dispatch %q that you may see; write the reference number of the one that replaces it", supersededBy)
	}
	return err
}

// File opens an attachment that the person may see.
func (s *Desk) File(ctx context.Context, person, id iri.IRI, digest string) (*models.Attachment, io.ReadSeekCloser, error) {
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	return s.FileAs(ctx, r.Reader, id, digest)
}

// FileAs is File for a reader whose audience the caller has made out.
func (s *Desk) FileAs(ctx context.Context, r audience.Reader, id iri.IRI, digest string) (*models.Attachment, io.ReadSeekCloser, error) {
	cond, args := audience.Bound(r, audience.Dispatches, s.now())
	a, err := models.AttachmentWhere(ctx, s.Store.R, id, digest, cond, args)
	if models.NotFound(err) || err == nil && a.State != models.AttachmentHere {
		return nil, nil, dispatches.NotFound("file")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find the attachment %s of %s: %w", digest, id, err)
	}
	f, err := s.Dispatches.Files.Open(digest)
	if err != nil {
		return nil, nil, fmt.Errorf("open the attachment %s of %s: %w", a.Name, id, err)
	}
	return a, f, nil
}

// Save gathers what verifies a dispatch offline, and records that it leaves the
// instance's control.
func (s *Desk) Save(ctx context.Context, person, id iri.IRI) (*dispatches.Bundle, error) {
	v, err := s.Open(ctx, person, id)
	if err != nil {
		return nil, err
	}
	if !v.May.Save {
		return nil, accounts.Invalid("%s is an archive record: nobody signed it, so that there is nothing to verify", v.Dispatch.Reference)
	}
	b, err := s.Dispatches.Bundle(ctx, person, string(id))
	if err != nil {
		return nil, fmt.Errorf("save %s: %w", v.Dispatch.Reference, err)
	}
	return b, s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, s.Now(), string(person), "saved", string(id), map[string]any{"reference": v.Dispatch.Reference})
	})
}
