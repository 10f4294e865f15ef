package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"valise/federation/sign"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Results of one check.
const (
	Holds   = "holds"
	Fails   = "fails"
	Unknown = "unknown" // it cannot be told from what is here
)

// Checks of a seal, in order.
const (
	CheckText       = "text"       // the stored bytes have the digest under which they were recorded
	CheckKey        = "key"        // the key named in the proof is one of the author's that is known here
	CheckProof      = "proof"      // the signature is by that key over these bytes
	CheckLifetime   = "lifetime"   // the key was in use when it signed
	CheckChain      = "chain"      // a correction names the digest of what it replaced
	CheckAttachment = "attachment" // a file is byte for byte the one that was signed
)

// Check is one question to a seal, with its answer. Of names a file.
type Check struct {
	What   string
	Result string
	Of     string
}

// Seal is what the proof of one version says now.
type Seal struct {
	Version  int64
	Digest   string
	SignedAt time.Time
	// KeyID is who signed by the proof's own word; Key is that key as it is known here,
	// nil where it is not.
	KeyID    iri.IRI
	Key      *models.Key
	Checks   []Check
	Verified bool
	// Signatory is the person in whose name the office released it, as the signed text says.
	Signatory iri.IRI
	Text      bool // the text of this version is here
}

func (s *Seal) add(what, result, of string) {
	s.Checks = append(s.Checks, Check{what, result, of})
	if result == Fails {
		s.Verified = false
	}
}

// check verifies a stored version against the author's keys. It reads no file.
func (s *Desk) check(d *models.Dispatch, keys []models.Key) Seal {
	seal := Seal{Version: d.Version, Digest: d.Digest, Signatory: d.Signatory, Text: d.Document != nil, Verified: true}
	if d.Document == nil {
		seal.Verified = false
		return seal
	}
	digest, err := sign.ObjectDigest(d.Document)
	seal.add(CheckText, result(err == nil && digest == d.Digest), "")
	proof, err := sign.ReadProof(d.Document)
	if err != nil || proof == nil {
		seal.add(CheckProof, Fails, "")
		return seal
	}
	seal.SignedAt, seal.KeyID = proof.Created, iri.IRI(proof.VerificationMethod)
	known := false
	for i, k := range keys {
		if k.KeyID != seal.KeyID || k.Actor != d.Author {
			continue
		}
		known = true
		public, err := sign.DecodeMultikey(k.Public)
		if err != nil || sign.VerifyProof(d.Document, public) != nil {
			continue
		}
		seal.Key = &keys[i]
		break
	}
	if !known {
		seal.add(CheckKey, Fails, "")
		return seal
	}
	seal.add(CheckKey, Holds, "")
	seal.add(CheckProof, result(seal.Key != nil), "")
	if seal.Key != nil {
		seal.add(CheckLifetime, lifetime(*seal.Key, proof.Created, d.CreatedAt), "")
	}
	return seal
}

func result(ok bool) string {
	if ok {
		return Holds
	}
	return Fails
}

// lifetime holds a proof to the life of its key. A compromised key vouches only for what
// was recorded here before; a key that is held has no endorsement yet.
func lifetime(k models.Key, signed time.Time, recorded models.Time) string {
	switch {
	case k.State == models.KeyHeld:
		return Unknown
	case k.RevokedAt == 0:
		return Holds
	case k.State == models.KeyCompromised:
		return result(recorded < k.RevokedAt && !signed.After(k.RevokedAt.Time()))
	}
	return result(!signed.After(k.RevokedAt.Time()))
}

// SealView is every version's seal, verified now, with the author's keys.
type SealView struct {
	Dispatch *models.Dispatch // the latest version
	Author   string
	Seals    []Seal // newest first
	Keys     []models.Key
	At       time.Time
}

// sealFilesMost bounds the files that one verification reads, in bytes.
const sealFilesMost = 256 << 20

// Seals verifies every version of a dispatch that is here, and its files.
func (s *Desk) Seals(ctx context.Context, person, id iri.IRI) (*SealView, error) {
	v, err := s.Open(ctx, person, id)
	if err != nil {
		return nil, err
	}
	if v.Archive {
		return nil, dispatches.NotFound("seal")
	}
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Bound(r.Reader, audience.Dispatches, s.now())
	versions, err := models.VersionsWhere(ctx, s.Store.R, id, nil, cond, args)
	if err != nil {
		return nil, fmt.Errorf("read the versions of %s: %w", id, err)
	}
	out := &SealView{Dispatch: v.Dispatch, Author: v.AuthorName, Keys: v.Keys, At: s.Now()}
	for i, d := range versions {
		seal := s.check(d, v.Keys)
		if wire, err := s.Dispatches.Text(d); err == nil && wire != nil && d.Version > 1 {
			chain := Unknown
			if i > 0 && versions[i-1].Version == d.Version-1 {
				chain = result(wire.PreviousVersion == versions[i-1].Digest)
			}
			seal.add(CheckChain, chain, "")
		}
		out.Seals = append([]Seal{seal}, out.Seals...)
	}
	if len(out.Seals) > 0 && out.Seals[0].Text {
		s.checkFiles(&out.Seals[0], v.Attachments)
	}
	return out, nil
}

// checkFiles reads each file and compares its digest with the one that was signed.
func (s *Desk) checkFiles(seal *Seal, files []models.Attachment) {
	total := int64(0)
	for _, f := range files {
		if total += f.Size; f.State != models.AttachmentHere || total > sealFilesMost {
			seal.add(CheckAttachment, Unknown, f.Name)
			continue
		}
		content, err := s.Dispatches.Files.Open(f.Digest)
		if err != nil {
			seal.add(CheckAttachment, Unknown, f.Name)
			continue
		}
		b, err := io.ReadAll(content)
		err = errors.Join(err, content.Close())
		seal.add(CheckAttachment, result(err == nil && int64(len(b)) == f.Size && sign.BytesDigest(b) == f.Digest), f.Name)
	}
}

// Fingerprint of a key, as operators compare it.
func Fingerprint(k models.Key) string {
	public, err := sign.DecodeMultikey(k.Public)
	if err != nil {
		return ""
	}
	return sign.Fingerprint(public)
}
