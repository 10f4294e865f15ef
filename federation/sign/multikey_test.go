package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/mr-tron/base58"
)

func TestMultikeyRoundTrip(t *testing.T) {
	pub := testEd25519().Public().(ed25519.PublicKey)
	text := EncodeEd25519(pub)
	if !strings.HasPrefix(text, "z6Mk") {
		t.Errorf("Multikey is %s", text)
	}
	back, err := DecodeMultikey(text)
	if err != nil || !back.Equal(pub) {
		t.Errorf("%v, %v", back, err)
	}
}

func TestDecodeMultikeyRefuses(t *testing.T) {
	encode := func(codec uint64, n int) string {
		return "z" + base58.Encode(append(binary.AppendUvarint(nil, codec), bytes.Repeat([]byte{9}, n)...))
	}
	tests := []struct {
		name, text string
		want       Kind
	}{
		{"empty", "", Malformed},
		{"no prefix", strings.TrimPrefix(EncodeEd25519(edKey()), "z"), Malformed},
		{"base64url", "u7QEBAgME", Malformed},
		{"only prefix", "z", Malformed},
		{"bad digit", "z6Mk0OIl", Malformed},
		{"not ASCII", "z6Mké", Malformed},
		{"short", encode(codecEd25519, 31), Malformed},
		{"long", encode(codecEd25519, 33), Malformed},
		{"x25519", encode(codecX25519, 32), WrongAlgorithm},
		{"p-256", encode(codecP256, 33), WrongAlgorithm},
		{"rsa", encode(codecRSA, 270), WrongAlgorithm},
		{"private ed25519", encode(0x1300, 32), WrongAlgorithm},
		{"unfinished codec", "z" + base58.Encode([]byte{0xed}), Malformed},
		{"padded codec", "z" + base58.Encode(append([]byte{0xed, 0x81, 0x00}, make([]byte, 32)...)), Malformed},
		{"very long", "z" + strings.Repeat("2", 100000), Malformed},
		{"small order", EncodeEd25519(make(ed25519.PublicKey, 32)), WeakKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeMultikey(tt.text)
			wantKind(t, err, tt.want)
		})
	}
}

// Each refused point is shown to be one: the signature R=identity, S=0, which
// holds no secret, verifies under it for some message.
func TestSmallOrderKeys(t *testing.T) {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for _, y := range smallOrder {
		forgeable := false
		for _, sign := range []byte{0, 0x80} {
			key := ed25519.PublicKey(bytes.Clone(y[:]))
			key[31] |= sign
			wantKind(t, CheckEd25519(key), WeakKey)
			for m := range byte(200) {
				if ed25519.Verify(key, []byte{m}, signature) {
					forgeable = true
				}
			}
		}
		if !forgeable {
			t.Errorf("%x is refused but is not of small order", y)
		}
	}
	if err := CheckEd25519(edKey()); err != nil {
		t.Error(err)
	}
}

func TestRSAKeys(t *testing.T) {
	pub := &testRSA().PublicKey
	text, err := EncodeRSA(pub)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----\n") {
		t.Errorf("PEM is %s", text)
	}
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(pub)}))
	for _, form := range []string{text, pkcs1, "\n" + text + "\r\n", strings.ReplaceAll(text, "\n", "\r\n")} {
		back, err := DecodeRSA(form)
		if err != nil || !back.Equal(pub) {
			t.Errorf("%v from %q", err, form)
		}
	}

	encode := func(typ string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
	}
	pkix := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	number := func(bits int) *big.Int {
		n := new(big.Int).SetBit(new(big.Int), bits-1, 1)
		return n.SetBit(n, 0, 1)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		want       Kind
	}{
		{"empty", "", Malformed},
		{"not PEM", "hello", Malformed},
		{"text before", "x\n" + text, Malformed},
		{"two keys", text + text, Malformed},
		{"text after", text + "x", Malformed},
		{"private label", encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testRSA())), Malformed},
		{"label swapped", encode("PUBLIC KEY", x509.MarshalPKCS1PublicKey(pub)), Malformed},
		{"label swapped back", encode("RSA PUBLIC KEY", pkix(pub)), Malformed},
		{"bad DER", encode("PUBLIC KEY", []byte{1, 2, 3}), Malformed},
		{"trailing DER", encode("PUBLIC KEY", append(pkix(pub), 0)), Malformed},
		{"ecdsa", encode("PUBLIC KEY", pkix(&ec.PublicKey)), WrongAlgorithm},
		{"ed25519", encode("PUBLIC KEY", pkix(edKey())), WrongAlgorithm},
		{"1024 bits", encode("PUBLIC KEY", pkix(&rsa.PublicKey{N: number(1024), E: 65537})), WeakKey},
		{"8193 bits", encode("PUBLIC KEY", pkix(&rsa.PublicKey{N: number(8193), E: 65537})), WeakKey},
		{"exponent 2", encode("PUBLIC KEY", pkix(&rsa.PublicKey{N: number(2048), E: 2})), WeakKey},
		{"very long", text + strings.Repeat(" ", 5000), Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeRSA(tt.text)
			wantKind(t, err, tt.want)
		})
	}
	if _, err := EncodeRSA(&rsa.PublicKey{N: number(1024), E: 65537}); KindOf(err) != WeakKey {
		t.Errorf("a weak key was written: %v", err)
	}
	largest := encode("PUBLIC KEY", pkix(&rsa.PublicKey{N: number(8192), E: 65537}))
	if _, err := DecodeRSA(largest); err != nil {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	sum := sha256.Sum256(edKey())
	got := Fingerprint(edKey())
	if groups := strings.Fields(got); len(groups) != 16 || strings.Join(groups, "") != hex.EncodeToString(sum[:]) {
		t.Errorf("fingerprint is %q", got)
	}
}

func TestParseDigest(t *testing.T) {
	digest := BytesDigest([]byte("x"))
	if !strings.HasPrefix(digest, "zQm") {
		t.Errorf("digest is %s", digest)
	}
	sum, err := ParseDigest(digest)
	if err != nil || sum != sha256.Sum256([]byte("x")) {
		t.Errorf("%x, %v", sum, err)
	}
	raw, _ := base58.Decode(digest[1:])
	short := append([]byte{0x12, 31}, raw[2:33]...)
	for _, bad := range []string{
		"", "z", digest[1:], digest + "1", "u" + digest[1:], digest[:20], "zQm0", "z1" + digest[1:],
		"z" + base58.Encode(short), "z" + base58.Encode(append([]byte{0x13, 32}, raw[2:]...)), strings.Repeat("z", 10000),
	} {
		if _, err := ParseDigest(bad); KindOf(err) != Malformed {
			t.Errorf("%q: %v", quote(bad), err)
		}
	}
}
