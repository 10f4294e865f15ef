package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/dunglas/httpsfv"
	"github.com/mr-tron/base58"
)

// multihash prefix of a SHA-256: function 0x12, length 32.
const (
	multihashSHA256 = 0x12
	multihashLen    = 2 + sha256.Size
)

// BytesDigest returns the SHA-256 multihash of b in base58btc: "zQm…".
func BytesDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return encodeDigest(sum)
}

// ObjectDigest returns the SHA-256 multihash, "zQm…", of the JCS form
// (RFC 8785) of a JSON object, its proof included. Two documents have one
// object digest if they differ only in spacing, member order or escapes.
func ObjectDigest(doc []byte) (string, error) {
	if !isObject(doc) {
		return "", refuse(Malformed, "digest of document: not a JSON object")
	}
	canonical, err := canonicalForm(doc)
	if err != nil {
		return "", refuse(Malformed, "digest of document: %v", err)
	}
	return encodeDigest(sha256.Sum256(canonical)), nil
}

// ParseDigest reads a "zQm…" digest and returns the SHA-256.
func ParseDigest(s string) (sum [sha256.Size]byte, err error) {
	const maxDigest = 64 // 34 bytes need at most 47 characters
	if len(s) > maxDigest {
		return sum, refuse(Malformed, "digest has %d characters, at most %d are read", len(s), maxDigest)
	}
	body, ok := strings.CutPrefix(s, "z")
	if !ok {
		return sum, refuse(Malformed, "digest %s is not base58btc: it must begin with z", quote(s))
	}
	raw, err := base58.Decode(body)
	if err != nil {
		return sum, refuse(Malformed, "digest %s: %v", quote(s), err)
	}
	if len(raw) != multihashLen || raw[0] != multihashSHA256 || raw[1] != sha256.Size {
		return sum, refuse(Malformed, "digest %s is not a SHA-256 multihash", quote(s))
	}
	return [sha256.Size]byte(raw[2:]), nil
}

func encodeDigest(sum [sha256.Size]byte) string {
	var b [multihashLen]byte
	b[0], b[1] = multihashSHA256, sha256.Size
	copy(b[2:], sum[:])
	return "z" + base58.Encode(b[:])
}

// contentDigest is the Content-Digest value (RFC 9530) of a body with that SHA-256.
func contentDigest(sum [sha256.Size]byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// checkDigestHeader compares every SHA-256 in the values of a Digest header
// (RFC 3230) with sum and returns how many there were. Algorithm names are
// case-insensitive; other algorithms are passed over.
func checkDigestHeader(values []string, sum [sha256.Size]byte) (found int, err error) {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			name, encoded, ok := strings.Cut(strings.Trim(item, " \t"), "=")
			if !ok {
				return found, refuse(Malformed, "Digest item %s has no value", quote(item))
			}
			if !strings.EqualFold(name, "sha-256") {
				continue
			}
			raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
			if err != nil || len(raw) != sha256.Size {
				return found, refuse(Malformed, "Digest item %s is not a SHA-256 in base64", quote(item))
			}
			if [sha256.Size]byte(raw) != sum {
				return found, refuse(Digest, "Digest header does not match the body")
			}
			found++
		}
	}
	return found, nil
}

// checkContentDigest does the same for Content-Digest (RFC 9530), whose
// algorithm names are lower-case dictionary keys. In a structured-field
// dictionary the last of two equal keys wins; here a repeated key is refused, as
// is any member that is not a plain byte sequence.
func checkContentDigest(values []string, sum [sha256.Size]byte) (found int, err error) {
	if len(values) == 0 {
		return 0, nil
	}
	joined := strings.Join(values, ",")
	if strings.ContainsRune(joined, '"') {
		return 0, refuse(Malformed, "Content-Digest %s holds a string", quote(joined))
	}
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return 0, refuse(Malformed, "Content-Digest %s: %v", quote(joined), err)
	}
	if len(dict.Names()) != 1+strings.Count(joined, ",") {
		return 0, refuse(Malformed, "Content-Digest %s repeats an algorithm", quote(joined))
	}
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		item, ok := member.(httpsfv.Item)
		if !ok {
			return found, refuse(Malformed, "Content-Digest member %s is a list", quote(name))
		}
		raw, ok := item.Value.([]byte)
		if !ok {
			return found, refuse(Malformed, "Content-Digest member %s is not a byte sequence", quote(name))
		}
		if name != "sha-256" {
			continue
		}
		if len(raw) != sha256.Size {
			return found, refuse(Malformed, "Content-Digest sha-256 has %d bytes", len(raw))
		}
		if [sha256.Size]byte(raw) != sum {
			return found, refuse(Digest, "Content-Digest header does not match the body")
		}
		found++
	}
	return found, nil
}
