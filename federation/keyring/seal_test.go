package keyring

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
)

func TestSealedKeyOpensForItsActorAlone(t *testing.T) {
	s, err := NewSeal(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.seal([]byte("private"), "https://a.example/o/x https://a.example/o/x#ed")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.open(sealed, "https://a.example/o/x https://a.example/o/x#ed"); err != nil || !bytes.Equal(plain, []byte("private")) {
		t.Errorf("open: %q %v", plain, err)
	}
	if _, err := s.open(sealed, "https://a.example/o/y https://a.example/o/y#ed"); err == nil {
		t.Error("a sealed key opened for another actor")
	}
	other, err := NewSeal(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.open(sealed, "https://a.example/o/x https://a.example/o/x#ed"); err == nil {
		t.Error("a sealed key opened under another seal key")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := s.open(bad, "https://a.example/o/x https://a.example/o/x#ed"); err == nil {
			t.Fatalf("byte %d was changed and it opened", i)
		}
	}
}

func TestSealKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k", "seal.key")
	if _, err := OpenSeal(path, false, rand.Reader); err == nil {
		t.Error("a missing seal key was made though the database is not fresh")
	}
	a, err := OpenSeal(path, true, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	b, err := OpenSeal(path, true, rand.Reader)
	if err != nil || a.Fingerprint() != b.Fingerprint() {
		t.Errorf("read again: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSeal(path, true, rand.Reader); err == nil {
		t.Error("a seal key that others may read was accepted")
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o600)
	if _, err := OpenSeal(path, true, rand.Reader); err == nil {
		t.Error("a seal key of 5 bytes was accepted")
	}
}
