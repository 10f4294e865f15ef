package policy

// Refusal is a decision against a request, with a reason that a machine can read
// (RFC 9457) and words that an operator understands. Nothing of a refused request was
// kept.
type Refusal struct {
	Code   string // last part of the problem type: "stale-signature"
	Status int    // HTTP status
	Detail string
	// RetryAfter in seconds asks the sender to come again; 0 says nothing.
	RetryAfter int
	// Withhold says that text above every ceiling was found in what is refused for another
	// reason.
	Withhold bool
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// AboveCeiling tells whether what was refused holds text above a ceiling: of such an
// arrival number, digest and reason are kept, and none of its bytes.
func (r *Refusal) AboveCeiling() bool {
	return r.Withhold || r.Code == "above-ceiling" || r.Code == "classified"
}

// ProblemBase begins the type of every problem that we answer with.
const ProblemBase = "https://w3id.org/valise/problems/"
