package models

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// HostFigures are a community's members in force on one instance, and what became of the
// latest deliveries there.
type HostFigures struct {
	Host                                         iri.Host
	Organisers, Members, Guests                  int64
	HandedOver, Waiting, Late, Failed, Cancelled int64
}

// CommunityHosts counts by instance, those with most members first.
func CommunityHosts(ctx context.Context, db bun.IDB, community iri.IRI, now Time, limit int) ([]HostFigures, error) {
	rows, err := bound(ctx, db, `WITH went AS (SELECT v.host AS host, SUM(CASE WHEN v.state = 'handed-over' THEN 1 ELSE 0 END) AS handed, SUM(CASE WHEN v.state = 'pending' AND v.attempts = 0 THEN 1 ELSE 0 END) AS waiting,
			SUM(CASE WHEN v.state = 'pending' AND v.attempts > 0 THEN 1 ELSE 0 END) AS late, SUM(CASE WHEN v.state = 'failed' THEN 1 ELSE 0 END) AS failed, SUM(CASE WHEN v.state = 'cancelled' THEN 1 ELSE 0 END) AS cancelled
			FROM `+sentTo+` GROUP BY v.host),
		who AS (SELECT m.host AS host, SUM(CASE WHEN m.role = 'organiser' THEN 1 ELSE 0 END) AS organisers, SUM(CASE WHEN m.role = 'member' THEN 1 ELSE 0 END) AS members, SUM(CASE WHEN m.role = 'guest' THEN 1 ELSE 0 END) AS guests
			FROM members AS m WHERE m.community = ? AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?) GROUP BY m.host)
		SELECT h.host, COALESCE(w.organisers, 0), COALESCE(w.members, 0), COALESCE(w.guests, 0), COALESCE(v.handed, 0), COALESCE(v.waiting, 0), COALESCE(v.late, 0), COALESCE(v.failed, 0), COALESCE(v.cancelled, 0)
		FROM (SELECT host FROM who UNION SELECT host FROM went) AS h LEFT JOIN who AS w ON w.host = h.host LEFT JOIN went AS v ON v.host = h.host
		ORDER BY COALESCE(w.organisers, 0) + COALESCE(w.members, 0) + COALESCE(w.guests, 0) DESC, h.host LIMIT ?`, community, community, community, now, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []HostFigures
	for rows.Next() {
		var h HostFigures
		if err := rows.Scan(&h.Host, &h.Organisers, &h.Members, &h.Guests, &h.HandedOver, &h.Waiting, &h.Late, &h.Failed, &h.Cancelled); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// MonthFigures is what was distributed in a community in one span of time.
type MonthFigures struct {
	From, To             Time
	Dispatches, Comments int64 // with those withdrawn or removed since
	GuestComments        int64
}

// CommunityMonths counts between each two neighbours of the rising moments. Archive
// records, which were never distributed, are not counted.
func CommunityMonths(ctx context.Context, db bun.IDB, community iri.IRI, moments []Time) ([]MonthFigures, error) {
	if len(moments) < 2 || len(moments) > 61 {
		return nil, fmt.Errorf("models: %d moments do not part a time", len(moments))
	}
	columns := make([]string, len(moments)-1)
	var spans []any
	for i := range columns {
		columns[i] = `COALESCE(SUM(CASE WHEN x.at >= ? AND x.at < ? THEN 1 ELSE 0 END), 0)`
		spans = append(spans, moments[i], moments[i+1])
	}
	sums := strings.Join(columns, ", ")
	first, last := moments[0], moments[len(moments)-1]
	var args []any
	for range 3 {
		args = append(append(args, spans...), community, first, last)
	}
	rows, err := bound(ctx, db, `SELECT 0, `+sums+` FROM (SELECT d.distributed_at AS at FROM dispatches AS d WHERE d.community = ? AND d.community <> '' AND d.latest AND d.origin <> 'archive' AND d.distributed_at >= ? AND d.distributed_at < ?) AS x
		UNION ALL SELECT 1, `+sums+` FROM (SELECT k.published_at AS at FROM comments AS k WHERE k.community = ? AND k.author <> '' AND k.published_at >= ? AND k.published_at < ?) AS x
		UNION ALL SELECT 2, `+sums+` FROM (SELECT k.published_at AS at FROM comments AS k JOIN members AS m ON m.community = k.community AND m.role = 'guest' AND m.actor = CASE WHEN k.attested_for <> '' THEN k.attested_for ELSE k.author END
			WHERE k.community = ? AND k.published_at >= ? AND k.published_at < ?) AS x`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make([]MonthFigures, len(columns))
	for i := range out {
		out[i].From, out[i].To = moments[i], moments[i+1]
	}
	into, counts := make([]any, len(columns)+1), make([]int64, len(columns)+1)
	for i := range into {
		into[i] = &counts[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, n := range counts[1:] {
			switch counts[0] {
			case 0:
				out[i].Dispatches = n
			case 1:
				out[i].Comments = n
			case 2:
				out[i].GuestComments = n
			}
		}
	}
	return out, rows.Err()
}
