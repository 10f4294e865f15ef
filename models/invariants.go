package models

import (
	"context"

	"github.com/uptrace/bun"
)

// Invariant is a rule that no row may break. Query selects what breaks it, as one text
// column; Ranked says that it takes the highest rank that may federate.
type Invariant struct {
	Invariant string
	Problem   string
	Query     string
	Ranked    bool
}

// InvariantQueries are the rules that SQL can hold the state to.
var InvariantQueries = []Invariant{
	{"released means sent", "a released dispatch has no evidence that it was submitted to this addressee",
		`SELECT x.dispatch || ' to ' || x.actor FROM addressees AS x JOIN dispatches AS d ON d.iri = x.dispatch AND d.origin = 'issued' AND d.version = 1
		WHERE NOT EXISTS (SELECT 1 FROM evidence AS e WHERE e.dispatch = x.dispatch AND e.addressee = x.actor AND e.station = 'submitted')`, false},
	{"released means sent", "a remote addressee has neither a delivery nor a reason why not",
		`SELECT x.dispatch || ' to ' || x.actor FROM addressees AS x JOIN dispatches AS d ON d.iri = x.dispatch AND d.origin = 'issued' AND d.version = 1
		WHERE NOT x.local AND NOT EXISTS (SELECT 1 FROM deliveries AS v WHERE v.object_id = x.dispatch AND v.recipient = x.actor)`, false},
	{"released means sent", "a delivery belongs to no stored activity",
		`SELECT v.activity || ' to ' || v.inbox FROM deliveries AS v WHERE NOT EXISTS (SELECT 1 FROM activities AS a WHERE a.iri = v.activity)`, false},
	{"released means sent", "a delivery is pending but nothing will ever look at its host",
		`SELECT v.activity || ' to ' || v.inbox FROM deliveries AS v WHERE v.state = 'pending' AND NOT EXISTS (SELECT 1 FROM hosts AS h WHERE h.host = v.host AND h.due_at < 1152921504606846976)`, false},
	{"references have no gaps", "numbers of this office are missing or doubled",
		`SELECT c.office || ' ' || c.year FROM reference_counters AS c JOIN offices AS o ON o.iri = c.office
		WHERE c.last <> (SELECT COUNT(DISTINCT d.reference) FROM dispatches AS d WHERE d.author = c.office AND d.origin = 'issued' AND d.reference LIKE o.code || ' ' || c.year || '/%')`, false},
	{"the guard fails closed", "a marking that may not federate was delivered",
		`SELECT d.iri FROM dispatches AS d WHERE d.marking_rank > ? AND d.origin <> 'archive' AND EXISTS (SELECT 1 FROM deliveries AS v WHERE v.object_id = d.iri)`, true},
	{"nothing is dropped in silence", "a failed delivery has no reason",
		`SELECT v.activity || ' to ' || v.inbox FROM deliveries AS v WHERE v.state IN ('failed', 'cancelled') AND v.reason = ''`, false},
	{"nothing is dropped in silence", "an arrival was set aside without a reason",
		`SELECT a.activity FROM arrivals AS a WHERE a.state = 'set-aside' AND a.reason = ''`, false},
	{"applied once", "a dispatch has several latest versions, or none",
		`SELECT d.iri FROM dispatches AS d GROUP BY d.iri HAVING SUM(CASE WHEN d.latest THEN 1 ELSE 0 END) <> 1`, false},
	{"a withdrawal erases", "the text of a withdrawn dispatch is still here",
		`SELECT d.iri FROM dispatches AS d WHERE d.state = 'withdrawn' AND (d.document IS NOT NULL OR EXISTS (SELECT 1 FROM arrivals AS a WHERE a.object_id = d.iri AND a.body IS NOT NULL AND a.state = 'applied' AND a.type IN ('Create', 'Update')))`, false},
	{"a withdrawal erases", "the words of a draft of a withdrawn dispatch are still here",
		`SELECT d.id` + wordsLeft, false},
	{"an invitation is used once", "a membership in force has no used invitation",
		`SELECT m.community || ' ' || m.actor FROM members AS m JOIN communities AS c ON c.iri = m.community AND c.local
		WHERE m.state = 'active' AND m.role <> 'organiser' AND NOT EXISTS (SELECT 1 FROM invitations AS i WHERE i.community = m.community AND i.invitee = m.actor AND i.state = 'consumed')`, false},
	{"a sequence has no gaps at its source", "numbers of this community's log are missing",
		`SELECT c.iri FROM communities AS c WHERE c.local AND c.sequence <> (SELECT COUNT(*) FROM community_log AS l WHERE l.community = c.iri)`, false},
	{"the index equals what is kept", "it is neither in the search index nor waits to be",
		`SELECT d.iri FROM dispatches AS d WHERE d.latest AND d.document IS NOT NULL AND NOT EXISTS (SELECT 1 FROM search_queue AS q WHERE q.object = d.iri)
			AND NOT EXISTS (SELECT 1 FROM search_entries AS e WHERE e.object = d.iri AND e.dispatch_row = d.id)
		UNION ALL SELECT c.iri FROM comments AS c WHERE c.state = 'shown' AND NOT EXISTS (SELECT 1 FROM search_queue AS q WHERE q.object = c.iri) AND NOT EXISTS (SELECT 1 FROM search_entries AS e WHERE e.object = c.iri)`, false},
	{"the index equals what is kept", "the search index holds what is gone",
		`SELECT e.object FROM search_entries AS e WHERE NOT EXISTS (SELECT 1 FROM dispatches AS d WHERE e.source = 'dispatch' AND d.iri = e.object AND d.latest AND d.document IS NOT NULL)
			AND NOT EXISTS (SELECT 1 FROM comments AS c WHERE e.source = 'comment' AND c.iri = e.object AND c.state = 'shown')`, false},
	{"the index equals what is kept", "an entry of the search index has no words, or words have no entry",
		`SELECT e.object FROM search_entries AS e WHERE NOT EXISTS (SELECT 1 FROM search_text AS t WHERE t.rowid = e.id)
		UNION ALL SELECT CAST(t.rowid AS TEXT) FROM search_text AS t WHERE NOT EXISTS (SELECT 1 FROM search_entries AS e WHERE e.id = t.rowid)`, false},
}

// wordsLeft selects drafts (d) of withdrawn dispatches (x) whose words are still here.
const wordsLeft = ` FROM drafts AS d JOIN dispatches AS x ON x.latest AND x.state = 'withdrawn' AND x.origin = 'issued' AND x.author = d.office AND (x.iri = d.dispatch OR x.iri = d.corrects)
	WHERE (d.subject <> '' OR d.kind = '' OR d.state IN ('draft', 'in clearance') OR EXISTS (SELECT 1 FROM draft_revisions AS r WHERE r.draft = d.id AND r.content <> d.content)
		OR EXISTS (SELECT 1 FROM draft_versions AS v WHERE v.draft = d.id) OR EXISTS (SELECT 1 FROM draft_clashes AS k WHERE k.draft = d.id)
		OR EXISTS (SELECT 1 FROM draft_comments AS m WHERE m.draft = d.id AND m.text <> '') OR EXISTS (SELECT 1 FROM clearances AS c WHERE c.draft = d.id AND c.note <> '')
		OR d.id IN (SELECT n.subject FROM notices AS n WHERE n.kind = 'change asked' AND n.detail <> ''))`

// WithdrawnWithWords lists withdrawn dispatches of ours, by row id, whose drafts still hold
// words: a program that erased none withdrew them.
func WithdrawnWithWords(ctx context.Context, db bun.IDB, after int64, limit int) ([]*Dispatch, error) {
	var rows []*Dispatch
	err := db.NewRaw(`SELECT id, iri, author, kind, precedence, marking, language, withdrawn_at FROM dispatches WHERE id > ? AND id IN (SELECT x.id`+wordsLeft+`) ORDER BY id LIMIT ?`, after, limit).Scan(ctx, &rows)
	return rows, err
}

// Violations returns up to 100 rows that break an invariant.
func Violations(ctx context.Context, db bun.IDB, i Invariant, federates int64) ([]string, error) {
	var out []string
	query := i.Query + " LIMIT 100"
	var err error
	if i.Ranked {
		err = db.NewRaw(query, federates).Scan(ctx, &out)
	} else {
		err = db.NewRaw(query).Scan(ctx, &out)
	}
	return out, err
}
