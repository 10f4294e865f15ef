package communities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// maxCharter bounds a charter, in bytes as it travels: an Invite takes it along, and a
// host without standing may send 16 KiB at most (PROTOCOL §4.2).
const maxCharter = 10 << 10

// maxInvite bounds an Invite without its proof, so that it fits into those 16 KiB.
const maxInvite = 15 << 10

// checkCharter refuses what could not travel. A charter is fixed when its community is
// opened: members have consented to the text with that digest, so that another text
// needs another community.
func checkCharter(source string) error {
	size := len(source)
	for _, escaped := range []string{`"`, `\`, "\n", "\r", "\t"} {
		size += strings.Count(source, escaped)
	}
	if strings.TrimSpace(source) == "" || size > maxCharter {
		return invalid("a community needs a charter of at most 10 KiB: its purpose, who is in it, what they may do with what they read. Put what is longer into a dispatch")
	}
	if why := dispatches.Unfit(source); why != "" {
		return invalid("the charter %s", why)
	}
	return nil
}

// RenderCharter returns a charter's Markdown as HTML that is safe to show.
func RenderCharter(source string) (string, error) {
	if source == "" {
		return "", nil
	}
	return dispatches.Paragraph{Text: source}.HTML()
}

// fits holds the charter of an Invite to its digest and to the limits of our own. An
// Invite without a text is taken: its reader is told that there is none.
func fits(in vocab.Invite) error {
	if in.Charter == "" {
		return nil
	}
	if err := checkCharter(in.Charter); err != nil {
		return &policy.Refusal{Code: "charter-unfit", Detail: fmt.Sprintf("the charter in the invitation %s: %v", in.ID, err)}
	}
	if have := sign.BytesDigest([]byte(in.Charter)); have != in.CharterDigest {
		return &policy.Refusal{Code: "charter-differs", Detail: fmt.Sprintf("the invitation %s names the charter %q, and carries one with the digest %s", in.ID, in.CharterDigest, have)}
	}
	return nil
}

// read is the Invite that an invitation to one of ours came as.
func (s *Communities) read(invitation iri.IRI, document []byte) (vocab.Invite, error) {
	a, err := vocab.ParseActivity(document, s.Rules)
	if err != nil {
		return vocab.Invite{}, fmt.Errorf("read the invitation %s: %w", invitation, err)
	}
	return vocab.ParseInvite(a, s.Rules)
}

// wordsWith are the sponsor's words in an Invite of ours; other software got them in a note.
func (s *Communities) wordsWith(ctx context.Context, invitation iri.IRI) (string, error) {
	sent, err := models.ActivityByIRI(ctx, s.Store.R, invitation)
	if models.NotFound(err) || err == nil && (sent.Type != "Invite" || sent.Bytes == nil) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	in, err := s.read(invitation, sent.Bytes)
	return in.Summary, err
}

// InvitationView is an invitation with what its invitee decides upon.
type InvitationView struct {
	Invitation *models.Invitation
	Community  string // its name
	Words      string // of the sponsor, plain text
	// Charter is its Markdown source, "" where the Invite carried none. It has the
	// digest that the invitation names.
	Charter string
	// Answers says that the reader may accept or decline it; Runs that she organises the
	// community. Sponsor and Invitee are names, "" where none is known.
	Answers, Runs    bool
	Sponsor, Invitee string
}

// Invitation shows one invitation to its invitee, to those who act for an invited
// office, and to those who organise the community.
func (s *Communities) Invitation(ctx context.Context, person, invitation iri.IRI) (*InvitationView, error) {
	named, err := models.NamedInvitationByIRI(ctx, s.Store.R, invitation)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("invitation")
	}
	if err != nil {
		return nil, err
	}
	row := &named.Invitation
	v := &InvitationView{Invitation: row, Sponsor: named.SponsorName, Invitee: named.Name}
	var local *models.Community
	if row.Incoming {
		in, err := s.read(row.IRI, row.Document)
		if err != nil {
			return nil, err
		}
		v.Community, v.Words, v.Charter = vocab.Clip(in.GroupName, 500), in.Summary, in.Charter
	} else {
		c, err := models.CommunityByIRI(ctx, s.Store.R, row.Community)
		if err != nil {
			return nil, fmt.Errorf("read the community of the invitation %s: %w", row.IRI, err)
		}
		v.Community, v.Charter, local = c.Name, c.Charter, c
		v.Runs = c.Organiser == person
		if v.Words, err = s.wordsWith(ctx, row.IRI); err != nil {
			return nil, err
		}
	}
	if v.Answers = row.Invitee == person; !v.Answers && !v.Runs {
		mandates, err := models.Mandates(ctx, s.Store.R, row.Invitee, person, s.now(), 100)
		if err != nil {
			return nil, fmt.Errorf("find who answers the invitation %s: %w", row.IRI, err)
		}
		v.Answers = slices.ContainsFunc(mandates, func(m *models.Mandate) bool { return m.Act == models.ActRelease })
		if len(mandates) == 0 {
			if local == nil {
				return nil, dispatches.NotFound("invitation")
			}
			ok, err := models.HasMandate(ctx, s.Store.R, person, local.Office, models.ActRelease, s.now())
			if err != nil {
				return nil, err
			}
			if v.Runs = ok; !ok {
				return nil, dispatches.NotFound("invitation")
			}
		}
	}
	return v, nil
}
