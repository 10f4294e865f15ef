package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
)

// Scheme is the form of an HTTP request signature.
type Scheme string

const (
	// Cavage is draft-cavage-http-signatures-12 in the Signature header.
	Cavage Scheme = "cavage"
	// RFC9421 is HTTP Message Signatures, in Signature-Input and Signature.
	RFC9421 Scheme = "rfc9421"
)

// KeyType is the kind of a key; it alone decides the algorithm: rsa is
// RSASSA-PKCS1-v1_5 with SHA-256, ed25519 is pure Ed25519 (RFC 8032).
type KeyType string

const (
	RSA     KeyType = "rsa"
	Ed25519 KeyType = "ed25519"
)

// Accepted RSA modulus sizes in bits.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// PublicKey is a key as its owner publishes it. Key is an *rsa.PublicKey or an
// ed25519.PublicKey and must agree with Type.
type PublicKey struct {
	ID    string
	Owner string
	Type  KeyType
	Key   crypto.PublicKey
}

// Signer signs without showing its key. Sign receives the whole message:
// an ed25519 signer signs it as it is, an rsa signer signs its SHA-256 with
// PKCS #1 v1.5. KeyID is the full key id, with its fragment. Sign must be safe
// for concurrent use.
type Signer interface {
	KeyID() string
	Type() KeyType
	Sign(message []byte) ([]byte, error)
}

// rsaKey returns the key if it is an RSA key that we accept.
func (k PublicKey) rsaKey() (*rsa.PublicKey, error) {
	key, ok := k.Key.(*rsa.PublicKey)
	if !ok || key == nil || k.Type != RSA {
		return nil, refuse(WrongAlgorithm, "key %s is %T of type %s, not RSA", quote(k.ID), k.Key, quote(string(k.Type)))
	}
	if err := CheckRSA(key); err != nil {
		return nil, err
	}
	return key, nil
}

// ed25519Key returns the key if it is an Ed25519 key that we accept.
func (k PublicKey) ed25519Key() (ed25519.PublicKey, error) {
	key, ok := k.Key.(ed25519.PublicKey)
	if !ok || k.Type != Ed25519 {
		return nil, refuse(WrongAlgorithm, "key %s is %T of type %s, not Ed25519", quote(k.ID), k.Key, quote(string(k.Type)))
	}
	if err := CheckEd25519(key); err != nil {
		return nil, err
	}
	return key, nil
}

// CheckRSA refuses a modulus outside MinRSABits to MaxRSABits, an even modulus,
// and an exponent that is even or below 3.
func CheckRSA(key *rsa.PublicKey) error {
	if key == nil || key.N == nil {
		return refuse(WeakKey, "RSA key is empty")
	}
	if bits := key.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
		return refuse(WeakKey, "RSA key has %d bits, accepted are %d to %d", bits, MinRSABits, MaxRSABits)
	}
	if key.N.Sign() < 0 || key.N.Bit(0) == 0 {
		return refuse(WeakKey, "RSA modulus is negative or even")
	}
	if key.E < 3 || key.E&1 == 0 {
		return refuse(WeakKey, "RSA exponent %d is even or below 3", key.E)
	}
	return nil
}

// smallOrder holds the y coordinates, little-endian, sign bit cleared, of the
// Ed25519 points whose order divides 8, with those encodings that are not
// reduced modulo 2^255-19. Under such a key one signature verifies for many
// messages, so its owner could deny any of them.
var smallOrder = [...][ed25519.PublicKeySize]byte{
	{},
	{0: 1},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	nearP(0xec),
	nearP(0xed),
	nearP(0xee),
}

// nearP is the 255-bit number whose low byte is given and whose other bits are
// set: p-1, p and p+1 for 0xec, 0xed and 0xee, p being 2^255-19.
func nearP(low byte) (y [ed25519.PublicKeySize]byte) {
	for i := range y {
		y[i] = 0xff
	}
	y[0], y[31] = low, 0x7f
	return y
}

// CheckEd25519 refuses a key of the wrong length and the points of small order.
func CheckEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return refuse(Malformed, "Ed25519 key has %d bytes, not %d", len(key), ed25519.PublicKeySize)
	}
	y := [ed25519.PublicKeySize]byte(key)
	y[31] &= 0x7f
	for i := range smallOrder {
		if y == smallOrder[i] {
			return refuse(WeakKey, "Ed25519 key is a point of small order")
		}
	}
	return nil
}
