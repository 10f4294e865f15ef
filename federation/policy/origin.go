package policy

import (
	"fmt"

	"valise/models/iri"
)

// Act is what the authority rules need to know of an activity.
type Act struct {
	ID, Actor      iri.IRI
	Type           string
	ObjectID       iri.IRI
	ObjectType     string
	ObjectOwner    iri.IRI // attributedTo of an embedded object, or actor of an embedded activity
	ObjectEmbedded bool
	Target         iri.IRI
}

// Origin holds an activity to the origin-based security model (FEP-fe34, PROTOCOL §8):
// signer, actor and id share one origin, and the actor owns what it creates, changes
// or deletes. signer is the owner of the key that signed the hop.
func Origin(signer iri.IRI, a Act) error {
	if !signer.SameOrigin(a.Actor) {
		return &Refusal{Code: "foreign-actor", Status: 403, Detail: fmt.Sprintf("the request is signed by %s, which cannot speak for %s", signer, a.Actor)}
	}
	if !a.ID.SameOrigin(a.Actor) {
		return &Refusal{Code: "foreign-id", Status: 403, Detail: fmt.Sprintf("the id %s is not of the actor's origin", a.ID)}
	}
	switch a.Type {
	case "Create", "Update":
		if !a.ObjectEmbedded {
			return &Refusal{Code: "no-object", Status: 422, Detail: a.Type + " must embed its object"}
		}
		if !a.ObjectID.SameOrigin(a.Actor) {
			return &Refusal{Code: "foreign-object", Status: 403, Detail: fmt.Sprintf("the object %s is not of the actor's origin", a.ObjectID)}
		}
		owner := a.ObjectOwner
		if isActor(a.ObjectType) {
			owner = a.ObjectID
		}
		if owner != a.Actor {
			return &Refusal{Code: "foreign-owner", Status: 403, Detail: fmt.Sprintf("%s does not own %s", a.Actor, a.ObjectID)}
		}
	case "Delete":
		if !a.ObjectID.SameOrigin(a.Actor) {
			return &Refusal{Code: "foreign-object", Status: 403, Detail: fmt.Sprintf("%s may not delete %s", a.Actor, a.ObjectID)}
		}
	case "Add", "Remove":
		if a.Target != "" && !a.Target.SameOrigin(a.Actor) {
			return &Refusal{Code: "foreign-target", Status: 403, Detail: fmt.Sprintf("%s has no authority over %s", a.Actor, a.Target)}
		}
	case "Undo":
		if a.ObjectEmbedded && a.ObjectOwner != a.Actor {
			return &Refusal{Code: "foreign-owner", Status: 403, Detail: fmt.Sprintf("%s may not undo an act of %s", a.Actor, a.ObjectOwner)}
		}
	}
	return nil
}

func isActor(kind string) bool {
	switch kind {
	case "Application", "Group", "Organization", "Person", "Service":
		return true
	}
	return false
}
