package policy

import (
	"fmt"

	"valise/models"
)

// FirstContactMax is the largest first contact from an unknown origin, in bytes.
const FirstContactMax = 16 << 10

// Standing decides whether an activity may enter at all, by the sender's standing
// ("" for a host that we never heard of). Authority over what it says is Origin's
// question, and membership the handler's.
func Standing(state string, activity, object string, size int) error {
	first := activity == "Offer" && object == "Relationship" || activity == "Invite"
	switch state {
	case models.PeerAccredited, models.PeerGuest:
		return nil
	case models.PeerSuspended:
		return &Refusal{Code: "suspended", Status: 403, Detail: "your instance is suspended here; your operator can ask ours why"}
	case models.PeerRefused:
		return &Refusal{Code: "refused", Status: 403, Detail: "your instance was refused here"}
	case models.PeerProposed:
		// The answer to our own proposal, its withdrawal, or a new proposal.
		if first || activity == "Accept" || activity == "Reject" {
			return nil
		}
		return &Refusal{Code: "not-accredited", Status: 403, Detail: "your accreditation waits for a person here"}
	}
	if !first {
		return &Refusal{Code: "not-accredited", Status: 403,
			Detail: fmt.Sprintf("your instance is not accredited here; of a stranger only an accreditation proposal or an invitation is accepted, not %s", activity)}
	}
	if size > FirstContactMax {
		return &Refusal{Code: "too-large", Status: 413, Detail: fmt.Sprintf("a first contact may have %d bytes at most", FirstContactMax)}
	}
	return nil
}

// Admits tells whether a rule of a community, for posting or commenting, lets a role act.
func Admits(rule, role string) bool {
	switch rule {
	case models.ByEveryone:
		return true
	case models.ByMembers:
		return role == models.RoleMember || role == models.RoleOrganiser
	}
	return role == models.RoleOrganiser
}

// GuestMay tells what a guest peer may send: what belongs to a membership or to its
// Group, never correspondence of its own to our offices.
func GuestMay(activity, object string, group bool) error {
	switch activity {
	case "Follow", "Undo", "Accept", "Reject", "Delete", "Read", "Announce", "Invite", "Offer", "Like", "Block", "Flag", "Add", "Remove", "Move":
		return nil
	case "Create", "Update":
		if object != "Article" || group {
			return nil
		}
	}
	return &Refusal{Code: "guest", Status: 403, Detail: "a guest instance may answer in the community that invited it, and send nothing else"}
}
