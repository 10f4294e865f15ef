package desk

import (
	"context"
	"fmt"

	"valise/federation/policy"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// CommunityView is a community as a reader sees it, with one page of its dispatches.
type CommunityView struct {
	*models.CommunityFile
	// In says that a membership of hers or of an office of hers is in force; Person that
	// her own is, in which she may comment and which she may leave.
	In, Person bool
	// MayComment says that she may comment, in her own name.
	MayComment bool
	// Drafts is an office of hers for which she may draft a dispatch to be shared; "" for none.
	Drafts iri.IRI
	Rows   []*models.DeskRow
	Next   string // the cursor of the next page, "" after the last one
}

// Community shows a community to who organises it and to those who are or were in it, for
// themselves or for an office: to others there is none. Members, comments and invitations
// are for those in it now. cursor is "" for the first page of dispatches.
func (s *Desk) Community(ctx context.Context, person, community iri.IRI, cursor string, limit int) (*CommunityView, error) {
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, err
	}
	now := s.now()
	comments, commentArgs := audience.Bound(r.Reader, audience.Comments, now)
	file, err := models.CommunityFileOf(ctx, s.Store.R, person, community, comments, commentArgs, now)
	if models.NotFound(err) || err == nil && len(file.Mine) == 0 && !file.Runs {
		return nil, dispatches.NotFound("community")
	}
	if err != nil {
		return nil, fmt.Errorf("read the community %s: %w", community, err)
	}
	v := &CommunityView{CommunityFile: file, In: file.Runs}
	for _, m := range file.Mine {
		if m.State != models.MemberActive || m.EndsAt != 0 && m.EndsAt <= now {
			continue
		}
		v.In = true
		v.Person = v.Person || m.Actor == person
		v.MayComment = v.MayComment || m.Actor == person && policy.Admits(file.Commenting, m.Role)
		if v.Drafts == "" && m.Actor != person && policy.Admits(file.Posting, m.Role) && r.may(m.Actor, models.ActDraft) {
			v.Drafts = m.Actor
		}
	}
	if !v.In {
		file.Members, file.Active, file.Guests, file.Hosts = nil, 0, 0, 0
	}
	if !file.Runs {
		file.Invitations, file.Waiting = nil, 0
	}
	q := models.DeskQuery{Holder: person, Readers: r.ids(), Folder: models.FolderCommunity, Community: community, Limit: min(max(limit, 1), pageMost) + 1, Now: now}
	if q.After, err = readCursor(cursor); err != nil {
		return nil, err
	}
	q.Cond, q.Args = audience.Bound(r.Reader, audience.Dispatches, now)
	if v.Rows, err = models.DeskPage(ctx, s.Store.R, q); err != nil {
		return nil, fmt.Errorf("list what was shared in %s: %w", community, err)
	}
	if len(v.Rows) == q.Limit {
		v.Rows = v.Rows[:q.Limit-1]
		v.Next = writeCursor(v.Rows[len(v.Rows)-1].Key)
	}
	return v, s.excerpts(ctx, v.Rows)
}
