package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Hashing is the cost of an argon2id hash.
type Hashing struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultHashing is the second recommended choice of RFC 9106 §4.
var DefaultHashing = Hashing{Memory: 64 << 10, Time: 3, Threads: 4}

const (
	saltLength = 16
	keyLength  = 32
	// hashesAtOnce bounds the memory of hashes: 64 MiB each.
	hashesAtOnce = 4

	// PasswordLeast is the least length of a password, in characters.
	PasswordLeast = 12
	passwordMost  = 1024 // bytes
)

// prepared is the form of a password that is hashed: keyboards write accents in more
// than one way (RFC 8265 §4.2.2).
func prepared(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// hash returns the PHC string of a password. It waits for a place among the hashers.
func (a *Access) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(a.Rand, salt); err != nil {
		return "", fmt.Errorf("make the salt of a password: %w", err)
	}
	key, err := a.derive(ctx, password, salt, a.Hashing, keyLength)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.Hashing.Memory, a.Hashing.Time, a.Hashing.Threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// verify tells whether password is the one of a PHC string, and whether that was made
// with a cost other than today's. Without a string ("") it works as long and says no.
func (a *Access) verify(ctx context.Context, password, phc string) (ok, stale bool, err error) {
	cost, salt, want := a.Hashing, make([]byte, saltLength), make([]byte, keyLength)
	if phc != "" {
		if cost, salt, want, err = parsePHC(phc); err != nil {
			return false, false, err
		}
	}
	got, err := a.derive(ctx, password, salt, cost, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, want) == 1 && phc != ""
	return ok, ok && (cost != a.Hashing || len(want) != keyLength), nil
}

func (a *Access) derive(ctx context.Context, password string, salt []byte, h Hashing, n uint32) ([]byte, error) {
	select {
	case a.hashers <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a place to hash a password: %w", ctx.Err())
	}
	defer func() { <-a.hashers }()
	return argon2.IDKey(prepared(password), salt, h.Time, h.Memory, h.Threads, n), nil
}

// parsePHC reads what hash writes. Costs beyond what this program would ever write are
// refused: the string comes from the database, and a gigabyte of it must not stop us.
func parsePHC(phc string) (h Hashing, salt, key []byte, err error) {
	bad := func() (Hashing, []byte, []byte, error) {
		return h, nil, nil, fmt.Errorf("read a password hash: it is no argon2id string of version %d", argon2.Version)
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad()
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Time, &h.Threads); err != nil {
		return bad()
	}
	if h.Memory < 8 || h.Memory > 1<<20 || h.Time < 1 || h.Time > 64 || h.Threads < 1 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.Memory, h.Time, h.Threads) {
		return bad()
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return bad()
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return bad()
	}
	return h, salt, key, nil
}

// obvious are what people type first, in the languages of this program. They are taken
// out of a password before it is looked at, and so are her name and this host.
var obvious = []string{
	"correcthorsebatterystaple", "password", "passwort", "passw0rd", "motdepasse", "contrasena", "letmein", "welcome", "bienvenue", "marhaba", "changeme", "iloveyou", "administrator",
	"admin", "qwertyuiop", "qwerty", "azertyuiop", "azerty", "asdfghjkl", "asdfgh", "1234567890", "0123456789", "0987654321", "123456789", "12345678", "1234567", "123456", "12345", "1234", "abcdefgh", "abcd", "abc", "123",
	"valise", "diplomatic", "diplomatique", "diplomacy", "ambassador", "ambassadeur", "ambassade", "embassy", "ministry", "ministere", "secret", "dragon", "football", "sunshine", "monkey",
	"2023", "2024", "2025", "2026", "2027", "2028",
	"كلمةالسر", "السفارة", "سفارة", "وزارة",
}

// leastLeft is how many different characters must remain of a password without what is
// obvious.
const leastLeft = 5

// checkPassword refuses a password that is too short or that a stranger would try. words
// are what is known of her: names and host.
func checkPassword(password string, words ...string) error {
	if !utf8.ValidString(password) || len(password) > passwordMost {
		return refuse(422, "weak-password", "a password is text of at most %d bytes", passwordMost)
	}
	if n := utf8.RuneCount(prepared(password)); n < PasswordLeast {
		return refuse(422, "weak-password", "the password has %d characters and needs %d; a few words are easy to keep", n, PasswordLeast)
	}
	left := plain(password)
	for _, w := range words {
		for _, part := range strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) }) {
			if p := plain(part); utf8.RuneCountInString(p) >= 3 {
				left = strings.ReplaceAll(left, p, "")
			}
		}
	}
	for _, w := range obvious {
		left = strings.ReplaceAll(left, w, "")
	}
	different := map[rune]bool{}
	for _, r := range left {
		different[r] = true
	}
	if len(different) < leastLeft {
		return refuse(422, "weak-password", "this password is one that a stranger would try: a common one, your name, this host, or the same characters over and over; use a few words that do not belong together")
	}
	return nil
}

// plain is a text in lower case, letters and digits alone, without accents.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}
