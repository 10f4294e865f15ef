package desk

import (
	"slices"

	"valise/models"
	"valise/models/iri"
)

// Troubles of an addressee on the board.
const (
	TroubleLate      = "late"      // not delivered yet, and its time has passed or a try has failed
	TroubleWaiting   = "waiting"   // on its way, nothing wrong
	TroubleFailed    = "failed"    // given up, or refused
	TroubleCancelled = "cancelled" // called back before it left
)

// BoardRow is one addressee's line of the timetable. A station not reached is zero.
type BoardRow struct {
	Actor      iri.IRI
	Name       string
	Role       string // "" for a member of the community
	Local      bool
	Sent       models.Time
	Handed     models.Time
	Delivered  models.Time
	Registered models.Time
	Number     string
	Read       models.Time
	Taken      models.Time
	Erased     models.Time
	// Trouble is "" where nothing is wrong; Since, Reason and Next go with it.
	Trouble     string
	Since       models.Time
	Reason      string
	Next        models.Time
	Delivery    int64 // that can be tried now; 0 for none
	Unanswered  models.Time
	EarlierOnly bool // what is shown is of an earlier version
}

// boardMost is how many lines a board shows.
const boardMost = 100

// board sorts the evidence by addressee: those with trouble first, then for action, for
// information, then members of the community. beyond counts those left out.
func board(o *models.Dossier) (rows []BoardRow, beyond int) {
	at := map[iri.IRI]int{}
	line := func(actor iri.IRI, name string) *BoardRow {
		i, ok := at[actor]
		if !ok {
			i = len(rows)
			at[actor] = i
			rows = append(rows, BoardRow{Actor: actor, Name: name})
		}
		return &rows[i]
	}
	for _, a := range o.Addressees {
		if a.Actor == o.Dispatch.Community {
			continue
		}
		b := line(a.Actor, a.Name)
		b.Role, b.Local = a.Role, a.Local
	}
	// Oldest version first: a later version's stations replace an earlier one's.
	evidence := slices.Clone(o.Evidence)
	slices.SortStableFunc(evidence, func(a, b models.NamedEvidence) int { return int(a.Version - b.Version) })
	version := map[iri.IRI]int64{}
	for _, e := range evidence {
		if e.Addressee == o.Dispatch.Community {
			continue
		}
		b := line(e.Addressee, e.Name)
		if version[e.Addressee] != e.Version {
			version[e.Addressee] = e.Version
			*b = BoardRow{Actor: b.Actor, Name: b.Name, Role: b.Role, Local: b.Local}
		}
		b.reach(e)
	}
	for i := range rows {
		rows[i].EarlierOnly = version[rows[i].Actor] != 0 && version[rows[i].Actor] < o.Dispatch.Version
	}
	for _, d := range o.Deliveries {
		if i, ok := at[d.Recipient]; ok {
			rows[i].underway(d)
		}
	}
	if o.Dispatch.Origin != models.OriginIssued {
		rows = slices.DeleteFunc(rows, func(b BoardRow) bool { return b.Delivered == 0 && b.Registered == 0 && b.Read == 0 && b.Taken == 0 })
	}
	weight := func(b BoardRow) int {
		n := 0
		if b.Trouble != TroubleFailed && b.Trouble != TroubleLate {
			n = 4
		}
		switch b.Role {
		case models.RoleAction:
		case models.RoleInfo:
			n++
		default:
			n += 2
		}
		return n
	}
	slices.SortStableFunc(rows, func(a, b BoardRow) int { return weight(a) - weight(b) })
	if len(rows) > boardMost {
		return rows[:boardMost], len(rows) - boardMost
	}
	return rows, 0
}

// reach notes one entry of the evidence.
func (b *BoardRow) reach(e models.NamedEvidence) {
	switch e.Station {
	case models.Submitted:
		b.Sent = e.At
	case models.HandedOver:
		b.Handed = e.At
	case models.Delivered:
		b.Delivered = e.At
	case models.Registered:
		b.Registered, b.Number = e.At, e.Detail
	case models.ReadByThem:
		b.Read = e.At
	case models.Taken:
		b.Taken = e.At
	case models.Erased:
		b.Erased = e.At
	case models.UnansweredMark:
		b.Unanswered = e.At
	case models.Failed:
		b.Trouble, b.Since, b.Reason = TroubleFailed, e.At, e.Detail
	case models.Cancelled:
		b.Trouble, b.Since, b.Reason = TroubleCancelled, e.At, e.Detail
	case models.LateMark:
		if b.Trouble == "" {
			b.Trouble, b.Since = TroubleLate, e.At
		}
	}
	if b.Delivered != 0 && b.Trouble != TroubleCancelled {
		b.Trouble, b.Reason = "", ""
	}
}

// underway notes a delivery that waits or failed.
func (b *BoardRow) underway(d models.Underway) {
	if b.Delivered != 0 {
		return
	}
	b.Delivery, b.Next = d.ID, d.NextAt
	if d.Reason != "" {
		b.Reason = d.Reason
	}
	switch {
	case d.State == models.DeliveryFailed:
		b.Trouble = TroubleFailed
	case d.Attempts > 0:
		b.Trouble = TroubleLate
	case b.Trouble == "":
		b.Trouble = TroubleWaiting
	}
	if b.Since == 0 {
		b.Since = d.CreatedAt
	}
}

// Holding counts the lines of a board that hold the dispatch.
func Holding(rows []BoardRow) (have, late, failed int) {
	for _, b := range rows {
		switch {
		case b.Delivered != 0 || b.Registered != 0 || b.Read != 0 || b.Taken != 0:
			have++
		case b.Trouble == TroubleLate:
			late++
		case b.Trouble == TroubleFailed:
			failed++
		}
	}
	return have, late, failed
}
