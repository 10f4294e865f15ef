package models

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptrace/bun"
)

// fileUses say where a file can be named, the cheapest first: {column} holds the digest
// among its bytes, [column] in its text. Nobody goes on with a released or discarded draft,
// so of these the last revision alone counts.
var fileUses = []string{
	`SELECT 1 FROM drafts WHERE {content}`,
	`SELECT 1 FROM drafts AS d JOIN draft_revisions AS r ON r.draft = d.id WHERE d.state IN ('draft', 'in clearance') AND {r.content}`,
	`SELECT 1 FROM drafts AS d JOIN draft_versions AS v ON v.draft = d.id WHERE d.state IN ('draft', 'in clearance') AND {v.body}`,
	`SELECT 1 FROM drafts AS d JOIN draft_clashes AS k ON k.draft = d.id WHERE d.state IN ('draft', 'in clearance') AND {k.body}`,
	`SELECT 1 FROM draft_comments WHERE [text]`,
	`SELECT 1 FROM arrivals WHERE state IN ('pending', 'set-aside') AND body IS NOT NULL AND {body}`,
	`SELECT 1 FROM comments WHERE state = 'shown' AND ([content] OR document IS NOT NULL AND {document})`,
	`SELECT 1 FROM evidence WHERE [detail] OR document IS NOT NULL AND {document}`,
	`SELECT 1 FROM dispatches WHERE document IS NOT NULL AND {document}`,
}

var (
	inBytes = regexp.MustCompile(`\{([a-z.]+)\}`)
	inText  = regexp.MustCompile(`\[([a-z.]+)\]`)
)

// FileAttached tells whether a dispatch that is not withdrawn has the file with this digest.
func FileAttached(ctx context.Context, db bun.IDB, digest string) (bool, error) {
	return named(ctx, db, digest, []string{`SELECT 1 FROM attachments WHERE digest = ? AND state <> 'erased'`})
}

// FileNamed tells whether a version of a dispatch, a draft, a comment, evidence or an
// arrival names the file with this digest. It reads through the texts of all of them.
func FileNamed(ctx context.Context, db bun.IDB, digest string) (bool, error) {
	return named(ctx, db, digest, fileUses)
}

// FileInDraft tells whether a draft names the file with this digest.
func FileInDraft(ctx context.Context, db bun.IDB, digest string) (bool, error) {
	return named(ctx, db, digest, fileUses[:4])
}

func named(ctx context.Context, db bun.IDB, digest string, uses []string) (bool, error) {
	bytes, text := `INSTR(CAST($1 AS BLOB), CAST(? AS BLOB)) > 0`, `INSTR($1, ?) > 0`
	if isPG(db) {
		bytes, text = `POSITION(CONVERT_TO(CAST(? AS TEXT), 'UTF8') IN $1) > 0`, `POSITION(? IN $1) > 0`
	}
	for _, use := range uses {
		query := inText.ReplaceAllString(inBytes.ReplaceAllString(use, bytes), text)
		args := make([]any, strings.Count(query, "?"))
		for i := range args {
			args[i] = digest
		}
		var one int
		err := rawRow(ctx, db, query+" LIMIT 1", args, &one)
		if err == nil {
			return true, nil
		}
		if !NotFound(err) {
			return false, fmt.Errorf("look for what names the file %s: %w", digest, err)
		}
	}
	return false, nil
}
