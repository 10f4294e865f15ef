package vocab

import (
	"time"

	"valise/models/iri"
)

// bulletinContext names what a bulletin uses and no server must load anything
// for: Fedify fetches contexts that it does not know.
const bulletinContext = `["` + ContextAS2 + `",{"sensitive":"as:sensitive"}]`

// Bulletin is Form B (PROTOCOL §4.3): a post of the Group to its own
// followers, on software that knows no dispatches.
//
// Published is the time of distribution and never changes: GoToSocial ignores
// an update that does not repeat it. Updated is set for updates only, without
// it no edit is shown. An Article carries no Summary, else GoToSocial hides
// its subject.
type Bulletin struct {
	ID         iri.IRI // of the post
	ActivityID iri.IRI // one for each inbox, the same at each retry
	Group      iri.IRI
	To         []iri.IRI // the Group's followers
	Cc         []iri.IRI // mentioned actors
	Article    bool      // an Article with Name, instead of a Note
	Name       string
	Summary    string
	Sensitive  bool
	Content    string
	Language   string // of Content, optional: "en"
	URL        iri.IRI
	InReplyTo  iri.IRI // only where the parent went to that inbox
	Mentions   []Mention
	Published  time.Time
	Updated    time.Time
}

// Create returns the activity that posts the bulletin.
func (b Bulletin) Create() []byte {
	return b.begin("Create").Time("published", b.Published).Obj("object", b.post()).Bytes()
}

// Update returns the activity that edits it.
func (b Bulletin) Update() []byte {
	return b.begin("Update").Time("published", b.Updated).Obj("object", b.post()).Bytes()
}

// Delete returns the activity that removes it, at the time deleted. Mastodon
// refuses the id for ever afterwards.
func (b Bulletin) Delete(deleted time.Time) []byte {
	return b.begin("Delete").Time("published", deleted).
		Obj("object", Tombstone{ID: b.ID, FormerType: b.kind(), Deleted: deleted}.obj(New())).Bytes()
}

// Post returns the bulletin as its id serves it.
func (b Bulletin) Post() []byte {
	o := New().Raw("@context", []byte(bulletinContext))
	return b.write(o).Bytes()
}

func (b Bulletin) kind() string {
	if b.Article {
		return "Article"
	}
	return "Note"
}

func (b Bulletin) begin(kind string) *Obj {
	return New().Raw("@context", []byte(bulletinContext)).IRI("id", b.ActivityID).Str("type", kind).
		IRI("actor", b.Group).IRIs("to", b.To).IRIs("cc", b.Cc)
}

func (b Bulletin) post() *Obj { return b.write(New()) }

func (b Bulletin) write(o *Obj) *Obj {
	o.IRI("id", b.ID).Str("type", b.kind()).IRI("attributedTo", b.Group).IRIs("to", b.To).IRIs("cc", b.Cc)
	if b.Article {
		o.Str("name", b.Name)
	} else {
		o.Str("summary", b.Summary)
		if b.Sensitive {
			o.Bool("sensitive", true)
		}
	}
	o.Str("content", b.Content)
	if b.Language != "" {
		o.Obj("contentMap", New().Str(b.Language, b.Content))
	}
	return o.IRI("url", b.URL).IRI("inReplyTo", b.InReplyTo).Objs("tag", mentionObjs(b.Mentions)).
		Time("published", b.Published).Time("updated", b.Updated)
}
