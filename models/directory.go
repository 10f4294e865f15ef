package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// JoinedAddress is a community with its handle, as an addressee.
type JoinedAddress struct {
	IRI      iri.IRI
	Name     string
	Local    bool
	Username string // "" where its actor was never fetched
	Host     iri.Host
	Standing string // state of its instance's peer, "" for none
}

// JoinedAddresses lists the communities in which one of the actors is in force, by id.
func JoinedAddresses(ctx context.Context, db bun.IDB, actors []iri.IRI, now Time, limit int) ([]JoinedAddress, error) {
	rows, err := bound(ctx, db, `SELECT c.iri, c.name, c.local, COALESCE(a.username, ''), COALESCE(a.host, ''), COALESCE(p.state, '') FROM communities AS c
		LEFT JOIN actors AS a ON a.iri = c.iri LEFT JOIN peers AS p ON p.host = a.host
		WHERE c.iri IN (SELECT m.community FROM members AS m WHERE m.actor IN (?) AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?)) ORDER BY c.iri LIMIT ?`, actors, now, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []JoinedAddress
	for rows.Next() {
		var j JoinedAddress
		if err := rows.Scan(&j.IRI, &j.Name, &j.Local, &j.Username, &j.Host, &j.Standing); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// DirectoryPeer is an accredited instance with how many offices of it are known.
type DirectoryPeer struct {
	Host        iri.Host
	Affiliation string
	Offices     int64
	FetchedAt   Time // when its offices were last read; 0: never
}

const directoryPeer = `SELECT q.host, q.affiliation, (SELECT COUNT(*) FROM peer_offices AS p WHERE p.host = q.host), COALESCE(d.fetched_at, 0)
	FROM peers AS q LEFT JOIN peer_directories AS d ON d.host = q.host WHERE q.state = 'accredited' AND `

// DirectoryPeers lists accredited instances by host, after a host.
func DirectoryPeers(ctx context.Context, db bun.IDB, after iri.Host, limit int) ([]DirectoryPeer, error) {
	rows, err := bound(ctx, db, directoryPeer+`q.host > ? ORDER BY q.host LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DirectoryPeer
	for rows.Next() {
		var p DirectoryPeer
		if err := rows.Scan(&p.Host, &p.Affiliation, &p.Offices, &p.FetchedAt); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// DirectoryPeerOf returns one accredited instance; NotFound for any other.
func DirectoryPeerOf(ctx context.Context, db bun.IDB, host iri.Host) (*DirectoryPeer, error) {
	p := new(DirectoryPeer)
	return p, rawRow(ctx, db, directoryPeer+`q.host = ?`, []any{string(host)}, &p.Host, &p.Affiliation, &p.Offices, &p.FetchedAt)
}

// PersonMandate is a right in force of a person of ours, with its office.
type PersonMandate struct {
	Person iri.IRI
	Office iri.IRI
	Title  string
	Code   string
	Act    string
}

// mandatesOfMost bounds the rights of one page of persons.
const mandatesOfMost = 5000

// MandatesOf lists the rights in force of persons, by person and code of the office.
func MandatesOf(ctx context.Context, db bun.IDB, persons []iri.IRI, now Time) ([]PersonMandate, error) {
	rows, err := bound(ctx, db, `SELECT m.person, m.office, o.title, o.code, m.act FROM mandates AS m JOIN offices AS o ON o.iri = m.office
		WHERE m.person IN (?) AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) ORDER BY m.person, o.code, m.office, m.act LIMIT ?`, persons, now, mandatesOfMost)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []PersonMandate
	for rows.Next() {
		var m PersonMandate
		if err := rows.Scan(&m.Person, &m.Office, &m.Title, &m.Code, &m.Act); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// MayDraft tells whether a person drafts for any office now.
func MayDraft(ctx context.Context, db bun.IDB, person iri.IRI, now Time) (bool, error) {
	var one int
	err := rawRow(ctx, db, `SELECT 1 FROM mandates WHERE person = ? AND act = 'draft' AND revoked_at = 0 AND (ends_at = 0 OR ends_at > ?) LIMIT 1`, []any{string(person), int64(now)}, &one)
	if NotFound(err) {
		return false, nil
	}
	return err == nil, err
}
