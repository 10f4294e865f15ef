package dispatches

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Steps that an office takes with a dispatch that it received.
const (
	StepRead     = "read"
	StepRegister = "register"
	StepTake     = "take"
)

// Handle records what a person does with a received dispatch for one of the offices
// that it names, and sends the receipt. Each step is taken once; a repeated one
// changes nothing.
func (s *Dispatches) Handle(ctx context.Context, person iri.IRI, name, step, number string) (*models.Dispatch, error) {
	return s.HandleFor(ctx, person, "", name, step, number)
}

// HandleFor is Handle for one of the person's offices, where a dispatch names several;
// with "" it is the one that is to act.
func (s *Dispatches) HandleFor(ctx context.Context, person, desk iri.IRI, name, step, number string) (*models.Dispatch, error) {
	var d *models.Dispatch
	err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var r audience.Reader
		var err error
		if d, r, err = s.find(ctx, tx, person, name); err != nil {
			return err
		}
		office, role, err := s.addressedOffice(ctx, tx, d, r, desk)
		if err != nil {
			return err
		}
		reg, err := models.RegistrationOf(ctx, tx, d.IRI, office)
		if models.NotFound(err) {
			reg = &models.Registration{Dispatch: d.IRI, Office: office}
		} else if err != nil {
			return err
		}
		f := ReceiptFor{By: office, To: d.Author, Community: d.Community, Dispatch: d.IRI, Version: d.Version, Activity: d.Activity, Digest: d.Digest}
		now := s.now()
		switch step {
		case StepRead:
			if reg.ReadAt != 0 {
				return nil
			}
			reg.ReadAt, reg.ReadBy, f.Kind, f.Station = now, person, vocab.ReceiptRead, models.ReadByThem
		case StepRegister:
			if reg.RegisteredAt != 0 {
				return nil
			}
			if number == "" || len(number) > 100 || Unfit(number) != "" {
				return invalid("give the registry number, in at most 100 bytes")
			}
			reg.RegisteredAt, reg.RegisteredBy, reg.Number = now, person, number
			f.Kind, f.Station, f.Number = vocab.ReceiptRegistered, models.Registered, number
		case StepTake:
			if reg.TakenAt != 0 {
				return nil
			}
			if role != models.RoleAction {
				return invalid("%s is addressed for information; only an ACTION addressee takes a dispatch for action", office)
			}
			reg.TakenAt, reg.TakenBy, f.Kind, f.Station = now, person, vocab.ReceiptTaken, models.Taken
		default:
			return invalid("a dispatch can be read, registered and taken, not %q", step)
		}
		if err := models.SaveRegistration(ctx, tx, reg); err != nil {
			return err
		}
		return s.Receipt(ctx, tx, f)
	})
	return d, err
}

// addressedOffice is the addressee that the reader stands for: an office of hers, or
// herself; with desk not empty, that one alone.
func (s *Dispatches) addressedOffice(ctx context.Context, db bun.IDB, d *models.Dispatch, r audience.Reader, desk iri.IRI) (iri.IRI, string, error) {
	to, err := models.AddresseesOf(ctx, db, d.IRI)
	if err != nil {
		return "", "", err
	}
	slices.SortStableFunc(to, func(a, b models.Addressee) int { return len(a.Role) - len(b.Role) })
	for _, role := range []string{models.RoleAction, models.RoleInfo} {
		for _, a := range to {
			if a.Role == role && (desk == "" || a.Actor == desk) && (a.Actor == r.Actor || slices.Contains(r.Offices, a.Actor)) {
				return a.Actor, role, nil
			}
		}
	}
	return "", "", invalid("no office of yours is an addressee of %s", d.Reference)
}
