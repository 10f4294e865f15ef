package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// version is one version with its text.
type version struct {
	number int64
	raw    []byte
	digest string
	wire   *vocab.Dispatch
}

// readVersions reads the documents and recomputes their digests, in order of version.
func (c *checker) readVersions() []*version {
	rows := slices.Clone(c.bundle.Versions)
	slices.SortStableFunc(rows, func(a, b dispatches.BundleVersion) int { return int(a.Version - b.Version) })
	if len(rows) == 0 {
		c.fail("The file holds no version of the dispatch.")
	}
	var out []*version
	for i, row := range rows {
		if i > 0 && rows[i-1].Version == row.Version {
			c.fail("Version %d is there twice.", row.Version)
		}
		if row.Document == "" {
			c.leave("The text of version %d: it is not in the file, only its digest %s.", row.Version, row.Digest)
			continue
		}
		v, err := c.readVersion(row)
		if err != nil {
			c.fail("Version %d: %v.", row.Version, err)
			continue
		}
		c.versions[v.digest] = v
		out = append(out, v)
	}
	return out
}

func (c *checker) readVersion(row dispatches.BundleVersion) (*version, error) {
	v := &version{number: row.Version, raw: []byte(row.Document)}
	node, err := vocab.ParseJSON(v.raw)
	if err != nil {
		return nil, err
	}
	if err := node.CheckContext(); err != nil {
		return nil, err
	}
	if err := node.CheckSigned(); err != nil {
		return nil, err
	}
	if v.wire, err = vocab.ParseDispatch(node, c.rules); err != nil {
		return nil, err
	}
	if v.digest, err = sign.ObjectDigest(v.raw); err != nil {
		return nil, err
	}
	w := v.wire
	switch {
	case w.ID != c.bundle.Dispatch:
		return nil, fmt.Errorf("it is %s, not %s", w.ID, c.bundle.Dispatch)
	case !w.ID.SameOrigin(w.AttributedTo):
		return nil, fmt.Errorf("its author %s is of another origin", w.AttributedTo)
	case max(w.Version, 1) != row.Version:
		return nil, fmt.Errorf("the signed text says that it is version %d", max(w.Version, 1))
	case v.digest != row.Digest:
		return nil, fmt.Errorf("its digest is %s, not %s as the file says", v.digest, row.Digest)
	case w.ReferenceNumber != c.bundle.Reference:
		return nil, fmt.Errorf("its reference is %q, not %q as the file says", w.ReferenceNumber, c.bundle.Reference)
	}
	return v, nil
}

// checkVersions verifies each version's proof, and the chain between them.
func (c *checker) checkVersions(vs []*version) {
	var before *version
	for _, v := range vs {
		s, err := c.proof(v.raw, v.wire.AttributedTo)
		switch at, known := c.recorded[v.digest]; {
		case err == nil:
			c.prove("Version %d of %s, “%s”, is word for word what %s signed on %s with its key %s (digest %s).",
				v.number, v.wire.ReferenceNumber, v.wire.Name, v.wire.AttributedTo, zulu(s.created), s.key.id, v.digest)
			if s.key.older {
				c.leave("Why %s no longer shows the key %s: its key history is not in the file.", v.wire.AttributedTo, s.key.id)
			}
		case errors.Is(err, errCompromised) && known && at.Before(s.key.revoked):
			c.prove("Version %d is word for word what %s signed; its key %s was compromised on %s, but another instance signed on %s that it had this text.",
				v.number, v.wire.AttributedTo, s.key.id, zulu(s.key.revoked), zulu(at))
		default:
			c.fail("The proof of version %d does not hold: %v.", v.number, err)
		}
		c.chain(before, v)
		before = v
	}
}

// chain holds a version to the one before it.
func (c *checker) chain(before, v *version) {
	switch w := v.wire; {
	case v.number == 1:
	case before == nil || before.number != v.number-1:
		c.leave("What version %d replaced: version %d is not in the file with its text (it had the digest %s).", v.number, v.number-1, w.PreviousVersion)
	case before.wire.AttributedTo != w.AttributedTo:
		c.fail("Version %d is by %s, version %d by %s.", v.number, w.AttributedTo, before.number, before.wire.AttributedTo)
	case w.PreviousVersion != before.digest:
		c.fail("Version %d names %q as the digest of version %d, which has %s.", v.number, w.PreviousVersion, before.number, before.digest)
	case !w.Updated.After(latest(before.wire.Published, before.wire.Updated)):
		c.fail("Version %d is not dated after version %d.", v.number, before.number)
	default:
		c.prove("Version %d replaces version %d, whose digest it names.", v.number, before.number)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// attachments compares each file with what the signed text says of it.
func (c *checker) attachments(vs []*version) {
	claimed := map[string]vocab.Attachment{}
	for _, v := range vs {
		for _, a := range v.wire.Attachments {
			claimed[a.DigestMultibase] = a
		}
	}
	for _, f := range c.bundle.Attachments {
		a, ok := claimed[f.Digest]
		delete(claimed, f.Digest)
		switch {
		case !ok && len(vs) == 0:
			c.leave("The attachment %q: the text that names it is not in the file.", f.Name)
		case !ok:
			c.fail("The attachment %q (%s) is named by no version of the dispatch.", f.Name, f.Digest)
		case a.Name != f.Name || a.MediaType != f.MediaType || a.Size != f.Size:
			c.fail("The attachment %q (%s, %d bytes) is %q (%s, %d bytes) in the signed text.", f.Name, f.MediaType, f.Size, a.Name, a.MediaType, a.Size)
		case f.Content == nil:
			c.leave("The content of the attachment %q: it is not in the file.", f.Name)
		case int64(len(f.Content)) != f.Size:
			c.fail("The attachment %q has %d bytes, not %d.", f.Name, len(f.Content), f.Size)
		case sign.BytesDigest(f.Content) != f.Digest:
			c.fail("The attachment %q has another content than was signed: its digest is %s, not %s.", f.Name, sign.BytesDigest(f.Content), f.Digest)
		default:
			c.prove("The attachment %q (%d bytes) is byte for byte the one that was signed.", f.Name, f.Size)
		}
	}
	for _, a := range claimed {
		c.leave("The attachment %q, which the signed text names: it is not in the file.", a.Name)
	}
}

// stations are what each kind of receipt says on the evidence board.
var stations = map[string]string{vocab.ReceiptDelivered: models.Delivered, vocab.ReceiptRegistered: models.Registered, vocab.ReceiptTaken: models.Taken,
	vocab.ReceiptRead: models.ReadByThem, vocab.ReceiptErased: models.Erased}

// clockSkew is how far the time at which a receipt was noted may lie before its own
// date: a receipt from a fast clock is noted when it comes.
const clockSkew = 65 * time.Minute

// evidence verifies the receipts.
func (c *checker) evidence() {
	digests := map[string]bool{}
	for _, v := range c.bundle.Versions {
		digests[v.Digest] = true
	}
	unsigned := 0
	for _, e := range c.bundle.Evidence {
		if e.Document == "" {
			unsigned++
			continue
		}
		r, s, err := c.receipt(e, digests)
		if errors.Is(err, errCompromised) {
			c.leave("That %s is %s: %v.", e.Addressee, e.Station, err)
			continue
		}
		if err != nil {
			c.fail("The receipt “%s” of %s does not hold: %v.", e.Station, e.Addressee, err)
			continue
		}
		c.prove("%s signed on %s: %s.", r.Actor, zulu(s.created), e.Station)
		if at, known := c.recorded[r.ObjectDigest]; !r.Actor.SameOrigin(c.bundle.Dispatch) && (!known || s.created.Before(at)) {
			c.recorded[r.ObjectDigest] = s.created
		}
	}
	if unsigned > 0 {
		c.leave("%d entries of the evidence board (such as submitted or handed over): they are the saving instance's own notes, with no receipt.", unsigned)
	}
}

func (c *checker) receipt(e dispatches.BundleEvidence, digests map[string]bool) (r vocab.Receipt, s *seal, err error) {
	act, err := vocab.ParseActivity([]byte(e.Document), c.rules)
	if err != nil {
		return r, nil, err
	}
	if err := act.Node.CheckSigned(); err != nil {
		return r, nil, err
	}
	r, ok, err := vocab.ParseReceipt(act)
	if err != nil {
		return r, nil, err
	}
	at, noted := r.Published, e.At.Time()
	switch {
	case !ok:
		return r, nil, errors.New("it is no receipt")
	case r.Actor != e.Addressee:
		return r, nil, fmt.Errorf("it is by %s", r.Actor)
	case stations[r.Kind] != e.Station:
		return r, nil, fmt.Errorf("it says %q", stations[r.Kind])
	case r.ObjectDigest != "" && !digests[r.ObjectDigest], r.ObjectDigest == "" && r.Kind != vocab.ReceiptErased:
		return r, nil, fmt.Errorf("it is for another text, with the digest %q", r.ObjectDigest)
	case r.Kind == vocab.ReceiptErased && r.Object != c.bundle.Dispatch && !digests[r.ObjectDigest]:
		return r, nil, fmt.Errorf("it is for %s", r.Object)
	case noted.After(at) || at.Sub(noted) > clockSkew:
		return r, nil, fmt.Errorf("it is dated %s, not %s", zulu(at), zulu(noted))
	}
	s, err = c.proof([]byte(e.Document), r.Actor)
	return r, s, err
}

// tombstone checks the withdrawal: signed, if the file holds the author's Delete, else
// only the word of the saving instance.
func (c *checker) tombstone(vs []*version) {
	if c.bundle.Tombstone == "" {
		return
	}
	raw := []byte(c.bundle.Tombstone)
	node, err := vocab.ParseJSON(raw)
	if err != nil {
		c.fail("The tombstone cannot be read: %v.", err)
		return
	}
	var stone vocab.Tombstone
	var owner iri.IRI
	if vocab.TypeOf(node) == "Delete" {
		act, err := vocab.ReadActivity(node, c.rules)
		if err == nil {
			owner = act.Actor
			stone, err = vocab.ParseTombstone(act, c.rules)
		}
		if err != nil {
			c.fail("The withdrawal cannot be read: %v.", err)
			return
		}
	} else if stone, err = vocab.ParseTombstone(&vocab.Activity{Object: node}, c.rules); err != nil {
		c.fail("The tombstone cannot be read: %v.", err)
		return
	}
	what := "withdrew it"
	if stone.Disposition == vocab.Superseded {
		what = fmt.Sprintf("replaced it by %s", stone.SupersededBy)
	}
	switch {
	case stone.ID != c.bundle.Dispatch:
		c.fail("The tombstone is of %s.", stone.ID)
		return
	case stone.Disposition != vocab.Superseded && len(vs) > 0:
		c.fail("The dispatch was withdrawn, yet the file holds its text.")
		return
	case owner == "":
		c.leave("That the author %s on %s: the file holds a tombstone without signature.", what, zulu(stone.Deleted))
		return
	case !owner.SameOrigin(stone.ID) || len(vs) > 0 && owner != vs[0].wire.AttributedTo:
		c.fail("The withdrawal is by %s, who is not the author.", owner)
		return
	}
	s, err := c.proof(raw, owner)
	if err != nil {
		c.fail("The withdrawal by %s does not hold: %v.", owner, err)
		return
	}
	c.prove("%s %s, signed on %s.", owner, what, zulu(s.created))
}
