package serve

import (
	"time"

	"github.com/gin-gonic/gin"

	"valise/federation/vocab"
)

const (
	nodeInfoSchema = "http://nodeinfo.diaspora.software/ns/schema/2.1"
	relApplication = vocab.ContextAS2 + "#Application"
	relService     = vocab.ContextAS2 + "#Service"
)

// nodeInfoIndex links the NodeInfo document and the instance actor (FEP-2677).
func (s *Server) nodeInfoIndex(c *gin.Context) error {
	type link struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	cacheable(c, time.Hour)
	return sendJSON(c, "application/json", struct {
		Links []link `json:"links"`
	}{[]link{{nodeInfoSchema, s.Own.Base() + "/nodeinfo/2.1"}, {relApplication, string(s.instanceActor())}}})
}

// nodeInfo counts nobody (FEP-0151 allows an empty usage): how many people an embassy
// has is not for everybody.
func (s *Server) nodeInfo(c *gin.Context) error {
	type services struct {
		Inbound  []string `json:"inbound"`
		Outbound []string `json:"outbound"`
	}
	type none struct{}
	var doc struct {
		Version  string `json:"version"`
		Software struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"software"`
		Protocols         []string `json:"protocols"`
		Services          services `json:"services"`
		OpenRegistrations bool     `json:"openRegistrations"`
		Usage             struct {
			Users none `json:"users"`
		} `json:"usage"`
		Metadata none `json:"metadata"`
	}
	doc.Version, doc.Software.Name, doc.Software.Version = "2.1", "valise", s.Version
	doc.Protocols, doc.Services = []string{"activitypub"}, services{[]string{}, []string{}}
	cacheable(c, time.Hour)
	return sendJSON(c, `application/json; profile="`+nodeInfoSchema+`#"`, doc)
}
