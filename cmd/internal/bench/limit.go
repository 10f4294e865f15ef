package bench

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
)

// limit is the child that does the least that an honest server could: the same checks
// and one row, and nothing else.
type limit struct {
	host   iri.Host
	keys   map[string]sign.PublicKey
	store  *models.Store
	rows   chan limitRow
	server *http.Server
	post   *poster
}

type limitRow struct {
	id, to string
	body   []byte
	done   chan error
}

func newLimit() calls {
	l := &limit{}
	return calls{"open": on(l.open), "fill": on(l.fill), "poster": on(l.poster), "post": on(l.send), "close": on(l.close)}
}

type limitArgs struct {
	DB   string
	Host iri.Host          // that requests are signed for
	Keys map[string]string // key id to Multikey
}

func (l *limit) open(ctx context.Context, a limitArgs) (any, error) {
	l.host, l.keys, l.rows = a.Host, map[string]sign.PublicKey{}, make(chan limitRow, 512)
	for id, public := range a.Keys {
		key, err := sign.DecodeMultikey(public)
		if err != nil {
			return nil, err
		}
		l.keys[id] = sign.PublicKey{ID: id, Type: sign.Ed25519, Key: key}
	}
	var err error
	if l.store, err = models.Open(ctx, a.DB); err != nil {
		return nil, err
	}
	blob := "BLOB"
	if l.store.Postgres() {
		blob = "BYTEA"
	}
	if _, err := l.store.W.DB.ExecContext(ctx, `CREATE TABLE bare (id TEXT PRIMARY KEY, inbox TEXT NOT NULL, body `+blob+`, at BIGINT NOT NULL)`); err != nil {
		return nil, err
	}
	go l.commit()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", l.take)
	mux.HandleFunc("GET /", l.show)
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go l.server.Serve(listener)
	return listener.Addr().String(), nil
}

func (l *limit) close(context.Context, struct{}) (any, error) {
	if l.server != nil {
		l.server.Close()
	}
	if l.store != nil {
		return nil, l.store.Close()
	}
	return nil, nil
}

// hop checks signature, time and digest.
func (l *limit) hop(r *http.Request, body []byte) (sign.PublicKey, error) {
	q, err := sign.ParseRequest(r, "http", string(l.host))
	if err != nil {
		return sign.PublicKey{}, err
	}
	if err := q.Check(sign.Limits{Now: time.Now(), PastWindow: 5 * time.Minute, FutureWindow: 5 * time.Minute}, body); err != nil {
		return sign.PublicKey{}, err
	}
	key, ok := l.keys[q.KeyID]
	if !ok {
		return key, fmt.Errorf("the key %s is not known", q.KeyID)
	}
	return key, q.Verify(key)
}

func (l *limit) take(w http.ResponseWriter, r *http.Request) {
	if err := l.arrival(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (l *limit) arrival(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	key, err := l.hop(r, body)
	if err != nil {
		return err
	}
	var activity struct {
		ID     string          `json:"id"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(body, &activity); err != nil {
		return err
	}
	public := key.Key.(ed25519.PublicKey)
	if err := sign.VerifyProof(body, public); err != nil {
		return err
	}
	if err := sign.VerifyProof(activity.Object, public); err != nil {
		return err
	}
	row := limitRow{activity.ID, r.URL.Path, body, make(chan error, 1)}
	l.rows <- row
	return <-row.done
}

// commit lets concurrent requests share a transaction.
func (l *limit) commit() {
	for first := range l.rows {
		batch := []limitRow{first}
	fill:
		for len(batch) < 128 {
			select {
			case row := <-l.rows:
				batch = append(batch, row)
			default:
				break fill
			}
		}
		err := l.insert(batch)
		for _, row := range batch {
			row.done <- err
		}
	}
}

func (l *limit) insert(batch []limitRow) error {
	tx, err := l.store.W.DB.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	query := `INSERT INTO bare (id, inbox, body, at) VALUES `
	args := make([]any, 0, 4*len(batch))
	for i, row := range batch {
		if i > 0 {
			query += ","
		}
		query += fmt.Sprintf("($%d,$%d,$%d,$%d)", 4*i+1, 4*i+2, 4*i+3, 4*i+4)
		args = append(args, row.id, row.to, row.body, time.Now().UnixMilli())
	}
	if _, err := tx.Exec(query, args...); err != nil {
		return err
	}
	return tx.Commit()
}

type fillArgs struct {
	Objects []iri.IRI
	Size    int // bytes of each
}

// fill puts the objects into the table that are asked for.
func (l *limit) fill(_ context.Context, a fillArgs) (any, error) {
	var batch []limitRow
	for _, id := range a.Objects {
		batch = append(batch, limitRow{id: string(id), body: make([]byte, a.Size)})
	}
	for len(batch) > 0 {
		n := min(len(batch), 100)
		if err := l.insert(batch[:n]); err != nil {
			return nil, err
		}
		batch = batch[n:]
	}
	return nil, nil
}

func (l *limit) show(w http.ResponseWriter, r *http.Request) {
	if _, err := l.hop(r, nil); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var body []byte
	if err := l.store.R.DB.QueryRowContext(r.Context(), `SELECT body FROM bare WHERE id = $1`, l.host.Base()+r.URL.Path).Scan(&body); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/activity+json")
	w.Write(body)
}
