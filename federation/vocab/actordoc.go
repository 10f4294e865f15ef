package vocab

import "valise/models/iri"

// RSAKey is the key of draft-cavage hops. Its id is {actor}#rsa at our own
// actors and never changes.
type RSAKey struct {
	ID, Owner iri.IRI
	PEM       string // SubjectPublicKeyInfo
}

// Multikey is a key of FEP-521a: Ed25519, multibase "z6Mk…".
type Multikey struct {
	ID, Controller     iri.IRI
	PublicKeyMultibase string
}

func (k Multikey) obj() *Obj {
	return New().IRI("id", k.ID).Str("type", "Multikey").IRI("controller", k.Controller).
		Str("publicKeyMultibase", k.PublicKeyMultibase)
}

// Capabilities advertised in generator.implements (FEP-844e).
const (
	CapabilityRFC9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
	CapabilityEd25519 = "https://datatracker.ietf.org/doc/html/rfc9421#name-eddsa-using-curve-edwards25"
	CapabilityValise  = Namespace + "protocol-1"
)

// Row is a PropertyValue of a profile.
type Row struct{ Name, Value string }

// ActorDoc is an actor document of ours. Full writes all of it; Minimal only
// what others need to verify and to deliver (PROTOCOL §1, access tiers).
type ActorDoc struct {
	ID                         iri.IRI
	Type                       string
	PreferredUsername          string
	Name, Summary              string
	URL                        iri.IRI
	Inbox, Outbox, SharedInbox iri.IRI
	Followers                  iri.IRI // {id}/followers, else Lemmy and Akkoma miss it
	Moderators                 iri.IRI // of a Group: member attributedTo
	ManuallyApprovesFollowers  bool
	Rows                       []Row
	RSA                        *RSAKey // nil until an actor first needs one
	Multikeys                  []Multikey
	KeyHistory                 iri.IRI
	Offices                    iri.IRI // of an instance actor: its directory, for accredited peers
	InstanceActor              iri.IRI // generator
	Implements                 []string
	Ceiling                    Grade   // of a Group
	Charter                    iri.IRI // of a Group
	CharterDigest              string
}

// actorContext defines our terms in place of naming ContextValise: software
// that loads contexts (Fedify) must be able to read an actor of ours.
const actorContext = `["` + ContextAS2 + `","` + ContextSecurity + `","` + ContextCID + `","` + ContextIntegrity + `",` +
	`{"manuallyApprovesFollowers":"as:manuallyApprovesFollowers","discoverable":"http://joinmastodon.org/ns#discoverable",` +
	`"schema":"http://schema.org#","PropertyValue":"schema:PropertyValue","value":"schema:value",` +
	`"implements":{"@id":"as:implements","@type":"@id"},` +
	`"vls":"` + Namespace + `","keyHistory":{"@id":"vls:keyHistory","@type":"@id"},"offices":{"@id":"vls:offices","@type":"@id"},` +
	`"charter":{"@id":"vls:charter","@type":"@id"},"charterDigest":"vls:charterDigest","ceiling":"vls:ceiling",` +
	`"scheme":"vls:scheme","level":"vls:level","rank":"vls:rank"}]`

// Full returns the document for peers with a standing.
func (d *ActorDoc) Full() []byte {
	o := d.begin().Str("name", d.Name).Str("summary", d.Summary).IRI("url", d.URL)
	d.addresses(o).IRI("outbox", d.Outbox).IRI("attributedTo", d.Moderators).
		Bool("manuallyApprovesFollowers", d.ManuallyApprovesFollowers).Bool("discoverable", false)
	o.Objs("attachment", rowObjs(d.Rows)).IRI("offices", d.Offices).Obj("ceiling", d.Ceiling.obj()).
		IRI("charter", d.Charter).Str("charterDigest", d.CharterDigest)
	return d.keys(o).Bytes()
}

// Minimal returns the document that is open to everybody.
func (d *ActorDoc) Minimal() []byte {
	o := d.addresses(d.begin())
	if d.ManuallyApprovesFollowers {
		o.Bool("manuallyApprovesFollowers", true)
	}
	return d.keys(o).Bytes()
}

func (d *ActorDoc) begin() *Obj {
	return New().Raw("@context", []byte(actorContext)).IRI("id", d.ID).Str("type", d.Type).
		Str("preferredUsername", d.PreferredUsername)
}

func (d *ActorDoc) addresses(o *Obj) *Obj {
	return o.IRI("inbox", d.Inbox).IRI("followers", d.Followers).
		Obj("endpoints", New().IRI("sharedInbox", d.SharedInbox))
}

func (d *ActorDoc) keys(o *Obj) *Obj {
	if d.RSA != nil {
		o.Obj("publicKey", d.RSA.obj())
	}
	var keys []*Obj
	for _, k := range d.Multikeys {
		keys = append(keys, k.obj())
	}
	o.Objs("assertionMethod", keys).IRI("keyHistory", d.KeyHistory)
	if d.InstanceActor != "" {
		var implements []*Obj
		for _, href := range d.Implements {
			implements = append(implements, New().Str("href", href))
		}
		o.Obj("generator", New().Str("type", "Application").IRI("id", d.InstanceActor).
			Objs("implements", implements))
	}
	return o
}

func (k *RSAKey) obj() *Obj {
	return New().IRI("id", k.ID).IRI("owner", k.Owner).Str("publicKeyPem", k.PEM)
}
