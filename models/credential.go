package models

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Credential is how a person of ours proves who she is, beside her passkeys.
type Credential struct {
	bun.BaseModel `bun:"table:credentials"`

	Person iri.IRI `bun:",pk"`
	// Handle names her to authenticators: random, without meaning (WebAuthn §14.6.1).
	Handle     string
	Password   string // PHC string, "" for none
	PasswordAt Time
	// TOTP is the sealed secret; TOTPAt is 0 until a first code has confirmed it.
	TOTP   []byte `bun:"totp"`
	TOTPAt Time   `bun:"totp_at"`
	// TOTPStep is the last time step whose code was used: no code works twice.
	TOTPStep int64 `bun:"totp_step"`
	// TOTPNew is a sealed secret that waits for its first code.
	TOTPNew []byte `bun:"totp_new"`
}

// CredentialOf returns a person's row, or NotFound.
func CredentialOf(ctx context.Context, db bun.IDB, person iri.IRI) (*Credential, error) {
	return credential(ctx, db, "person", string(person))
}

// CredentialByHandle finds a person by what her authenticator calls her.
func CredentialByHandle(ctx context.Context, db bun.IDB, handle string) (*Credential, error) {
	return credential(ctx, db, "handle", handle)
}

func credential(ctx context.Context, db bun.IDB, column, value string) (*Credential, error) {
	c := new(Credential)
	err := rawRow(ctx, db, `SELECT person, handle, password, password_at, totp, totp_at, totp_step, totp_new FROM credentials WHERE `+column+` = ?`,
		[]any{value}, &c.Person, &c.Handle, &c.Password, &c.PasswordAt, &c.TOTP, &c.TOTPAt, &c.TOTPStep, &c.TOTPNew)
	return c, err
}

// EnsureCredential makes the row of a person who has none.
func EnsureCredential(ctx context.Context, db bun.IDB, person iri.IRI, handle string) error {
	_, err := rawExec(ctx, db, `INSERT INTO credentials (person, handle) VALUES (?, ?) ON CONFLICT (person) DO NOTHING`, string(person), handle)
	return err
}

// AnyCredential tells whether any person can sign in.
func AnyCredential(ctx context.Context, db bun.IDB) (bool, error) {
	var one int
	err := rawRow(ctx, db, `SELECT 1 WHERE EXISTS (SELECT 1 FROM credentials WHERE password <> '') OR EXISTS (SELECT 1 FROM passkeys)`, nil, &one)
	if NotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// SetPassword replaces the password hash.
func SetPassword(ctx context.Context, db bun.IDB, person iri.IRI, hash string, now Time) error {
	_, err := rawExec(ctx, db, `UPDATE credentials SET password = ?, password_at = ? WHERE person = ?`, hash, int64(now), string(person))
	return err
}

// Rehash replaces a hash by one of the same password, unless the password was changed
// meanwhile.
func Rehash(ctx context.Context, db bun.IDB, person iri.IRI, old, hash string) error {
	_, err := rawExec(ctx, db, `UPDATE credentials SET password = ? WHERE person = ? AND password = ?`, hash, string(person), old)
	return err
}

// OfferTOTP keeps a sealed secret that waits for its first code.
func OfferTOTP(ctx context.Context, db bun.IDB, person iri.IRI, sealed []byte) error {
	_, err := rawExec(ctx, db, `UPDATE credentials SET totp_new = ? WHERE person = ?`, sealed, string(person))
	return err
}

// ConfirmTOTP puts the waiting secret to use; step is that of the code that confirmed
// it. It tells whether sealed was still the one that waited.
func ConfirmTOTP(ctx context.Context, db bun.IDB, person iri.IRI, sealed []byte, step int64, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE credentials SET totp = totp_new, totp_new = NULL, totp_at = ?, totp_step = ? WHERE person = ? AND totp_new = ?`, int64(now), step, string(person), sealed)
	return n == 1, err
}

// SpendTOTP uses up the code of a step; false where it, or a later one, was used before.
func SpendTOTP(ctx context.Context, db bun.IDB, person iri.IRI, step int64) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE credentials SET totp_step = ? WHERE person = ? AND totp_at > 0 AND totp_step < ?`, step, string(person), step)
	return n == 1, err
}

// DropTOTP removes the secret; it tells whether there was one.
func DropTOTP(ctx context.Context, db bun.IDB, person iri.IRI) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE credentials SET totp = NULL, totp_new = NULL, totp_at = 0, totp_step = 0 WHERE person = ? AND totp_at > 0`, string(person))
	return n == 1, err
}

// RecoveryCodes returns how many codes are left, and when they were made.
func RecoveryCodes(ctx context.Context, db bun.IDB, person iri.IRI) (left int, made Time, err error) {
	err = rawRow(ctx, db, `SELECT COUNT(*), COALESCE(MAX(created_at), 0) FROM recovery_codes WHERE person = ? AND used_at = 0`, []any{string(person)}, &left, &made)
	return left, made, err
}

// ReplaceRecoveryCodes keeps the hashes of a new set; none is a set without codes.
func ReplaceRecoveryCodes(ctx context.Context, tx bun.Tx, person iri.IRI, hashes []string, now Time) error {
	if _, err := rawExec(ctx, tx, `DELETE FROM recovery_codes WHERE person = ?`, string(person)); err != nil {
		return err
	}
	for _, h := range hashes {
		if _, err := rawExec(ctx, tx, `INSERT INTO recovery_codes (person, hash, created_at) VALUES (?, ?, ?)`, string(person), h, int64(now)); err != nil {
			return err
		}
	}
	return nil
}

// SpendRecoveryCode uses up one code; false for an unknown or used one.
func SpendRecoveryCode(ctx context.Context, db bun.IDB, person iri.IRI, hash string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE recovery_codes SET used_at = ? WHERE person = ? AND hash = ? AND used_at = 0`, int64(now), string(person), hash)
	return n == 1, err
}

// Passkey is one authenticator of a person.
type Passkey struct {
	bun.BaseModel `bun:"table:passkeys"`

	ID         string `bun:",pk"` // base64url of the credential id
	Person     iri.IRI
	Name       string // as she calls it
	PublicKey  []byte // COSE key
	AAGUID     string `bun:"aaguid"` // hexadecimal
	Transports string // separated by blanks
	// SignCount is the authenticator's counter at its last use; 0 where it has none.
	SignCount      int64
	BackupEligible bool // may be copied to other devices of hers
	BackedUp       bool // was copied, when last used
	CreatedAt      Time
	UsedAt         Time
}

// passkeysMost bounds the passkeys of a person.
const passkeysMost = 50

// Passkeys lists a person's, oldest first.
func Passkeys(ctx context.Context, db bun.IDB, person iri.IRI) ([]*Passkey, error) {
	var rows []*Passkey
	err := db.NewSelect().Model(&rows).Where("person = ?", person).OrderBy("created_at", bun.OrderAsc).OrderBy("id", bun.OrderAsc).Limit(passkeysMost).Scan(ctx)
	return rows, err
}

// InsertPasskey adds one; one that is known already is IsConflict.
func InsertPasskey(ctx context.Context, db bun.IDB, p *Passkey) error {
	_, err := rawExec(ctx, db, `INSERT INTO passkeys (id, person, name, public_key, aaguid, transports, sign_count, backup_eligible, backed_up, created_at, used_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		p.ID, string(p.Person), p.Name, p.PublicKey, p.AAGUID, p.Transports, p.SignCount, p.BackupEligible, p.BackedUp, int64(p.CreatedAt), int64(p.UsedAt))
	return err
}

// UsePasskey records a use. It fails (false) when the counter kept is not below the new
// one, so that of two uses of one counter value a single one counts.
func UsePasskey(ctx context.Context, db bun.IDB, id string, count int64, backedUp bool, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE passkeys SET sign_count = ?, backed_up = ?, used_at = ? WHERE id = ? AND (sign_count < ? OR sign_count = 0 AND CAST(? AS BIGINT) = 0)`,
		count, backedUp, int64(now), id, count, count)
	return n == 1, err
}

// RenamePasskey gives a person's passkey another name.
func RenamePasskey(ctx context.Context, db bun.IDB, person iri.IRI, id, name string) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE passkeys SET name = ? WHERE id = ? AND person = ?`, name, id, string(person))
	return n == 1, err
}

// DeletePasskey removes a person's passkey; "" removes all of hers.
func DeletePasskey(ctx context.Context, db bun.IDB, person iri.IRI, id string) (int64, error) {
	return rawExec(ctx, db, `DELETE FROM passkeys WHERE person = ? AND (id = ? OR ? = '')`, string(person), id, id)
}

// Factors is what a person has enrolled.
type Factors struct {
	Password, TOTP bool
	Passkeys       int
}

// Second tells whether a password alone is not enough.
func (f Factors) Second() bool { return f.TOTP || f.Passkeys > 0 }

// FactorsOf returns what a person has enrolled; nothing where she has no row.
func FactorsOf(ctx context.Context, db bun.IDB, person iri.IRI) (f Factors, err error) {
	var password sql.NullString
	var totp sql.NullInt64
	err = rawRow(ctx, db, `SELECT (SELECT password FROM credentials WHERE person = ?), (SELECT totp_at FROM credentials WHERE person = ?), (SELECT COUNT(*) FROM passkeys WHERE person = ?)`,
		[]any{string(person), string(person), string(person)}, &password, &totp, &f.Passkeys)
	f.Password, f.TOTP = password.String != "", totp.Int64 > 0
	return f, err
}
