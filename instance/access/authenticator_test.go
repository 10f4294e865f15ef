package access_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a device with one key, and the browser that asks it.
type authenticator struct {
	*testing.T
	id     []byte
	key    crypto.Signer
	handle string
	count  uint32
	// flags of its data: user present 1, user verified 4, backup eligible 8, backed up 16.
	flags  byte
	origin string
}

func device(t *testing.T, ed bool) *authenticator {
	t.Helper()
	a := &authenticator{T: t, id: []byte(rand.Text()), flags: 1 | 4, origin: "https://ministry.example"}
	var err error
	if ed {
		_, a.key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// cose writes the public key as a COSE_Key (RFC 9052 §7).
func (a *authenticator) cose() []byte {
	var key map[int]any
	switch k := a.key.Public().(type) {
	case ed25519.PublicKey:
		key = map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(k)}
	case *ecdsa.PublicKey:
		raw, err := k.Bytes()
		if err != nil {
			a.Fatal(err)
		}
		key = map[int]any{1: 2, 3: -7, -1: 1, -2: raw[1:33], -3: raw[33:]}
	}
	return a.cbor(key)
}

func (a *authenticator) cbor(v any) []byte {
	b, err := webauthncbor.Marshal(v)
	if err != nil {
		a.Fatal(err)
	}
	return b
}

// data is the authenticator data (WebAuthn §6.1).
func (a *authenticator) data(rp string, flags byte, attested []byte) []byte {
	sum := sha256.Sum256([]byte(rp))
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.count)
	return append(out, attested...)
}

func (a *authenticator) client(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.Fatal(err)
	}
	return b
}

// register answers the options of a registration.
func (a *authenticator) register(options []byte) []byte {
	a.Helper()
	var o struct {
		Challenge string
		RP        struct{ ID string }
		User      struct{ ID, Name string }
		Selection struct{ ResidentKey, UserVerification string } `json:"authenticatorSelection"`
		Exclude   []struct{ ID string }                          `json:"excludeCredentials"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		a.Fatal(err)
	}
	if o.RP.ID != "ministry.example" || o.User.Name != "alice" || o.Selection.ResidentKey != "required" || o.Selection.UserVerification != "required" {
		a.Errorf("options: %s", options)
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		a.Fatal(err)
	}
	a.handle = string(handle)
	attested := make([]byte, 16) // AAGUID
	attested = binary.BigEndian.AppendUint16(attested, uint16(len(a.id)))
	attested = append(append(attested, a.id...), a.cose()...)
	object := a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(o.RP.ID, a.flags|0x40, attested)})
	return a.answer(map[string]any{"clientDataJSON": b64(a.client("webauthn.create", o.Challenge)), "attestationObject": b64(object), "transports": []string{"internal", "hybrid"}})
}

// sign answers the options of a sign-in. The counter is what it stands at.
func (a *authenticator) sign(options []byte) []byte {
	a.Helper()
	var o struct {
		Challenge, RPID, UserVerification string
		AllowCredentials                  []any
	}
	if err := json.Unmarshal(options, &o); err != nil {
		a.Fatal(err)
	}
	if o.UserVerification != "required" || len(o.AllowCredentials) != 0 {
		a.Errorf("options: %s", options)
	}
	client, data := a.client("webauthn.get", o.Challenge), a.data(o.RPID, a.flags, nil)
	sum := sha256.Sum256(client)
	signed := append(data[:len(data):len(data)], sum[:]...)
	var signature []byte
	var err error
	if k, ok := a.key.(*ecdsa.PrivateKey); ok {
		digest := sha256.Sum256(signed)
		signature, err = ecdsa.SignASN1(rand.Reader, k, digest[:])
	} else {
		signature, err = a.key.Sign(nil, signed, crypto.Hash(0))
	}
	if err != nil {
		a.Fatal(err)
	}
	return a.answer(map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64([]byte(a.handle))})
}

func (a *authenticator) answer(response map[string]any) []byte {
	b, err := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		a.Fatal(err)
	}
	return b
}
