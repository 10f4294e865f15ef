package machine

import (
	"github.com/gin-gonic/gin"

	"valise/models/iri"
)

// LinkRequest asks for a one-time link. LostSecondFactor ends her second factors,
// passkeys and recovery codes when she uses it.
type LinkRequest struct {
	LostSecondFactor bool `json:"lostSecondFactor,omitempty"`
}

// Link is a one-time link with which a person sets her password and signs in.
type Link struct {
	Person iri.IRI `json:"person"`
	URL    string  `json:"url"`
}

// OperatorChange names an operator, or ends the role.
type OperatorChange struct {
	Revoke bool `json:"revoke,omitempty"`
}

// BlockChange blocks a person, or lifts that.
type BlockChange struct {
	Lift   bool   `json:"lift,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// access serves who may come in and who may administer.
func (a *api) access(r *gin.Engine) {
	r.POST("/persons/:person/link", a.do(func(c *gin.Context) (any, error) {
		in, err := read[LinkRequest](c)
		if err != nil {
			return nil, err
		}
		person, err := a.Directory.Person(c.Request.Context(), c.Param("person"))
		if err != nil {
			return nil, err
		}
		url, err := a.Access.MakeLink(c.Request.Context(), operator, person, in.LostSecondFactor)
		return Link{Person: person, URL: url}, err
	}))
	r.POST("/persons/:person/block", a.do(func(c *gin.Context) (any, error) {
		in, err := read[BlockChange](c)
		if err != nil {
			return nil, err
		}
		person, err := a.Directory.Person(c.Request.Context(), c.Param("person"))
		if err != nil {
			return nil, err
		}
		if in.Lift {
			return Done{true}, a.Access.Unblock(c.Request.Context(), operator, person)
		}
		return Done{true}, a.Access.Block(c.Request.Context(), operator, person, in.Reason)
	}))
	r.POST("/persons/:person/operator", a.do(func(c *gin.Context) (any, error) {
		in, err := read[OperatorChange](c)
		if err != nil {
			return nil, err
		}
		person, err := a.Directory.Person(c.Request.Context(), c.Param("person"))
		if err != nil {
			return nil, err
		}
		if in.Revoke {
			return Done{true}, a.Access.RevokeOperator(c.Request.Context(), operator, person)
		}
		return Done{true}, a.Access.GrantOperator(c.Request.Context(), operator, person)
	}))
}
