package sign

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/mr-tron/base58"
)

// multicodec codes of public keys, as unsigned varints on the wire.
const (
	codecSecp256k1 = 0xe7
	codecX25519    = 0xec
	codecEd25519   = 0xed
	codecP256      = 0x1200
	codecP384      = 0x1201
	codecRSA       = 0x1205
)

var codecNames = map[uint64]string{
	codecSecp256k1: "secp256k1",
	codecX25519:    "x25519",
	codecP256:      "p-256",
	codecP384:      "p-384",
	codecRSA:       "rsa",
}

const (
	// maxMultikey bounds the text before base58 decoding, whose cost is
	// quadratic. An RSA-8192 Multikey, which we refuse by name, fits.
	maxMultikey = 1500
	// maxPEM bounds a PEM block; RSA-8192 needs about 1500 bytes.
	maxPEM = 4096
)

// EncodeEd25519 returns the publicKeyMultibase of a key: "z6Mk…".
func EncodeEd25519(pub ed25519.PublicKey) string {
	b := make([]byte, 0, 2+ed25519.PublicKeySize)
	b = binary.AppendUvarint(b, codecEd25519)
	return "z" + base58.Encode(append(b, pub...))
}

// DecodeMultikey reads a publicKeyMultibase that holds an Ed25519 key. Other
// key types are refused as WrongAlgorithm, naming the type where it is known.
func DecodeMultikey(s string) (ed25519.PublicKey, error) {
	if len(s) > maxMultikey {
		return nil, refuse(Malformed, "Multikey has %d characters, at most %d are read", len(s), maxMultikey)
	}
	body, ok := strings.CutPrefix(s, "z")
	if !ok {
		return nil, refuse(Malformed, "Multikey %s is not base58btc: it must begin with z", quote(s))
	}
	raw, err := base58.Decode(body)
	if err != nil {
		return nil, refuse(Malformed, "Multikey %s: %v", quote(s), err)
	}
	codec, n := binary.Uvarint(raw)
	if n <= 0 || len(binary.AppendUvarint(nil, codec)) != n {
		return nil, refuse(Malformed, "Multikey %s has no valid codec prefix", quote(s))
	}
	if codec != codecEd25519 {
		name, known := codecNames[codec]
		if !known {
			name = "unknown"
		}
		return nil, refuse(WrongAlgorithm, "Multikey %s has codec 0x%x (%s), not Ed25519", quote(s), codec, name)
	}
	key := ed25519.PublicKey(raw[n:])
	if err := CheckEd25519(key); err != nil {
		return nil, err
	}
	return key, nil
}

// EncodeRSA returns the publicKeyPem of a key, in PKIX form ("PUBLIC KEY").
func EncodeRSA(pub *rsa.PublicKey) (string, error) {
	if err := CheckRSA(pub); err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "", refuse(Malformed, "encode RSA key: %v", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// DecodeRSA reads a publicKeyPem that holds one RSA key, in PKIX form ("PUBLIC
// KEY") or PKCS #1 form ("RSA PUBLIC KEY"), and applies CheckRSA. Another key
// type is refused as WrongAlgorithm.
func DecodeRSA(text string) (*rsa.PublicKey, error) {
	if len(text) > maxPEM {
		return nil, refuse(Malformed, "public key PEM has %d bytes, at most %d are read", len(text), maxPEM)
	}
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "-----BEGIN ") {
		return nil, refuse(Malformed, "public key %s is not PEM", quote(text))
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, refuse(Malformed, "public key %s is not PEM", quote(text))
	}
	if len(rest) != 0 {
		return nil, refuse(Malformed, "public key PEM is followed by %d more bytes", len(rest))
	}
	var key *rsa.PublicKey
	switch block.Type {
	case "PUBLIC KEY":
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, refuse(Malformed, "public key: %v", err)
		}
		var ok bool
		if key, ok = parsed.(*rsa.PublicKey); !ok {
			return nil, refuse(WrongAlgorithm, "public key is %T, not RSA", parsed)
		}
	case "RSA PUBLIC KEY":
		var err error
		if key, err = x509.ParsePKCS1PublicKey(block.Bytes); err != nil {
			return nil, refuse(Malformed, "RSA public key: %v", err)
		}
	default:
		return nil, refuse(Malformed, "PEM block %s is not a public key", quote(block.Type))
	}
	if err := CheckRSA(key); err != nil {
		return nil, err
	}
	return key, nil
}

// Fingerprint is the SHA-256 of the 32 key bytes in lower-case hexadecimal, 16
// groups of four separated by spaces. Operators compare it by voice or on paper.
func Fingerprint(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	digits := hex.EncodeToString(sum[:])
	var b strings.Builder
	b.Grow(len(digits) + len(digits)/4)
	for i := 0; i < len(digits); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+4])
	}
	return b.String()
}
