package policy

// Refusal is a decision against a request, with a reason that a machine can read
// (RFC 9457) and words that an operator understands. Nothing of a refused request was
// kept.
type Refusal struct {
	Code   string // last part of the problem type: "stale-signature"
	Status int    // HTTP status
	Detail string
	// Field is the part of the request that is wrong, by the name that forms and documents
	// of the service give it; "" where it is none of them alone.
	Field string
	// RetryAfter in seconds asks the sender to come again; 0 says nothing.
	RetryAfter int
	// Withhold says that text above every ceiling was found in what is refused for another
	// reason.
	Withhold bool
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// About returns a refusal as one that is about a field; any other error as it is.
func About(field string, err error) error {
	r, ok := err.(*Refusal)
	if !ok {
		return err
	}
	about := *r
	about.Field = field
	return &about
}

// Rename returns a refusal with the name that its field has for the one who calls; any
// other error, and one about another field, as it is.
func Rename(err error, names map[string]string) error {
	if r, ok := err.(*Refusal); ok && names[r.Field] != "" {
		return About(names[r.Field], err)
	}
	return err
}

// AboveCeiling tells whether what was refused holds text above a ceiling: of such an
// arrival number, digest and reason are kept, and none of its bytes.
func (r *Refusal) AboveCeiling() bool {
	return r.Withhold || r.Code == "above-ceiling" || r.Code == "classified"
}

// ProblemBase begins the type of every problem that we answer with.
const ProblemBase = "https://w3id.org/valise/problems/"
