package keyring

import "valise/models/iri"

// SealSecret seals what is no key but as secret as one, such as what an authenticator
// app shares with us. Purpose and owner are associated data.
func (k *Keyring) SealSecret(purpose string, owner iri.IRI, plain []byte) ([]byte, error) {
	return k.seal.seal(plain, "secret "+purpose+" "+string(owner))
}

// OpenSecret opens what SealSecret has sealed for the same purpose and owner.
func (k *Keyring) OpenSecret(purpose string, owner iri.IRI, sealed []byte) ([]byte, error) {
	return k.seal.open(sealed, "secret "+purpose+" "+string(owner))
}
