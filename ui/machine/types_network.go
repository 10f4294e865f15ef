package machine

import (
	"encoding/json"
	"time"

	"valise/models"
	"valise/models/iri"
)

// Peer is another instance and its standing.
type Peer struct {
	Host               iri.Host    `json:"host"`
	State              string      `json:"state"`
	Affiliation        string      `json:"affiliation"`
	Ceiling            string      `json:"ceiling"`
	AskedCeiling       string      `json:"askedCeiling,omitempty"`
	Form               string      `json:"form"`
	InstanceActor      iri.IRI     `json:"instanceActor,omitempty"`
	PinnedFingerprint  string      `json:"pinnedFingerprint,omitempty"`
	OfferedFingerprint string      `json:"offeredFingerprint,omitempty"`
	Contact            string      `json:"contact,omitempty"`
	ProposedByUs       bool        `json:"proposedByUs"`
	Reason             string      `json:"reason,omitempty"`
	Scheme             string      `json:"scheme,omitempty"`
	CreatedAt          models.Time `json:"createdAt"`
	UpdatedAt          models.Time `json:"updatedAt"`
	Failures           int64       `json:"failures"` // in a row, of deliveries
	BackOffUntil       models.Time `json:"backOffUntil,omitzero"`
	LastAnswerAt       models.Time `json:"lastAnswerAt,omitzero"`
	LastReason         string      `json:"lastReason,omitempty"`
	// Given where one peer is asked for.
	Offices       int64       `json:"offices,omitempty"`      // how many are known
	OfficesReadAt models.Time `json:"officesReadAt,omitzero"` // when its directory was last read
	OfficesFault  string      `json:"officesFault,omitempty"` // why the last try failed
}

// PeerOffice is an office of another instance, as its directory names it.
type PeerOffice struct {
	ID     iri.IRI `json:"id"`
	Handle string  `json:"handle"`
	Name   string  `json:"name"`
	Code   string  `json:"code,omitempty"`
	Post   string  `json:"post,omitempty"`
}

// Address is what a typed text may stand for among addressees: an "office", a
// "community", or a "collective" address of an office of ours.
type Address struct {
	Kind    string  `json:"kind"`
	ID      string  `json:"id"`
	Office  iri.IRI `json:"office,omitempty"`
	Name    string  `json:"name"`
	Code    string  `json:"code,omitempty"`
	Post    string  `json:"post,omitempty"`
	Handle  string  `json:"handle,omitempty"`
	Own     bool    `json:"own"`
	Members int     `json:"members,omitempty"`
}

// PeerTerms propose, accept or change a peer. A field that an act does not know must
// be empty.
type PeerTerms struct {
	Host        string `json:"host,omitempty"` // of a proposal
	Affiliation string `json:"affiliation,omitempty"`
	Ceiling     string `json:"ceiling,omitempty"`
	Form        string `json:"form,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Contact     string `json:"contact,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Fingerprint is our own, to be read out to another operator.
type Fingerprint struct {
	Host        iri.Host `json:"host"`
	Fingerprint string   `json:"fingerprint"`
}

// Community is a community that we run or have joined.
type Community struct {
	ID              iri.IRI     `json:"id"`
	Local           bool        `json:"local"`
	Name            string      `json:"name"`
	Kind            string      `json:"kind"`
	Office          iri.IRI     `json:"office,omitempty"`
	Organiser       iri.IRI     `json:"organiser"`
	Ceiling         string      `json:"ceiling"`
	Posting         string      `json:"posting"`
	Commenting      string      `json:"commenting"`
	Rendering       string      `json:"rendering"`
	HistoryDays     int64       `json:"historyDays"`
	SubjectInNotice bool        `json:"subjectInNotice"`
	CharterDigest   string      `json:"charterDigest"`
	Sequence        int64       `json:"sequence"`
	CreatedAt       models.Time `json:"createdAt"`
}

// InvitationView is an invitation with what its invitee decides upon. Charter is
// Markdown; it is left out where none came. CharterHTML is the same, safe to show.
type InvitationView struct {
	Invitation
	Name          string `json:"name"`
	Words         string `json:"words,omitempty"`
	Charter       string `json:"charter,omitempty"`
	CharterHTML   string `json:"charterHTML,omitempty"`
	CharterDigest string `json:"charterDigest,omitempty"`
}

// CommunityView is a community as one of its members sees it.
type CommunityView struct {
	Community
	Charter     string       `json:"charter,omitempty"`     // Markdown
	CharterHTML string       `json:"charterHTML,omitempty"` // the same, safe to show
	Members     []Member     `json:"members"`
	Invitations []Invitation `json:"invitations,omitempty"`
}

// Member is one actor in the audience, or one that was.
type Member struct {
	Actor       iri.IRI     `json:"actor"`
	Role        string      `json:"role"`
	Ceiling     string      `json:"ceiling"`
	State       string      `json:"state"`
	Form        string      `json:"form"`
	Since       models.Time `json:"since,omitzero"`
	HistoryFrom models.Time `json:"historyFrom,omitzero"`
	EndsAt      models.Time `json:"endsAt,omitzero"`
	LeftAt      models.Time `json:"leftAt,omitzero"`
}

// NewCommunity opens a community. Empty fields take the closed choice; rendering is inline,
// which only the lowest marking gets.
type NewCommunity struct {
	Acting
	Office          string `json:"office,omitempty"`
	Username        string `json:"username"`
	Name            string `json:"name"`
	Charter         string `json:"charter"`
	Kind            string `json:"kind,omitempty"`
	Ceiling         string `json:"ceiling,omitempty"`
	Posting         string `json:"posting,omitempty"`
	Commenting      string `json:"commenting,omitempty"`
	Rendering       string `json:"rendering,omitempty"`
	HistoryDays     int64  `json:"historyDays,omitempty"`
	SubjectInNotice bool   `json:"subjectInNotice,omitempty"`
}

// CommunityAct is what a person does in a community, named by user name, handle or id.
// Dispatch and Text make a comment, Member and Reason a removal, Ceiling a new ceiling.
type CommunityAct struct {
	Acting
	Community string `json:"community"`
	Dispatch  string `json:"dispatch,omitempty"`
	Text      string `json:"text,omitempty"`
	Member    string `json:"member,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Ceiling   string `json:"ceiling,omitempty"`
}

// NewInvitation invites one actor. Without HistoryDays the community's window counts.
type NewInvitation struct {
	Acting
	Community   string     `json:"community"`
	Who         string     `json:"who"`
	Role        string     `json:"role,omitempty"`
	Ceiling     string     `json:"ceiling,omitempty"`
	Ends        *time.Time `json:"ends,omitempty"`
	HistoryDays *int64     `json:"historyDays,omitempty"`
	Words       string     `json:"words,omitempty"`
}

// Answer accepts, declines or revokes an invitation.
type Answer struct {
	Acting
	Invitation iri.IRI `json:"invitation"`
}

// Invitation is one from us or to a person of ours.
type Invitation struct {
	ID         iri.IRI     `json:"id"`
	Community  iri.IRI     `json:"community"`
	Invitee    iri.IRI     `json:"invitee"`
	Sponsor    iri.IRI     `json:"sponsor"`
	Role       string      `json:"role"`
	Ceiling    string      `json:"ceiling"`
	State      string      `json:"state"`
	Incoming   bool        `json:"incoming"`
	EndsAt     models.Time `json:"endsAt,omitzero"`
	ExpiresAt  models.Time `json:"expiresAt"`
	CreatedAt  models.Time `json:"createdAt"`
	AnsweredAt models.Time `json:"answeredAt,omitzero"`
}

// Key is a public key of an actor of ours. Fingerprint is given for Ed25519.
type Key struct {
	ID          iri.IRI     `json:"id"`
	Actor       iri.IRI     `json:"actor"`
	Type        string      `json:"type"`
	State       string      `json:"state"`
	Public      string      `json:"public"`
	Fingerprint string      `json:"fingerprint,omitempty"`
	CreatedAt   models.Time `json:"createdAt"`
	RevokedAt   models.Time `json:"revokedAt,omitzero"`
	Reason      string      `json:"reason,omitempty"`
}

// Rotation replaces the Ed25519 key of an actor of ours; "" is the instance actor.
type Rotation struct {
	Actor       string     `json:"actor,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	RSA         bool       `json:"rsa,omitempty"` // the RSA key, not the Ed25519 key
	Compromised bool       `json:"compromised,omitempty"`
	Since       *time.Time `json:"since,omitempty"` // when it was compromised
}

// Delivery is one activity on its way to one inbox.
type Delivery struct {
	ID        int64       `json:"id"`
	Host      iri.Host    `json:"host"`
	Inbox     iri.IRI     `json:"inbox"`
	Activity  iri.IRI     `json:"activity"`
	Type      string      `json:"type"`
	Object    iri.IRI     `json:"object,omitempty"`
	Recipient iri.IRI     `json:"recipient,omitempty"`
	State     string      `json:"state"`
	Attempts  int64       `json:"attempts"`
	NextAt    models.Time `json:"nextAt,omitzero"`
	Status    int64       `json:"status,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	CreatedAt models.Time `json:"createdAt"`
}

// HeldHost is a host that does not believe our signatures: what is for it waits.
type HeldHost struct {
	Host         iri.Host    `json:"host"`
	Since        models.Time `json:"since"`
	LastAnswerAt models.Time `json:"lastAnswerAt"`
	Reason       string      `json:"reason"`
}

// Arrival is one activity as it reached one inbox. Body, Request and Signer are given
// when one arrival is asked for. Body is text, since it may be no JSON.
type Arrival struct {
	ID         int64       `json:"id"`
	Activity   iri.IRI     `json:"activity"`
	Inbox      iri.IRI     `json:"inbox"`
	Type       string      `json:"type"`
	ObjectType string      `json:"objectType,omitempty"`
	Object     iri.IRI     `json:"object,omitempty"`
	Actor      iri.IRI     `json:"actor"`
	Host       iri.Host    `json:"host"`
	State      string      `json:"state"`
	Attempts   int64       `json:"attempts"`
	Reason     string      `json:"reason,omitempty"`
	Digest     string      `json:"digest"`
	ReceivedAt models.Time `json:"receivedAt"`
	AppliedAt  models.Time `json:"appliedAt,omitzero"`
	KeyID      iri.IRI     `json:"keyId,omitempty"`
	Request    string      `json:"request,omitempty"`
	Body       string      `json:"body,omitempty"`
	Signer     string      `json:"signer,omitempty"`
}

// AuditEntry is one act of power.
type AuditEntry struct {
	ID     int64           `json:"id"`
	At     models.Time     `json:"at"`
	Actor  string          `json:"actor"`
	Act    string          `json:"act"`
	Object string          `json:"object"`
	Detail json.RawMessage `json:"detail"`
	Hash   string          `json:"hash"`
}

// AuditVerdict says how many entries follow from one another, and where that ends.
type AuditVerdict struct {
	Entries int    `json:"entries"`
	Fault   string `json:"fault,omitempty"`
}

// Notice is what somebody must see.
type Notice struct {
	ID        int64       `json:"id"`
	Kind      string      `json:"kind"`
	Subject   string      `json:"subject"`
	Detail    string      `json:"detail,omitempty"`
	CreatedAt models.Time `json:"createdAt"`
}
