package keyring

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

// Seal encrypts private keys at rest with XChaCha20-Poly1305 under one 32-byte key.
// The actor and key id are associated data, so that a sealed key cannot be moved to
// another actor.
type Seal struct {
	key  [32]byte
	rand io.Reader
}

// OpenSeal reads the key file, or makes it with mode 0600 when it is missing and
// create is set. A file that others may read is refused.
func OpenSeal(path string, create bool, random io.Reader) (*Seal, error) {
	s := &Seal{rand: random}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the seal key's folder: %w", err)
		}
		if _, err := io.ReadFull(random, s.key[:]); err != nil {
			return nil, fmt.Errorf("make the seal key: %w", err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make the seal key file: %w", err)
		}
		_, err = f.Write(s.key[:])
		return s, errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("read the seal key: %w; without it no private key of this instance can be opened", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the seal key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("seal key %s: others may read it (mode %04o); run chmod 600 on it", path, info.Mode().Perm())
	}
	if info.Size() != 32 {
		return nil, fmt.Errorf("seal key %s: %d bytes, but a seal key has exactly 32", path, info.Size())
	}
	_, err = io.ReadFull(f, s.key[:])
	return s, err
}

// NewSeal makes a seal key that lives in memory alone.
func NewSeal(random io.Reader) (*Seal, error) {
	if random == nil {
		random = rand.Reader
	}
	s := &Seal{rand: random}
	_, err := io.ReadFull(random, s.key[:])
	return s, err
}

// Fingerprint names the key without giving it away.
func (s *Seal) Fingerprint() string {
	sum := sha256.Sum256(append([]byte("valise seal key\x00"), s.key[:]...))
	return hex.EncodeToString(sum[:16])
}

func (s *Seal) seal(plain []byte, ad string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.key[:])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plain, []byte(ad)), nil
}

func (s *Seal) open(sealed []byte, ad string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.key[:])
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("the sealed key is too short")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(ad))
	if err != nil {
		return nil, errors.New("the sealed key does not open under this seal key for this actor")
	}
	return plain, nil
}
