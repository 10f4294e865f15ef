package bench

import (
	"crypto/ed25519"
	"crypto/rand"
	"time"

	"valise/federation/keyring"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models/iri"
)

// pen signs for one actor of the generator.
type pen struct {
	id      iri.IRI
	private ed25519.PrivateKey
}

func newPen(actor iri.IRI) (*pen, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return &pen{actor + "#ed-bench", private}, err
}

func (p *pen) KeyID() string                 { return string(p.id) }
func (p *pen) Type() sign.KeyType            { return sign.Ed25519 }
func (p *pen) Sign(m []byte) ([]byte, error) { return ed25519.Sign(p.private, m), nil }
func (p *pen) public() string {
	return sign.EncodeEd25519(p.private.Public().(ed25519.PublicKey))
}

// peer is another instance with one office.
type peer struct {
	host             iri.Host
	instance, office iri.IRI
	seal, pen        *pen
}

func newPeer(host iri.Host) (*peer, error) {
	p := &peer{host: host, instance: iri.IRI(host.Base() + "/actor"), office: iri.IRI(host.Base() + "/o/desk")}
	var err error
	if p.seal, err = newPen(p.instance); err != nil {
		return nil, err
	}
	p.pen, err = newPen(p.office)
	return p, err
}

// peerSeed is what an instance must know of a peer before it is accredited there.
type peerSeed struct {
	Host      iri.Host
	Instance  iri.IRI
	Office    iri.IRI
	Pinned    string
	Scheme    string // keyring.Scheme…
	Documents []string
}

// seed writes the actors of the peer as our own software shows them, endorsed by its
// instance key. Their key histories are empty and left out.
func (p *peer) seed(scheme string) (peerSeed, error) {
	s := peerSeed{Host: p.host, Instance: p.instance, Office: p.office, Pinned: p.seal.public(), Scheme: scheme}
	implements := []string{vocab.CapabilityRFC9421, vocab.CapabilityEd25519, vocab.CapabilityValise}
	if scheme == keyring.SchemeCavage {
		implements = nil
	}
	for _, a := range []struct {
		id   iri.IRI
		kind string
		name string
		pen  *pen
	}{{p.instance, "Application", p.host.Name(), p.seal}, {p.office, "Organization", "desk", p.pen}} {
		doc := vocab.ActorDoc{ID: a.id, Type: a.kind, PreferredUsername: a.name, Name: a.name, Inbox: a.id + "/inbox", Outbox: a.id + "/outbox",
			SharedInbox: iri.IRI(p.host.Base() + "/inbox"), Followers: a.id + "/followers", ManuallyApprovesFollowers: true,
			Multikeys:     []vocab.Multikey{{ID: a.pen.id, Controller: a.id, PublicKeyMultibase: a.pen.public()}},
			InstanceActor: p.instance, Implements: implements}
		proven, err := sign.Prove(doc.Full(), p.seal, time.Now())
		if err != nil {
			return s, err
		}
		s.Documents = append(s.Documents, string(proven))
	}
	return s, nil
}
