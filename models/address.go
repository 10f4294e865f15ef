package models

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/uptrace/bun"
	"golang.org/x/text/unicode/norm"

	"valise/models/iri"
)

// PeerOffice is an office of another instance as its directory names it.
type PeerOffice struct {
	bun.BaseModel `bun:"table:peer_offices"`

	IRI      iri.IRI `bun:",pk"`
	Host     iri.Host
	Username string
	Name     string
	Code     string
	Post     string
	SeenAt   Time
}

func (o PeerOffice) words() []string {
	return AddressWords(o.Name, o.Code, o.Post, o.Username, string(o.Host))
}

// letters that no decomposition turns into what people type for them.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i", "ħ", "h", "\u0640", "")

// AddressWords returns the distinct words of texts as they are compared: in lower case,
// without diacritics and vowel marks.
func AddressWords(texts ...string) []string {
	var out []string
	for _, text := range texts {
		plain := strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(strings.ToLower(text)))
		for word := range strings.FieldsFuncSeq(letters.Replace(plain), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
	}
	return out
}

// saveAddressWords replaces the words under which an actor is found.
func saveAddressWords(ctx context.Context, db bun.IDB, actor iri.IRI, words []string) error {
	if _, err := rawExec(ctx, db, `DELETE FROM address_words WHERE actor = ?`, string(actor)); err != nil {
		return err
	}
	if len(words) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(words))
	for _, w := range words {
		args = append(args, []byte(w), string(actor))
	}
	_, err := rawExec(ctx, db, `INSERT INTO address_words (word, actor) VALUES `+places(len(words), 2)+` ON CONFLICT (word, actor) DO NOTHING`, args...)
	return err
}

// indexOffice makes an office of ours found by its words.
func indexOffice(ctx context.Context, db bun.IDB, o *Office) error {
	id := string(o.IRI)
	return saveAddressWords(ctx, db, o.IRI, AddressWords(o.Title, o.Code, o.Post, id[strings.LastIndexByte(id, '/')+1:], string(o.IRI.Host())))
}

// IndexOffices makes up to limit of our offices found that were opened before there was
// an index of words. It returns how many.
func IndexOffices(ctx context.Context, tx bun.Tx, limit int) (int, error) {
	var rows []*Office
	err := tx.NewSelect().Model(&rows).Where("NOT EXISTS (SELECT 1 FROM address_words AS w WHERE w.actor = office.iri)").OrderBy("iri", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return 0, err
	}
	for _, o := range rows {
		if err := indexOffice(ctx, tx, o); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// PeerOffices lists the known offices of a host by id, after an id.
func PeerOffices(ctx context.Context, db bun.IDB, host iri.Host, after iri.IRI, limit int) ([]*PeerOffice, error) {
	var rows []*PeerOffice
	err := db.NewSelect().Model(&rows).Where("host = ?", host).Where("iri > ?", after).OrderBy("iri", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// CountPeerOffices counts the known offices of a host.
func CountPeerOffices(ctx context.Context, db bun.IDB, host iri.Host) (int64, error) {
	return db.NewSelect().Model((*PeerOffice)(nil)).Where("host = ?", host).Count(ctx)
}

// SavePeerOffices inserts or replaces offices of other instances with their words.
func SavePeerOffices(ctx context.Context, tx bun.Tx, rows []*PeerOffice) error {
	for _, o := range rows {
		q := tx.NewInsert().Model(o).On("CONFLICT (iri) DO UPDATE")
		for _, c := range []string{"username", "name", "code", "post", "seen_at"} {
			q = q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
		if err := saveAddressWords(ctx, tx, o.IRI, o.words()); err != nil {
			return err
		}
	}
	return nil
}

// DropPeerOffices forgets offices that their instance no longer names.
func DropPeerOffices(ctx context.Context, tx bun.Tx, ids []iri.IRI) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.NewRaw(`DELETE FROM address_words WHERE actor IN (?)`, bun.List(ids)).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewRaw(`DELETE FROM peer_offices WHERE iri IN (?)`, bun.List(ids)).Exec(ctx)
	return err
}

// PeerDirectory is when the offices of a peer were last read, and when they are read
// again.
type PeerDirectory struct {
	bun.BaseModel `bun:"table:peer_directories"`

	Host      iri.Host `bun:",pk"`
	FetchedAt Time     // 0: never
	NextAt    Time
	Failures  int64
	Reason    string // of the last failure
}

// SavePeerDirectory inserts or replaces the row.
func SavePeerDirectory(ctx context.Context, db bun.IDB, p *PeerDirectory) error {
	_, err := rawExec(ctx, db, `INSERT INTO peer_directories (host, fetched_at, next_at, failures, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT (host) DO UPDATE SET
		fetched_at = EXCLUDED.fetched_at, next_at = EXCLUDED.next_at, failures = EXCLUDED.failures, reason = EXCLUDED.reason`,
		string(p.Host), int64(p.FetchedAt), int64(p.NextAt), p.Failures, clip(p.Reason, 1000))
	return err
}

// PeerDirectoryOf returns NotFound for a peer whose offices were never asked for.
func PeerDirectoryOf(ctx context.Context, db bun.IDB, host iri.Host) (*PeerDirectory, error) {
	p := new(PeerDirectory)
	err := db.NewSelect().Model(p).Where("host = ?", host).Scan(ctx)
	return p, err
}

// DueDirectories lists accredited peers whose offices are to be read now. A host in
// back-off is left alone.
func DueDirectories(ctx context.Context, db bun.IDB, now Time, limit int) ([]*Peer, error) {
	var rows []*Peer
	err := db.NewSelect().Model(&rows).Where("state = 'accredited'").Where("instance_actor <> ''").
		Where("NOT EXISTS (SELECT 1 FROM peer_directories AS d WHERE d.host = peer.host AND d.next_at > ?)", now).
		Where("NOT EXISTS (SELECT 1 FROM hosts AS h WHERE h.host = peer.host AND h.back_off_until > ?)", now).OrderBy("host", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// OfficeHit is an office of ours or of an accredited peer that a typed text stands for.
type OfficeHit struct {
	IRI      iri.IRI
	Host     iri.Host
	Username string
	Name     string
	Code     string
	Post     string
	Own      bool
}

// FindOffices lists offices with a word that begins with each of the given ones, which
// are AddressWords: ours first, then by code and name.
func FindOffices(ctx context.Context, db bun.IDB, words []string, limit int) ([]OfficeHit, error) {
	if len(words) == 0 {
		return nil, nil
	}
	var hits []string
	var args []any
	for _, w := range words {
		// No word holds the byte 0xFF: what begins with w lies below w and that byte.
		hits = append(hits, `SELECT actor FROM address_words WHERE word >= ? AND word < ?`)
		args = append(args, []byte(w), append([]byte(w), 0xFF))
	}
	rows, err := raw(ctx, db, `WITH hit AS (`+strings.Join(hits, " INTERSECT ")+`)
		SELECT o.iri, a.host, a.username, o.title AS name, o.code AS code, o.post, TRUE AS own FROM hit AS h JOIN offices AS o ON o.iri = h.actor JOIN actors AS a ON a.iri = o.iri
		UNION ALL SELECT p.iri, p.host, p.username, p.name, p.code, p.post, FALSE FROM hit AS h JOIN peer_offices AS p ON p.iri = h.actor
			JOIN peers AS q ON q.host = p.host WHERE q.state = 'accredited'
		ORDER BY own DESC, code, name, iri LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []OfficeHit
	for rows.Next() {
		var h OfficeHit
		if err := rows.Scan(&h.IRI, &h.Host, &h.Username, &h.Name, &h.Code, &h.Post, &h.Own); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// OfficePage lists our offices with their user names, by id, after an id.
func OfficePage(ctx context.Context, db bun.IDB, after iri.IRI, limit int) ([]OfficeHit, error) {
	rows, err := raw(ctx, db, `SELECT o.iri, a.host, a.username, o.title, o.code, o.post FROM offices AS o JOIN actors AS a ON a.iri = o.iri WHERE o.iri > ? ORDER BY o.iri LIMIT ?`, string(after), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []OfficeHit
	for rows.Next() {
		h := OfficeHit{Own: true}
		if err := rows.Scan(&h.IRI, &h.Host, &h.Username, &h.Name, &h.Code, &h.Post); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// CountOffices counts ours.
func CountOffices(ctx context.Context, db bun.IDB) (int64, error) {
	return db.NewSelect().Model((*Office)(nil)).Count(ctx)
}
